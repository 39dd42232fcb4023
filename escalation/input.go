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

// A Wish is what an agent asks of policy, and what the service knows about it beside
// the case's entries.
type Wish struct {
	Ground      string
	Danger      policy.Assessment // its psychologist's opinion is read from the log
	Facets      []string
	Evidence    []int64 // positions
	Messages    int64   // how many the conversation has
	Consent     string  // id
	Requisition policy.Requisition
	OnDuty      []policy.OnDuty
}

// RequestInput is what policy is asked before an escalation.requested.
func (c *Case) RequestInput(at time.Time, actor audit.Actor, w Wish) policy.EscalationRequest {
	pending := []policy.Pending{}
	for _, e := range c.Escalations {
		// One that has expired, though no sweeper wrote it yet, waits no more.
		if e.State == Requested && !Passed(e.AnswerBy, at) {
			pending = append(pending, policy.Pending{ID: e.ID, Requester: staff(e.Requester)})
		}
	}
	in := policy.EscalationRequest{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Ground: w.Ground, Assessment: w.Danger, Facets: sorted(w.Facets), Evidence: sorted(w.Evidence),
		Messages: w.Messages, Pending: pending,
		Consent: c.consentFacts(w.Consent), Requisition: w.Requisition, OnDuty: list(w.OnDuty),
	}
	in.Assessment.PsychologistOpinion = c.Opinion()
	in.Requisition.Facets = sorted(w.Requisition.Facets)
	return in
}

// consentFacts is a consent of the case as policy sees it, zero for none.
func (c *Case) consentFacts(id string) policy.Consent {
	if consent := c.Consent(id); consent != nil {
		return consent.Facts()
	}
	return policy.Consent{Facets: []string{}}
}

// ReadInput is what policy is asked before, and during, a reading session of staff.
func (c *Case) ReadInput(at time.Time, actor audit.Actor) policy.ConversationRead {
	return policy.ConversationRead{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
	}
}

// ApproveInput is what policy is asked before a supervisor approves.
func (c *Case) ApproveInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash, facets []string) policy.EscalationApprove {
	return policy.EscalationApprove{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Verdict: policy.VerdictApprove, Request: request.String(), Facets: sorted(facets), Escalation: c.FactsOf(e),
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
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Facets: sorted(facets), ClockTrails: clockTrails, Escalation: c.FactsOf(e),
	}
}

// EvidenceInput is what policy is asked before a supervisor reads the evidence.
func (c *Case) EvidenceInput(at time.Time, actor audit.Actor, e *Escalation) policy.EvidenceRead {
	return policy.EvidenceRead{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at), Escalation: c.FactsOf(e),
	}
}

// RevokeInput is what policy is asked before a supervisor revokes.
func (c *Case) RevokeInput(at time.Time, actor audit.Actor, e *Escalation, reason string) policy.EscalationRevoke {
	return policy.EscalationRevoke{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Escalation: c.FactsOf(e), Reason: reason,
	}
}

// ConfirmInput is what policy is asked before a second agent confirms.
func (c *Case) ConfirmInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash, clockTrails bool) policy.EscalationConfirm {
	return policy.EscalationConfirm{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Escalation: c.FactsOf(e), Request: request.String(), Session: actor.Session, ClockTrails: clockTrails,
	}
}

// BreakGlassInput is what policy is asked before the glass is broken.
func (c *Case) BreakGlassInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash, clockTrails bool) policy.EscalationBreakGlass {
	return policy.EscalationBreakGlass{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Escalation: c.FactsOf(e), Request: request.String(), ClockTrails: clockTrails,
	}
}

// ReviewInput is what policy is asked before a supervisor reviews a broken glass.
func (c *Case) ReviewInput(at time.Time, actor audit.Actor, e *Escalation, request audit.Hash, verdict string) policy.EscalationReview {
	return policy.EscalationReview{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Escalation: c.FactsOf(e), Verdict: verdict, Request: request.String(),
		Session: actor.Session, Reads: e.readings(),
	}
}

