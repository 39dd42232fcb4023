package escalation

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// People of the stories. The twin is the agent's human under another account;
// the doubler a supervisor who also works as an agent.
var (
	agent      = audit.Actor{ID: "s-agent", Person: "p-agent", Role: "agent", Session: "x-1"}
	colleague  = audit.Actor{ID: "s-coll", Person: "p-coll", Role: "agent", Session: "x-2"}
	supervisor = audit.Actor{ID: "s-super", Person: "p-super", Role: "supervisor", Session: "x-3"}
	second     = audit.Actor{ID: "s-super2", Person: "p-super2", Role: "supervisor", Session: "x-4"}
	twin       = audit.Actor{ID: "s-twin", Person: "p-agent", Role: "supervisor", Session: "x-5"}
	doubler    = audit.Actor{ID: "s-super-agent", Person: "p-super", Role: "agent", Session: "x-6"}
	inspector  = audit.Actor{ID: "s-insp", Person: "p-insp", Role: "inspector", Session: "x-7"}
	minor      = audit.Actor{ID: "minor", Role: "minor"}
	sweeper    = audit.Actor{ID: "service"}
	custodian  = audit.Actor{ID: "custodian"}

	start = time.Date(2026, 3, 1, 22, 15, 0, 0, time.UTC)
)

const (
	caseID       = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"
	escalationID = "0b7e2f9a-0b1c-4d2e-8f3a-6a5b4c3d2e1f"
	sum          = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
)

var allFacets = []string{"connection", "name", "contact", "location"}

var terms = policy.Obligations{
	Approvals:     []policy.ApprovalNeeded{{Role: "supervisor", Count: 1}},
	AnswerWithinS: 600, RemindAfterS: 180, WidenAfterS: 300, UseWithinS: 900, ReadForS: 3600, Uses: 1,
	BreakGlassAfterS: 300, ReviewWithinS: 72 * 3600,
}

// owed is what policy says at the first opening, and when telling was unsafe.
var owed = policy.Obligations{TellWithinS: 86400, UnsafeAgainS: 604800}

// A story writes entries of one case, each a second after the last unless told
// otherwise, and applies them as it goes.
type story struct {
	t      testing.TB
	c      *Case
	at     time.Time
	seq    int64
	leaves []Leaf
}

// newStory has the keys of a ready case.
func newStory(t testing.TB) *story {
	s := &story{t: t, c: NewCase(), at: start}
	for _, class := range []string{"transcript", "identity"} {
		s.gate(key(audit.ActionKeyCreated, class), custodian)
	}
	return s
}

// leaf completes an entry as the log would.
func (s *story) leaf(e audit.Entry, v audit.Via, by audit.Actor) Leaf {
	e.V, e.Seq, e.At, e.Via, e.Actor = audit.Version, s.seq, s.at, v, by
	if e.Case == "" {
		e.Case = caseID
	}
	if e.Decision == nil {
		e.Decision = decisionFor(e.Action)
	}
	return Leaf{Entry: e, Hash: sha256.Sum256(fmt.Appendf(nil, "%d", s.seq))}
}

// decisionFor is what policy says when it allows what this action records.
func decisionFor(a audit.Action) *audit.Decision {
	point, ok := map[audit.Action]policy.Point{
		audit.ActionEscalationRequested:     policy.PointEscalationRequest,
		audit.ActionEscalationRefused:       policy.PointEscalationRequest,
		audit.ActionEvidenceRead:            policy.PointEvidenceRead,
		audit.ActionEscalationApprovalGiven: policy.PointEscalationApprove,
		audit.ActionEscalationDenied:        policy.PointEscalationApprove,
		audit.ActionIdentityReleaseOrdered:  policy.PointIdentityRelease,

		audit.ActionEscalationRevoked:             policy.PointEscalationRevoke,
		audit.ActionEscalationBreakGlassConfirmed: policy.PointEscalationConfirm,
		audit.ActionEscalationGlassBroken:         policy.PointEscalationBreakGlass,
		audit.ActionEscalationReviewed:            policy.PointEscalationReview,
		audit.ActionMinorTold:                     policy.PointMinorTell,
	}[a]
	if !ok {
		return nil
	}
	d := &audit.Decision{Path: string(point), Result: audit.ResultAllow}
	if a == audit.ActionEscalationRefused {
		d.Result = audit.ResultRefuse
	}
	return d
}

