package escalation

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// The grounds to lift anonymity. Everything else is refused.
const (
	GroundImminentDanger      = "imminent_danger"
	GroundConsent             = "consent"
	GroundJudicialRequisition = "judicial_requisition"
)

// Grounds lists every ground.
var Grounds = []string{GroundConsent, GroundImminentDanger, GroundJudicialRequisition}

// DenialReasons are the coded answers of a supervisor who denies.
var DenialReasons = []string{
	"danger_not_imminent", "evidence_insufficient", "facets_excessive", "other_means", "wrong_ground",
}

// ReasonRequesterSuspended is why the sweeper closes an escalation.
const ReasonRequesterSuspended = "requester_suspended"

// An Escalation is one request to lift anonymity, as its entries tell it.
type Escalation struct {
	ID     string
	Case   string
	State  State
	Ground string

	// The request.
	Requester   audit.Actor
	RequestSeq  int64
	RequestHash audit.Hash // leaf hash: approvals are bound to it
	RequestedAt time.Time
	Asked       []string // facets, sorted
	Evidence    []int64  // positions of messages, ascending
	Head        string   // "sha256:" + hex of the message chain's head then
	Messages    int64    // how many messages that head covers
	Narrative   string   // "sha256:" + hex of the sealed narrative's header
	AnswerBy    time.Time
	WidenAt     time.Time // then every supervisor is asked; zero: never
	WidenedAt   time.Time

	// What it rests on, beside the evidence.
	Consent    string // id, on ground consent
	Authority  string // who ordered it, on ground judicial_requisition
	ListedCase string // of those for which the law lets connection data be ordered

	// The terms, as policy gave them when it was requested.
	Needed      []policy.ApprovalNeeded
	UseWithin   time.Duration
	ReadFor     time.Duration
	UsesAllowed int64

	// The answers, by those who had read the evidence.
	Reads            []Reading
	Approvals        []Approval
	Granted          []string // facets, sorted; empty before approval or breaking the glass
	ApprovedAt       time.Time
	UseBy            time.Time
	DenialReason     string
	DeniedBy         audit.Actor
	RevocationReason string
	RevokedBy        audit.Actor

	// The glass: a grant without an answer, reviewed after.
	BreakGlassFrom time.Time // zero: never
	Confirmations  []Confirmation
	BrokenAt       time.Time
	ReviewBy       time.Time
	Review         Review

	// The openings.
	Uses      int64     // reading windows begun, or possibly begun
	ReadUntil time.Time // end of the last reading window
	Intents   []Intent  // every release_ordered, in order

	// What the minor was told of the openings.
	TellWithin time.Duration // after the first opening, as policy said at the first order
	Tellings   []Telling
	Printings  []Printing
	Erased     bool // a key of the case was destroyed: there is nobody left to tell

	ClosedFor string // why the sweeper closed it: [ReasonRequesterSuspended]
	LastSeq   int64  // of the entry that changed it last
}

// A Reading is one time that the custodian opened the evidence for somebody.
type Reading struct {
	Actor audit.Actor
	At    time.Time
	Seq   int64
}

// ReadBy says whether the evidence was opened for this account and human, in this
// session. The custodian verified the token of that session itself: so a face alone
// cannot answer for somebody who is not there.
func (e *Escalation) ReadBy(a audit.Actor) bool { return e.readSince(e.RequestedAt, a) }

func (e *Escalation) readSince(since time.Time, a audit.Actor) bool {
	return slices.ContainsFunc(e.Reads, func(r Reading) bool {
		return !r.At.Before(since) && r.Actor.ID == a.ID && r.Actor.Person == a.Person && r.Actor.Session == a.Session && a.Session != ""
	})
}

// approvedBy says whether this account of this human has approved.
func (e *Escalation) approvedBy(a audit.Actor) bool {
	return slices.ContainsFunc(e.Approvals, func(p Approval) bool {
		return p.Actor.ID == a.ID && p.Actor.Person == a.Person
	})
}

// answered lists who approved, denied or revoked, in that order.
func (e *Escalation) answered() []audit.Actor {
	actors := make([]audit.Actor, 0, len(e.Approvals)+1)
	for _, a := range e.Approvals {
		actors = append(actors, a.Actor)
	}
	for _, a := range []audit.Actor{e.DeniedBy, e.RevokedBy} {
		if a.ID != "" {
			actors = append(actors, a)
		}
	}
	return actors
}

// An Approval is one supervisor's, or privacy officer's, yes.
type Approval struct {
	Actor  audit.Actor
	Facets []string
	At     time.Time
	Seq    int64
}

