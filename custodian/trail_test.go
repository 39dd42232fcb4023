package custodian

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

const (
	oneCase     = "0e4f7d3a-6f0b-4f3e-9a37-111111111111"
	anotherCase = "0e4f7d3a-6f0b-4f3e-9a37-222222222222"
)

// someLog is a short log of two cases, as leaves.
func someLog(t *testing.T) (leaves [][]byte) {
	t.Helper()
	prev := audit.Genesis("sceau.test/trail")
	for i, about := range []string{oneCase, "", anotherCase, oneCase, oneCase, ""} {
		leaf, err := audit.Marshal(audit.Entry{
			V: audit.Version, Seq: int64(i), At: time.Unix(int64(i), 0).UTC(), Prev: prev, Via: audit.ViaCustodian,
			Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionClockStepped, Case: about,
			Details: audit.Details{"about": `},"action":"x","case":"` + anotherCase + `"`},
		})
		if err != nil {
			t.Fatal(err)
		}
		leaves, prev = append(leaves, leaf), audit.LeafHash(leaf)
	}
	return leaves
}

func TestTrailHoldsEachCase(t *testing.T) {
	leaves := someLog(t)
	trail := newTrail("sceau.test/trail", policy.Verification{})
	want := map[string]audit.Hash{}
	for i, leaf := range leaves {
		if err := trail.extend(int64(i), leaf, nil); err != nil {
			t.Fatal(err)
		}
		e, err := audit.Parse(leaf)
		if err != nil {
			t.Fatal(err)
		}
		if e.Case != "" {
			want[e.Case] = digestNext(want[e.Case], audit.LeafHash(leaf))
		}
	}
	for _, id := range []string{oneCase, anotherCase, "", "0e4f7d3a-6f0b-4f3e-9a37-333333333333"} {
		if trail.of(id) != want[id] {
			t.Errorf("case %q has another digest", id)
		}
	}
	if trail.next != int64(len(leaves)) || trail.head != audit.LeafHash(leaves[len(leaves)-1]) {
		t.Errorf("the trail ends at %d", trail.next)
	}
}

func TestTrailRefusesAnotherLog(t *testing.T) {
	leaves := someLog(t)
	changed := append([]byte(nil), leaves[2]...)
	changed[len(changed)-5]++ // within a detail
	for name, c := range map[string]struct {
		leaves [][]byte
		seqs   []int64
		was    *seen
		err    error
	}{
		"as it is":          {leaves, []int64{0, 1, 2, 3, 4, 5}, nil, nil},
		"as it was seen":    {leaves, []int64{0, 1, 2, 3, 4, 5}, &seen{2, audit.LeafHash(leaves[2])}, nil},
		"another was seen":  {leaves, []int64{0, 1, 2, 3, 4, 5}, &seen{2, audit.Hash{1}}, errRolledBack},
		"one is missing":    {[][]byte{leaves[0], leaves[2]}, []int64{0, 2}, nil, errLogAltered},
		"one was taken out": {[][]byte{leaves[0], leaves[2]}, []int64{0, 1}, nil, errLogAltered},
		"one comes again":   {[][]byte{leaves[0], leaves[0]}, []int64{0, 0}, nil, errLogAltered},
		"one was changed":   {[][]byte{leaves[0], leaves[1], changed, leaves[3]}, []int64{0, 1, 2, 3}, nil, errLogAltered},
		"no beginning":      {leaves[1:], []int64{1}, nil, errLogAltered},
		"nonsense":          {[][]byte{[]byte("{}")}, []int64{0}, nil, errLogAltered},
		"nothing":           {[][]byte{nil}, []int64{0}, nil, errLogAltered},
	} {
		trail := newTrail("sceau.test/trail", policy.Verification{})
		var err error
		for i := 0; i < len(c.seqs) && err == nil; i++ {
			err = trail.extend(c.seqs[i], c.leaves[i], c.was)
		}
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
	}
	if newTrail("sceau.test/another", policy.Verification{}).extend(0, leaves[0], nil) == nil {
		t.Error("a log of another origin was followed")
	}
}

// Whoever may append, and writes nonsense behind a good beginning, stops nothing
// but the case that the nonsense names.
func TestTrailPassesOverNonsense(t *testing.T) {
	leaves := someLog(t)
	trail := newTrail("sceau.test/trail", policy.Verification{})
	nonsense := append(append([]byte(nil), leaves[0][:len(leaves[0])-1]...), "\xff!"...)
	if err := trail.extend(0, nonsense, nil); err != nil {
		t.Fatal(err)
	}
	if trail.of(oneCase) != digestNext(audit.Hash{}, audit.LeafHash(nonsense)) {
		t.Error("nonsense is not held against its case")
	}
}

func BenchmarkTrail(b *testing.B) {
	trail := newTrail("sceau.test/trail", policy.Verification{})
	leaf, err := audit.Marshal(audit.Entry{
		V: audit.Version, Prev: trail.head, Via: audit.ViaCustodian, Actor: audit.Actor{ID: "custodian"},
		Action: audit.ActionConversationRead, Case: oneCase, Details: audit.Details{"messages": int64(3)},
	})
	if err != nil {
		b.Fatal(err)
	}
	genesis := trail.head
	for b.Loop() {
		trail.next, trail.head = 0, genesis
		if err := trail.extend(0, leaf, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// Between looking where the log ends and reading on, another order may follow
// the log further than that. There is nothing to read then, and no query to ask.
func TestFollowedFurtherMeanwhile(t *testing.T) {
	f := newFollower("log.example.test/ahead", policy.Verification{}, nil, nil)
	f.trail.next = 5
	done, err := f.readPage(context.Background(), nil, ending{next: 3})
	if err != nil || !done {
		t.Fatalf("done %v, error %v", done, err)
	}
}
