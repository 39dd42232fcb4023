package escalation

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// rows returns the rows of the table under a heading, cells without back quotes.
func rows(t *testing.T, doc, heading string) [][]string {
	t.Helper()
	_, text, ok := strings.Cut(doc, "\n"+heading+"\n")
	if !ok {
		t.Fatalf("docs/lifecycle.md has no %q", heading)
	}
	text, _, _ = strings.Cut(text, "\n#")
	var table [][]string
	for _, line := range strings.Split(text, "\n") {
		if !strings.HasPrefix(line, "|") {
			continue
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.ReplaceAll(strings.TrimSpace(cells[i]), "`", "")
		}
		table = append(table, cells)
	}
	if len(table) < 3 {
		t.Fatalf("no table under %q", heading)
	}
	return table[2:]
}

// What docs/lifecycle.md tells is what the code does.
func TestLifecycleDocument(t *testing.T) {
	raw, err := os.ReadFile("../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(raw)

	told := map[step]State{}
	for _, r := range rows(t, doc, "## Transitions") {
		told[step{State(r[0]), Event(r[1]), Role(r[2])}] = State(r[3])
	}
	for at, next := range steps {
		if told[at] != next {
			t.Errorf("not told: %v leads to %s", at, next)
		}
	}
	for at := range told {
		if _, ok := steps[at]; !ok {
			t.Errorf("told, and not so: %v", at)
		}
	}

	var states []State
	for _, r := range rows(t, doc, "## States") {
		states = append(states, State(r[0]))
		if strings.Contains(r[1], "final") != State(r[0]).Final() {
			t.Errorf("%s: final or not?", r[0])
		}
	}
	for _, s := range States {
		if s != None && !slices.Contains(states, s) {
			t.Errorf("state %s is not told", s)
		}
	}

	var codes []string
	for _, r := range rows(t, doc, "## Codes") {
		codes = append(codes, r[0])
	}
	slices.Sort(codes)
	if !slices.Equal(codes, policy.Reasons) {
		t.Errorf("codes told: %q", codes)
	}
	for _, r := range slices.Concat(DenialReasons, policy.RevocationReasons, policy.UnsafeReasons, policy.Tellings, []string{ReasonRequesterSuspended}) {
		if !strings.Contains(doc, "`"+r+"`") {
			t.Errorf("%s is not told", r)
		}
	}
	points := ""
	for _, r := range rows(t, doc, "## Policy") {
		points += r[0] + " "
	}
	for _, p := range policy.Points {
		if !strings.Contains(points, string(p)) {
			t.Errorf("decision point %s is not told", p)
		}
	}
}

// Every detail that Apply reads of an entry is told beside the entry's name.
func TestLifecycleEntries(t *testing.T) {
	raw, err := os.ReadFile("../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]string{}
	for _, r := range rows(t, string(raw), "## Entries") {
		told[r[0]] = r[3]
	}
	s := openedOnce(t)
	s.order("connection")
	e := s.esc()
	request := func(ground string, b Basis) audit.Entry {
		r := asks()
		r.Ground, r.Basis = ground, b
		return RequestedEntry(r, s.at)
	}
	for _, entry := range []struct {
		name    string
		details map[string]any
	}{
		{"escalation.requested", request(GroundImminentDanger, Basis{}).Details},
		{"escalation.requested", request(GroundConsent, Basis{Consent: "c"}).Details},
		{"escalation.requested", request(GroundJudicialRequisition, Basis{Authority: "prosecutor", ListedCase: "cold_case"}).Details},
		{"escalation.refused", RefusedEntry("x", caseID, "", allFacets, policy.Reasons).Details},
		{"escalation.widened", WidenedEntry(e).Details},
		{"evidence.read", EvidenceReadEntry(e).Details},
		{"evidence.read", RequisitionReadEntry(e).Details},
		{"escalation.approval_given", ApprovalGivenEntry(e, allFacets).Details},
		{"escalation.approved", ApprovedEntry(e, s.at).Details},
		{"escalation.denied", DeniedEntry(e, "other_means").Details},
		{"escalation.withdrawn", WithdrawnEntry(e).Details},
		{"escalation.expired", ExpiredEntry(e).Details},
		{"escalation.break_glass_confirmed", ConfirmedEntry(e).Details},
		{"escalation.glass_broken", GlassBrokenEntry(e, terms, s.at).Details},
		{"escalation.reviewed", ReviewedEntry(e, policy.VerdictAbusive).Details},
		{"escalation.revoked", RevokedEntry(e, "misuse").Details},
		{"escalation.closed", ClosedEntry(e).Details},
		{"escalation.closed", SuspendedEntry(e).Details},
		{"identity.release_ordered", ReleaseOrderedEntry(e, allFacets, owed, s.at).Details},
		{"identity.released", outcomeOfLast(s).Details},
		{"identity.release_failed", failureOfLast(s).Details},
		{"identity.printed", PrintedEntry(e, s.at).Details},
		{"minor.told", ToldEntry(e, policy.TellUnsafe, "not_reachable", time.Time{}, owed, s.at).Details},
	} {
		text, ok := told[entry.name]
		if !ok {
			t.Errorf("%s is not told", entry.name)
		}
		for key := range entry.details {
			if !regexp.MustCompile(`\b` + key + `\b`).MatchString(text) {
				t.Errorf("%s: details.%s is not told", entry.name, key)
			}
		}
	}
	if len(told) != 19 {
		t.Errorf("%d entries told", len(told))
	}
}
