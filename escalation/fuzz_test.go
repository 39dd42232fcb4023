package escalation

import (
	"bytes"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// text writes a story as lines of the log, as an attacker would edit it.
func (s *story) text() []byte {
	var out bytes.Buffer
	for _, l := range s.leaves {
		e := l.Entry
		if e.Decision != nil {
			d := *e.Decision
			d.ID, d.Engine = "d-1", policy.Engine
			d.Policy = "sha256:abababababababababababababababababababababababababababababababab"
			d.Input = audit.Commit(make([]byte, audit.SaltSize), "input", e.Case, nil)
			e.Decision = &d
		}
		leaf, err := audit.Marshal(e)
		if err != nil {
			s.t.Fatal(err)
		}
		out.Write(leaf)
		out.WriteByte('\n')
	}
	return out.Bytes()
}

func parse(text []byte) []Leaf {
	var leaves []Leaf
	for _, line := range bytes.Split(text, []byte("\n")) {
		if e, err := audit.Parse(line); err == nil {
			leaves = append(leaves, Leaf{Entry: e, Hash: audit.LeafHash(line)})
		}
	}
	return leaves
}

// FuzzFold: whatever lines a log holds, folding them ends, in a case or in an
// error that names an entry, and twice in the same.
func FuzzFold(f *testing.F) {
	for _, told := range []func(testing.TB) *story{
		openedOnce, windowOver, closedEscalation, handedOn, late, colluding, erased, conversationClosed,
		brokenReviewed, brokenRevoked, brokenExpired, consentTakenBack, consentOpened, orderApproved, widened, suspended, told,
	} {
		f.Add(told(f).text())
	}
	corpus, err := filepath.Glob("testdata/fuzz/FuzzFold/*")
	if err != nil || len(corpus) == 0 {
		f.Fatal("the corpus in testdata/fuzz/FuzzFold is missing")
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		leaves := parse(text)
		c, err := Fold(leaves)
		if err != nil {
			if !Damaged(err) {
				t.Fatalf("%v names no entry", err)
			}
			return
		}
		again, err := Fold(leaves)
		if err != nil || !reflect.DeepEqual(c, again) {
			t.Fatalf("folded twice, differently: %v", err)
		}
		for _, e := range c.Escalations {
			if e.State == Released && (len(e.Intents) == 0 || len(e.Approvals) == 0 && len(e.Confirmations) == 0) {
				t.Fatalf("released out of nothing: %+v", e)
			}
			if !e.BrokenAt.IsZero() && (!e.Confirmed() || e.Ground != GroundImminentDanger || e.BrokenAt.Before(e.BreakGlassFrom)) {
				t.Fatalf("broken out of nothing: %+v", e)
			}
			if e.Review.Verdict != "" && e.BrokenAt.IsZero() {
				t.Fatalf("nothing was reviewed: %+v", e)
			}
		}
	})
}

// The seeds are real logs: they parse whole, and most of them fold.
func TestSeedsAreLogs(t *testing.T) {
	for _, told := range []func(testing.TB) *story{openedOnce, brokenReviewed, consentTakenBack, orderApproved, told} {
		s := told(t)
		got := parse(s.text())
		if len(got) != len(s.leaves) {
			t.Fatalf("%d of %d lines parse", len(got), len(s.leaves))
		}
	}
	names, err := filepath.Glob("testdata/fuzz/FuzzFold/*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if raw, err := os.ReadFile(name); err != nil || !bytes.HasPrefix(raw, []byte("go test fuzz v1\n")) {
			t.Errorf("%s is no corpus file: %v", name, err)
		}
	}
}

func TestListsReadWhatTheyWrite(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		facets := rapid.SliceOfN(rapid.SampledFrom(allFacets), 1, 6).Draw(r, "facets")
		back, err := ParseFacets(FormatFacets(facets))
		if err != nil || FormatFacets(back) != FormatFacets(facets) {
			r.Fatalf("%v: %v, %v", facets, back, err)
		}
		positions := rapid.SliceOfN(rapid.Int64Range(0, 1000), 1, 20).Draw(r, "positions")
		read, err := ParsePositions(FormatPositions(positions))
		if err != nil || FormatPositions(read) != FormatPositions(positions) {
			r.Fatalf("%v: %v, %v", positions, read, err)
		}
		needed := []policy.ApprovalNeeded{
			{Role: policy.RoleSupervisor, Count: rapid.Int64Range(1, 9).Draw(r, "supervisors")},
			{Role: policy.RolePrivacyOfficer, Count: rapid.Int64Range(1, 9).Draw(r, "officers")},
		}
		asked, err := ParseNeeded(FormatNeeded(needed))
		if err != nil || FormatNeeded(asked) != FormatNeeded(needed) {
			r.Fatalf("%v: %v, %v", needed, asked, err)
		}
	})
	for _, s := range []string{"", ",", "name,connection", "name,name", "Name", " name", "name,", "shoe_size"} {
		if _, err := ParseFacets(s); err == nil {
			t.Errorf("facets %q were read", s)
		}
	}
	for _, s := range []string{"", "3,1", "1,1", "-1", "01", "+1", "1, 2", "1,", "9223372036854775808"} {
		if _, err := ParsePositions(s); err == nil {
			t.Errorf("positions %q were read", s)
		}
	}
	for _, s := range []string{"", "supervisor", "supervisor:0", "supervisor:01", "agent:1", "supervisor:1,privacy_officer:1", "supervisor:1,supervisor:1"} {
		if _, err := ParseNeeded(s); err == nil {
			t.Errorf("approvals %q were read", s)
		}
	}
}
