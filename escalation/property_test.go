package escalation

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

var everybody = []audit.Actor{
	agent, colleague, supervisor, second, twin, doubler, inspector, role(agent, "supervisor"), role(supervisor, "agent"), sweeper,
}

// A move is an entry as an honest process would write it.
type move struct {
	entry maker
	via   audit.Via
	by    audit.Actor
}

var moves = []move{
	{evidenceOf, audit.ViaCustodian, supervisor}, {evidenceOf, audit.ViaCustodian, second},
	{request, audit.ViaStaff, agent}, {giveAll, audit.ViaStaff, supervisor}, {give("name"), audit.ViaStaff, second},
	{sumUp, audit.ViaStaff, supervisor}, {sumUp, audit.ViaStaff, second},
	{order("name"), audit.ViaCustodian, agent}, {order("connection", "name"), audit.ViaCustodian, agent},
	{outcomeOfLast, audit.ViaCustodian, agent}, {failureOfLast, audit.ViaCustodian, agent},
	{deny("other_means"), audit.ViaStaff, supervisor}, {withdrawnOf, audit.ViaStaff, agent},
	{closedOf, audit.ViaStaff, agent}, {expiredOf, audit.ViaStaff, sweeper},
	{same(joined()), audit.ViaStaff, doubler}, {same(joined()), audit.ViaStaff, role(doubler, "psychologist")}, {same(left()), audit.ViaStaff, agent}, {same(handedOver(agent)), audit.ViaStaff, agent},
	{same(handedOver(supervisor)), audit.ViaStaff, agent}, {same(joined()), audit.ViaStaff, agent},
	{same(closed()), audit.ViaPublic, minor}, {approve("connection", "name"), audit.ViaStaff, supervisor},
}

func sumUp(s *story) audit.Entry { return ApprovedEntry(s.esc(), s.at) }

// TestNoHistoryOpensWithoutFourEyes tells random stories by random people at
// random times through random processes, believes what the fold believes, and
// looks at every opening from outside: with its own eyes, not the fold's.
func TestNoHistoryOpensWithoutFourEyes(t *testing.T) {
	reached := map[State]int{}
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.SampledFrom([]func(testing.TB) *story{requested, reviewed, approvedHalf, approvedOnce, ordered}).Draw(r, "start")(t)
		for range rapid.IntRange(1, 30).Draw(r, "entries") {
			s.at = s.at.Add(rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute, 10 * time.Minute, time.Hour}).Draw(r, "later"))
			m := rapid.SampledFrom(moves).Draw(r, "move")
			if rapid.IntRange(0, 3).Draw(r, "forged") == 0 {
				m.by = rapid.SampledFrom(everybody).Draw(r, "by")
				m.via = rapid.SampledFrom([]audit.Via{audit.ViaStaff, audit.ViaCustodian, audit.ViaPublic}).Draw(r, "via")
			}
			if s.try(m.entry(s), m.via, m.by) == nil {
				looksRight(r, s.leaves)
			}
		}
		reached[s.esc().State]++
	})
	for _, state := range []State{Requested, Approved, Released, Closed, Denied, Withdrawn, Expired} {
		if reached[state] == 0 {
			t.Logf("no story ended %s", state)
		}
	}
	if reached[Released]+reached[Closed] == 0 {
		t.Error("no story opened anything: the property was never tried")
	}
}