// TellInput is what policy is asked before the outcome of telling the minor is recorded.
func (c *Case) TellInput(at time.Time, actor audit.Actor, e *Escalation, outcome, reason string, until time.Time) policy.MinorTell {
	in := policy.MinorTell{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Escalation: c.FactsOf(e), TellBy: policy.At(e.TellBy()), Outcome: outcome, Reason: reason, Until: policy.At(until),
	}
	if until.After(at) {
		in.LaterForS = int64((until.Sub(at) + time.Second - 1) / time.Second)
	}
	return in
}

// ReceiptInput is what policy is asked before a minor is told who opened their identity.
// Every escalation is in it, opened or not: what policy is asked costs the same.
func (c *Case) ReceiptInput(at time.Time) policy.MinorReceipt {
	return policy.MinorReceipt{At: policy.At(at), Case: c.Case, Escalations: c.AllFacts()}
}

// AllFacts are the escalations of the case as policy sees them, in order.
func (c *Case) AllFacts() []policy.Escalation {
	all := make([]policy.Escalation, len(c.Escalations))
	for i, e := range c.Escalations {
		all[i] = c.FactsOf(e)
	}
	return all
}

// FactsOf are the escalation as policy sees it.
func (c *Case) FactsOf(e *Escalation) policy.Escalation {
	return policy.Escalation{
		ID: e.ID, State: string(e.State), Ground: e.Ground,
		Request: e.RequestHash.String(), RequestedAt: policy.At(e.RequestedAt), Requester: staff(e.Requester),
		Asked: list(e.Asked), AnswerBy: policy.At(e.AnswerBy), WidenAt: policy.At(e.WidenAt),
		Consent: c.consentFacts(e.Consent), Authority: e.Authority, ListedCase: e.ListedCase,
		Approvals: each(e.Approvals, func(a Approval) policy.ApprovalGiven {
			return policy.ApprovalGiven{Actor: staff(a.Actor), Facets: list(a.Facets), At: policy.At(a.At)}
		}),
		Answered: each(e.answered(), staff),
		Needed:   list(e.Needed), Granted: list(e.Granted),
		AnswerWithinS: int64(e.AnswerBy.Sub(e.RequestedAt) / time.Second),
		UseWithinS:    int64(e.UseWithin / time.Second), UseBy: policy.At(e.UseBy),
		ReadForS: int64(e.ReadFor / time.Second), ReadUntil: policy.At(e.ReadUntil),
		Uses: e.Uses, UsesAllowed: e.UsesAllowed,
		BreakGlassAfterS: e.breakGlassAfterS(), BreakGlassFrom: policy.At(e.BreakGlassFrom), BrokenAt: policy.At(e.BrokenAt),
		Confirmations: each(e.Confirmations, func(c Confirmation) policy.Confirmation {
			return policy.Confirmation{Actor: staff(c.Actor), At: policy.At(c.At)}
		}),
		ReviewBy: policy.At(e.ReviewBy), ReviewWithinS: e.reviewWithinS(), Review: e.Review.Verdict,
		OpenedAt: policy.At(e.OpenedAt()),
		Tellings: each(e.Tellings, func(t Telling) policy.Telling {
			return policy.Telling{Outcome: t.Outcome, At: policy.At(t.At), Until: policy.At(t.Until)}
		}),
	}
}

func (e *Escalation) breakGlassAfterS() int64 {
	if e.BreakGlassFrom.IsZero() {
		return 0
	}
	return int64(e.BreakGlassFrom.Sub(e.RequestedAt) / time.Second)
}

func (e *Escalation) reviewWithinS() int64 {
	if e.BrokenAt.IsZero() {
		return 0
	}
	return int64(e.ReviewBy.Sub(e.BrokenAt) / time.Second)
}

func (e *Escalation) readings() []policy.Reading {
	return each(e.Reads, func(r Reading) policy.Reading {
		return policy.Reading{Actor: staff(r.Actor), Session: r.Actor.Session, At: policy.At(r.At)}
	})
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

// each is what f makes of every item; none is [] in JSON, never null.
func each[T, U any](items []T, f func(T) U) []U {
	out := make([]U, len(items))
	for i, item := range items {
		out[i] = f(item)
	}
	return out
}