// try applies an entry and says what came of it.
func (s *story) try(e audit.Entry, v audit.Via, by audit.Actor) error {
	l := s.leaf(e, v, by)
	if err := s.c.Extend(l.Entry, l.Hash); err != nil {
		return err
	}
	s.leaves = append(s.leaves, l)
	s.seq++
	s.at = s.at.Add(time.Second)
	return nil
}

// tell applies an entry that must be legal, and returns its hash.
func (s *story) tell(e audit.Entry, v audit.Via, by audit.Actor) audit.Hash {
	s.t.Helper()
	if err := s.try(e, v, by); err != nil {
		s.t.Fatal(err)
	}
	return s.leaves[len(s.leaves)-1].Hash
}

func (s *story) staff(e audit.Entry, by audit.Actor) audit.Hash {
	s.t.Helper()
	return s.tell(e, audit.ViaStaff, by)
}

func (s *story) gate(e audit.Entry, by audit.Actor) audit.Hash {
	s.t.Helper()
	return s.tell(e, audit.ViaCustodian, by)
}

func (s *story) esc() *Escalation {
	s.t.Helper()
	e, ok := s.c.Escalation(escalationID)
	if !ok {
		s.t.Fatal("no lift was requested")
	}
	return e
}

func key(a audit.Action, class string) audit.Entry {
	e := audit.Entry{Action: a, Subject: audit.Subject{Type: "key", ID: class}}
	if a == audit.ActionKeyCreated {
		e.Details = audit.Details{"recipient": sum}
	} else {
		e.Details = audit.Details{"reason": policy.DestroyRetention}
		e.Decision = &audit.Decision{Path: string(policy.PointKeyDestroy), Result: audit.ResultAllow}
	}
	return e
}

// talk is an entry of the conversation that records a head of its messages.
func talk(a audit.Action) audit.Entry {
	return audit.Entry{Action: a, Details: audit.Details{"messages": int64(1), "head": sum}}
}

func opened() audit.Entry {
	e := talk(audit.ActionConversationOpened)
	e.Details["topic"] = "threats"
	return e
}

func joined() audit.Entry { return talk(audit.ActionConversationJoined) }

func handedOver(to audit.Actor) audit.Entry {
	e := talk(audit.ActionConversationHandedOver)
	e.Details["to"], e.Details["to_person"] = to.ID, to.Person
	return e
}

func left() audit.Entry   { return talk(audit.ActionConversationHandedOver) }
func closed() audit.Entry { return talk(audit.ActionConversationClosed) }

func asks() Request {
	return Request{
		ID: escalationID, Case: caseID, Ground: GroundImminentDanger, Facets: []string{"name", "connection"},
		Evidence: []int64{10, 3}, Head: sum, Messages: 12, Narrative: "sha256:bb", Obligations: terms,
	}
}

func talking(t testing.TB) *story {
	s := newStory(t)
	s.tell(opened(), audit.ViaPublic, minor)
	s.staff(joined(), agent)
	return s
}

func requested(t testing.TB) *story {
	s := talking(t)
	s.staff(RequestedEntry(asks(), s.at), agent)
	return s
}

func approved(t testing.TB, facets ...string) *story {
	s := requested(t)
	if len(facets) == 0 {
		facets = []string{"connection"}
	}
	s.gives(supervisor, facets...)
	s.staff(ApprovedEntry(s.esc(), s.at), supervisor)
	return s
}

// read lets people read the evidence.
func (s *story) read(who ...audit.Actor) {
	s.t.Helper()
	for _, by := range who {
		s.gate(EvidenceReadEntry(s.esc()), by)
	}
}

// gives an approval, after reading what it is about.
func (s *story) gives(by audit.Actor, facets ...string) {
	s.t.Helper()
	s.read(by)
	s.staff(ApprovalGivenEntry(s.esc(), facets), by)
}

func (s *story) order(facets ...string) audit.Hash {
	s.t.Helper()
	return s.gate(ReleaseOrderedEntry(s.esc(), facets, owed, s.at), agent)
}