// An Intent is an order to release, recorded before the key is read. Without an
// outcome it reads "possibly opened".
type Intent struct {
	Hash    audit.Hash // leaf hash of identity.release_ordered
	Seq     int64
	At      time.Time
	Facets  []string
	Use     int64
	Until   time.Time // end of that use's reading window
	Outcome Outcome
}

// An Outcome of an intent.
type Outcome string

// The outcomes.
const (
	Unknown Outcome = ""         // possibly opened
	Opened  Outcome = "released" // the file keys were handed over
	Failed  Outcome = "failed"   // no key left Vault
)

// Deadline is the one deadline of the present state: to answer, to use, or the
// end of the reading window. ok is false in a final state. It has passed when it
// is before the time of the entry at hand.
func (e *Escalation) Deadline() (deadline time.Time, ok bool) {
	switch e.State {
	case Requested:
		return e.AnswerBy, true
	case Approved, GlassBroken:
		return e.UseBy, true
	case Released:
		return e.ReadUntil, true
	}
	return time.Time{}, false
}

// OpensUntil is the last moment at which something can still be opened by it, now or
// after an answer: to answer, to use, or the end of the last reading window. Zero: nothing can.
func (e *Escalation) OpensUntil() time.Time {
	until, _ := e.Deadline()
	if e.State == Released && e.Uses < e.UsesAllowed && e.UseBy.After(until) {
		return e.UseBy
	}
	return until
}

// Over says whether nothing can be opened by it any more, recorded or not: what is
// released never ends by itself. Policy's rule of that name says the same.
func (e *Escalation) Over(at time.Time) bool {
	until := e.OpensUntil()
	return until.IsZero() || Passed(until, at)
}

// Passed says whether a deadline has passed: at the very microsecond of the
// deadline it has not. Every comparison with a deadline is made here.
func Passed(deadline, at time.Time) bool { return deadline.Before(at) }

// Complete says whether every approval that policy asked for is there, each
// counted by person.
func (e *Escalation) Complete() bool {
	if len(e.Needed) == 0 { // an empty list does not mean that no approval is needed
		return false
	}
	for _, n := range e.Needed {
		persons := map[string]bool{}
		for _, a := range e.Approvals {
			if a.Actor.Role == n.Role {
				persons[a.Actor.Person] = true
			}
		}
		if n.Count < 1 || int64(len(persons)) < n.Count {
			return false
		}
	}
	return true
}

// Awaits says whether an answer by this role is still missing.
func (e *Escalation) Awaits(role string) bool {
	if e.State != Requested {
		return false
	}
	given := 0
	for _, a := range e.Approvals {
		if a.Actor.Role == role {
			given++
		}
	}
	return slices.ContainsFunc(e.Needed, func(n policy.ApprovalNeeded) bool {
		return n.Role == role && int64(given) < n.Count
	})
}

// AwaitedRoles are the roles of which an answer is still missing; none is an empty list.
func (e *Escalation) AwaitedRoles() []string {
	roles := []string{}
	for _, n := range e.Needed {
		if e.Awaits(n.Role) {
			roles = append(roles, n.Role)
		}
	}
	return roles
}

// asks says whether policy wanted an approval by this role.
func (e *Escalation) asks(role string) bool {
	return slices.ContainsFunc(e.Needed, func(n policy.ApprovalNeeded) bool { return n.Role == role })
}

// common returns the facets that every approval names: the approval that grants
// the fewest limits all others.
func (e *Escalation) common() []string {
	var all []string
	for _, f := range e.Asked {
		in := len(e.Approvals) > 0
		for _, a := range e.Approvals {
			in = in && slices.Contains(a.Facets, f)
		}
		if in {
			all = append(all, f)
		}
	}
	return all
}

// NextUse says what an order at this time is: the number of its use, and until
// when the identity may be read. Inside a window it is the same use.
func (e *Escalation) NextUse(at time.Time) (use int64, readUntil time.Time) {
	if e.Uses > 0 && !Passed(e.ReadUntil, at) {
		return e.Uses, e.ReadUntil
	}
	return e.Uses + 1, at.Add(e.ReadFor)
}

// windowOf returns the end of a use's reading window, zero for no use.
func (e *Escalation) windowOf(use int64) time.Time {
	for _, i := range slices.Backward(e.Intents) {
		if i.Use == use {
			return i.Until
		}
	}
	return time.Time{}
}

// PossiblyOpened says whether an intent has no outcome.
func (e *Escalation) PossiblyOpened() bool {
	return slices.ContainsFunc(e.Intents, func(i Intent) bool { return i.Outcome == Unknown })
}

// roleOf sees an actor from this escalation.
func (e *Escalation) roleOf(a audit.Actor) Role {
	if e.Requester.ID != "" && a.ID == e.Requester.ID && a.Person == e.Requester.Person && a.Role == e.Requester.Role {
		return RoleRequester
	}
	return Role(a.Role)
}
