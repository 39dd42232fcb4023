package escalation

import (
	"testing"
	"time"

	"github.com/sceau-project/sceau/policy"
)

func (s *story) fails(i int) {
	s.t.Helper()
	s.gate(ReleaseFailedEntry(s.esc(), s.esc().Intents[i].Hash, "vault.unavailable"), agent)
}

func (s *story) opens(i int) {
	s.t.Helper()
	in := s.esc().Intents[i]
	s.gate(ReleasedEntry(s.esc(), in.Hash, in.Facets, "vault-1"), agent)
}

func TestFailedReleaseGivesTheUseBack(t *testing.T) {
	s := approved(t)
	s.order("connection")
	s.fails(0)
	e := s.esc()
	if e.State != Approved || e.Uses != 0 || !e.ReadUntil.IsZero() {
		t.Fatalf("%+v", e)
	}
	// The grant's own end is not moved by that.
	if err := s.c.CheckRelease(e, agent, []string{"connection"}, e.UseBy.Add(time.Microsecond)); Code(err) != policy.ReasonGrantExpired {
		t.Error(err)
	}
	s.order("connection")
	s.opens(1)
	if e.State != Released || e.Uses != 1 {
		t.Fatalf("%+v", e)
	}
}

// A first order died without outcome: it may have opened. A second, in the same
// window, fails; the use stays used.
func TestPossiblyOpenedStaysUsed(t *testing.T) {
	s := approved(t)
	s.order("connection")
	s.order("connection")
	s.fails(1)
	e := s.esc()
	if e.State != Released || e.Uses != 1 || !e.PossiblyOpened() {
		t.Fatalf("%+v", e)
	}
	s.at = e.ReadUntil.Add(time.Microsecond)
	if err := s.c.CheckRelease(e, agent, []string{"connection"}, s.at); Code(err) != policy.ReasonGrantWindowOver {
		t.Error(err)
	}
	s.fails(0) // found out later: then nothing was opened after all
	if e.State != Approved || e.Uses != 0 {
		t.Fatalf("%+v", e)
	}
}

func TestFailureAfterAnOpeningGivesNothingBack(t *testing.T) {
	s := approved(t)
	s.order("connection")
	s.opens(0)
	s.order("connection")
	s.fails(1)
	if e := s.esc(); e.State != Released || e.Uses != 1 || e.ReadUntil.IsZero() {
		t.Fatalf("%+v", e)
	}
}

// An order was on its way when the requester closed: its outcome is recorded,
// and opens nothing again.
func TestOutcomesAfterClosing(t *testing.T) {
	for name, outcome := range map[string]func(*story){
		"opened": func(s *story) { s.opens(0) },
		"failed": func(s *story) { s.fails(0) },
	} {
		s := approved(t)
		s.order("connection")
		s.staff(ClosedEntry(s.esc()), agent)
		outcome(s)
		if e := s.esc(); e.State != Closed || e.PossiblyOpened() {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

func TestSeveralUses(t *testing.T) {
	s := talking(t)
	r := asks()
	r.Obligations.Uses, r.Obligations.ReadForS = 2, 60
	s.staff(RequestedEntry(r, s.at), agent)
	s.gives(supervisor, "name")
	s.staff(ApprovedEntry(s.esc(), s.at), supervisor)
	s.order("name")
	s.opens(0)
	e := s.esc()
	first := e.ReadUntil

	s.at = first.Add(time.Second)
	s.order("name")
	if e.Uses != 2 || !e.ReadUntil.Equal(s.leaves[len(s.leaves)-1].Entry.At.Add(time.Minute)) {
		t.Fatalf("%+v", e)
	}
	s.fails(1) // the second use comes back, the first does not
	if e.State != Released || e.Uses != 1 || !e.ReadUntil.Equal(first) {
		t.Fatalf("%+v", e)
	}
	s.order("name")
	s.opens(2)
	s.at = e.ReadUntil.Add(time.Second)
	if err := s.c.CheckRelease(e, agent, []string{"name"}, s.at); Code(err) != policy.ReasonGrantWindowOver {
		t.Error(err)
	}
	// A use that is left does not outlive the grant.
	e.UsesAllowed = 3
	if err := s.c.CheckRelease(e, agent, []string{"name"}, e.UseBy.Add(time.Second)); Code(err) != policy.ReasonGrantExpired {
		t.Error(err)
	}
}

// Two approvals are two humans, and the grant is what both name.
func TestSeveralApprovals(t *testing.T) {
	s := talking(t)
	r := asks()
	r.Obligations.Approvals = []policy.ApprovalNeeded{{Role: "supervisor", Count: 2}}
	s.staff(RequestedEntry(r, s.at), agent)
	e := s.esc()
	s.gives(supervisor, "connection", "name")
	if e.Complete() {
		t.Fatal("one of two is complete")
	}
	s.read(person(second, supervisor.Person))
	if err := s.c.CheckApproval(e, person(second, supervisor.Person), e.RequestHash, e.Asked, s.at); Code(err) != policy.ReasonApproverAnswered {
		t.Errorf("the same human again: %v", err)
	}
	s.gives(second, "name")
	s.staff(ApprovedEntry(e, s.at), second)
	if FormatFacets(e.Granted) != "name" {
		t.Fatalf("granted %v", e.Granted)
	}
}

func TestDeadlineOfEachState(t *testing.T) {
	s := requested(t)
	e := s.esc()
	want := func(deadline time.Time, open bool) {
		t.Helper()
		if got, ok := e.Deadline(); ok != open || !got.Equal(deadline) {
			t.Errorf("%s: %s, %v", e.State, got, ok)
		}
	}
	want(e.AnswerBy, true)
	s.gives(supervisor, "name")
	s.staff(ApprovedEntry(e, s.at), supervisor)
	want(e.UseBy, true)
	s.order("name")
	want(e.ReadUntil, true)
	s.staff(ClosedEntry(e), agent)
	want(time.Time{}, false)
}