// looksRight holds the last entry, when it is an opening, to the invariants,
// read from the entries alone.
func looksRight(t *rapid.T, leaves []Leaf) {
	last := leaves[len(leaves)-1].Entry
	if last.Action != audit.ActionIdentityReleaseOrdered {
		return
	}
	var asked, approval, sum audit.Entry
	var asking audit.Hash
	took, read := map[string]bool{}, map[audit.Actor]bool{}
	for _, l := range leaves {
		switch l.Entry.Action {
		case audit.ActionConversationJoined:
			took[l.Entry.Actor.Person] = true
		case audit.ActionConversationHandedOver:
			if p, ok := l.Entry.Details["to_person"].(string); ok {
				took[p] = true
			}
		case audit.ActionEscalationRequested:
			asked, asking = l.Entry, l.Hash
		case audit.ActionEvidenceRead:
			if l.Entry.Via != audit.ViaCustodian {
				t.Fatal("evidence was read past the custodian")
			}
			read[l.Entry.Actor] = true
		case audit.ActionEscalationApprovalGiven:
			if !read[l.Entry.Actor] {
				t.Fatalf("approved unread by %+v", l.Entry.Actor)
			}
			approval = l.Entry
		case audit.ActionEscalationApproved:
			sum = l.Entry
		case audit.ActionEscalationDenied, audit.ActionEscalationWithdrawn, audit.ActionEscalationExpired, audit.ActionEscalationClosed:
			t.Fatalf("opened after %s", l.Entry.Action)
		}
	}
	useBy, _ := audit.ParseTime(sum.Details["use_by"].(string))
	until, _ := audit.ParseTime(last.Details["read_until"].(string))
	answerBy, _ := audit.ParseTime(asked.Details["answer_by"].(string))
	granted, _ := ParseFacets(sum.Details["facets"].(string))
	opens, _ := ParseFacets(last.Details["facets"].(string))
	switch {
	case last.Via != audit.ViaCustodian || approval.Via != audit.ViaStaff:
		t.Fatal("by another process")
	case last.Actor.ID != asked.Actor.ID || last.Actor.Person != asked.Actor.Person:
		t.Fatal("to somebody else")
	case approval.Actor.Person == asked.Actor.Person || approval.Actor.ID == asked.Actor.ID || took[approval.Actor.Person] || approval.Actor.Role != "supervisor":
		t.Fatalf("approved by %+v", approval.Actor)
	case approval.Details["request"] != asking.String():
		t.Fatal("another request was approved")
	case approval.At.After(answerBy):
		t.Fatal("approved too late")
	case last.At.After(useBy) && last.At.After(until):
		t.Fatal("opened too late")
	case until.Sub(last.At) > time.Hour:
		t.Fatal("readable for too long")
	}
	for _, f := range opens {
		if !slices.Contains(granted, f) || !slices.Contains([]string{"connection", "name"}, f) {
			t.Fatalf("opened %s, granted %v", f, granted)
		}
	}
}

// TestPolicyAndMachineAgree: the rules and the machine were written apart. Of
// every answer and release, by everybody, in every story, they say the same, and
// the machine's code is among policy's reasons.
func TestPolicyAndMachineAgree(t *testing.T) {
	p := production(t)
	allowed := map[policy.Point]int{}
	ask := func(in policy.Input, machine error) {
		t.Helper()
		d, err := p.Decide(context.Background(), in)
		switch {
		case err != nil:
			t.Fatal(err)
		case d.Allow && machine != nil:
			t.Errorf("%s: policy allows what the machine refuses: %v\n%s", d.Point, machine, d.Input)
		case !d.Allow && machine == nil:
			t.Errorf("%s: the machine allows what policy refuses: %v\n%s", d.Point, d.Reasons, d.Input)
		case machine != nil && !slices.Contains(d.Reasons, Code(machine)):
			t.Errorf("%s: the machine says %v, policy %v\n%s", d.Point, machine, d.Reasons, d.Input)
		}
		if d.Allow {
			allowed[d.Point]++
		}
	}
	for _, told := range []func(testing.TB) *story{
		requested, reviewed, bothRead, late, colluding, givenTo(supervisor), approvedHalf, approvedOnce, unused, expiredUnused, ordered,
		openedOnce, windowOver, closedEscalation, handedOn, leftIt, erased, approverJoined, requestedBefore, conversationClosedAfter,
	} {
		s := told(t)
		e := s.esc()
		for _, by := range everybody {
			for _, wait := range []time.Duration{0, 2 * time.Hour} {
				at := s.at.Add(wait)
				ask(s.c.EvidenceInput(at, by, e), s.c.CheckReading(e, by, at))
				ask(s.c.DenyInput(at, by, e, e.RequestHash), s.c.CheckDenial(e, by, e.RequestHash, "other_means", at))
				ask(s.c.ApproveInput(at, by, e, audit.Hash{9}, e.Asked), s.c.CheckApproval(e, by, audit.Hash{9}, e.Asked, at))
				for _, facets := range [][]string{{"connection"}, {"connection", "name"}, {"contact"}, {"shoe_size"}, {}} {
					ask(s.c.ApproveInput(at, by, e, e.RequestHash, facets), s.c.CheckApproval(e, by, e.RequestHash, facets, at))
					ask(s.c.ReleaseInput(at, by, e, facets, false), s.c.CheckRelease(e, by, facets, at))
				}
			}
		}
	}
	for _, point := range []policy.Point{policy.PointEscalationApprove, policy.PointIdentityRelease, policy.PointEvidenceRead} {
		if allowed[point] < 5 {
			t.Errorf("%s was allowed %d times: nothing was compared", point, allowed[point])
		}
	}
}

func bothRead(t testing.TB) *story {
	s := reviewed(t)
	s.read(second)
	return s
}

func production(t testing.TB) *policy.Policy {
	t.Helper()
	s, err := policy.Embedded(policy.Production)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := policy.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(raw, policy.Revision(raw))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
