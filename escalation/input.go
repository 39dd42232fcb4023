package escalation

import (
	"cmp"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// The functions below turn what the log says into what policy is asked, so that
// every caller tells policy the same facts.

// RequestInput is what policy is asked before an escalation.requested. messages
// is how many messages the conversation has.
func (c *Case) RequestInput(at time.Time, actor audit.Actor, ground string, danger policy.Assessment, facets []string, evidence []int64, messages int64) policy.EscalationRequest {
	pending := []policy.Pending{}
	for _, e := range c.Escalations {
		// One that has expired, though no sweeper wrote it yet, waits no more.
		if e.State == Requested && !Passed(e.AnswerBy, at) {
			pending = append(pending, policy.Pending{ID: e.ID, Requester: staff(e.Requester)})
		}
	}
	return policy.EscalationRequest{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Conversation.Facts(at),
		Ground: ground, Assessment: danger, Facets: sorted(facets), Evidence: sorted(evidence),
		Messages: messages, Pending: pending,
	}
}

// ReadInput is what policy is asked before, and during, a reading session of staff.
func (c *Case) ReadInput(at time.Time, actor audit.Actor) policy.ConversationRead {
	return policy.ConversationRead{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Conversation.Facts(at),
	}
}

// ApproveInput is what policy is asked before a supervisor approves.
func (c *Case) ApproveInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash, facets []string) policy.EscalationApprove {
	return policy.EscalationApprove{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Conversation.Facts(at),
		Verdict: policy.VerdictApprove, Request: request.String(), Facets: sorted(facets), Escalation: e.Facts(),
		Session: actor.Session, Reads: e.readings(),
	}
}

// DenyInput is what policy is asked before a supervisor denies.
func (c *Case) DenyInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash) policy.EscalationApprove {
	in := c.ApproveInput(at, actor, e, request, nil)
	in.Verdict = policy.VerdictDeny
	return in
}

// ReleaseInput is what policy is asked before an identity.release_ordered.
func (c *Case) ReleaseInput(at time.Time, actor audit.Actor, e *Escalation, facets []string, clockTrails bool) policy.IdentityRelease {
	return policy.IdentityRelease{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Conversation.Facts(at),
		Facets: sorted(facets), ClockTrails: clockTrails, Escalation: e.Facts(),
	}
}

// EvidenceInput is what policy is asked before a supervisor reads the evidence.
func (c *Case) EvidenceInput(at time.Time, actor audit.Actor, e *Escalation) policy.EvidenceRead {
	return policy.EvidenceRead{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Conversation.Facts(at), Escalation: e.Facts(),
	}
}

// Lift is the escalation as policy sees it.
func (e *Escalation) Facts() policy.Escalation {
	approvals := make([]policy.ApprovalGiven, len(e.Approvals))
	for i, a := range e.Approvals {
		approvals[i] = policy.ApprovalGiven{Actor: staff(a.Actor), Facets: list(a.Facets), At: policy.At(a.At)}
	}
	return policy.Escalation{
		ID: e.ID, State: string(e.State), Ground: e.Ground,
		Request: e.RequestHash.String(), RequestedAt: policy.At(e.RequestedAt), Requester: staff(e.Requester),
		Asked: list(e.Asked), AnswerBy: policy.At(e.AnswerBy),
		Approvals: approvals, Needed: list(e.Needed), Granted: list(e.Granted),
		AnswerWithinS: int64(e.AnswerBy.Sub(e.RequestedAt) / time.Second),
		UseWithinS:    int64(e.UseWithin / time.Second), UseBy: policy.At(e.UseBy),
		ReadForS: int64(e.ReadFor / time.Second), ReadUntil: policy.At(e.ReadUntil),
		Uses: e.Uses, UsesAllowed: e.UsesAllowed,
	}
}

func (e *Escalation) readings() []policy.Reading {
	reads := make([]policy.Reading, len(e.Reads))
	for i, r := range e.Reads {
		reads[i] = policy.Reading{Actor: staff(r.Actor), Session: r.Actor.Session, At: policy.At(r.At)}
	}
	return reads
}

func staff(a audit.Actor) policy.Actor {
	return policy.Actor{ID: a.ID, Person: a.Person, Role: a.Role}
}

// sorted is s in order, each once: the order in which a client lists facets
// means nothing, and must not make another decision.
func sorted[T cmp.Ordered](s []T) []T {
	out := list(s)
	slices.Sort(out)
	return slices.Compact(out)
}

// list copies s; none is [] in JSON, never null.
func list[T any](s []T) []T { return append([]T{}, s...) }
