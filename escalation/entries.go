package escalation

import (
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

// The functions below write what Apply reads: action, case, subject, ground and
// details. The caller adds the actor, the decision and the commitments, and the
// log adds the rest.

// A Request is what policy allowed an agent to ask.
type Request struct {
	ID, Case    string
	Ground      string
	Facets      []string
	Evidence    []int64 // positions
	Head        string  // "sha256:" + hex of the message chain's head
	Messages    int64   // how many messages that head covers
	Narrative   string  // "sha256:" + hex of the sealed narrative's header
	Basis       Basis   // its reference, when there is one, is the caller's to commit to
	Obligations policy.Obligations
}

// RequestedEntry is escalation.requested, at the entry's own time.
func RequestedEntry(r Request, at time.Time) audit.Entry {
	o := r.Obligations
	l := about(audit.ActionEscalationRequested, r.Case, r.ID, r.Ground)
	l.Details = audit.Details{
		"facets": FormatFacets(r.Facets), "evidence": FormatPositions(r.Evidence),
		"head": r.Head, "messages": r.Messages, "narrative": r.Narrative,
		"answer_by":  after(at, o.AnswerWithinS),
		"approvals":  FormatNeeded(o.Approvals),
		"use_within": o.UseWithinS, "read_for": o.ReadForS, "uses": o.Uses,
	}
	if o.WidenAfterS > 0 {
		l.Details["widen_at"] = after(at, o.WidenAfterS)
	}
	switch r.Ground {
	case GroundImminentDanger: // no policy can give the others a glass to break
		if o.BreakGlassAfterS > 0 {
			l.Details["break_glass_from"] = after(at, o.BreakGlassAfterS)
		}
	case GroundConsent:
		l.Details["consent"] = r.Basis.Consent
	case GroundJudicialRequisition:
		l.Details["authority"] = r.Basis.Authority
		if slices.Contains(r.Facets, string(conversation.FacetConnection)) {
			l.Details["listed_case"] = r.Basis.ListedCase
		}
	}
	return l
}

// after is so many seconds after at, as leaves write it.
func after(at time.Time, seconds int64) string {
	return audit.FormatTime(at.Add(time.Duration(seconds) * time.Second))
}

// RefusedEntry is escalation.refused. What the caller sent may be anything, so
// only known codes reach the leaf.
func RefusedEntry(id, caseID, ground string, facets, reasons []string) audit.Entry {
	if !slices.Contains(Grounds, ground) {
		ground = ""
	}
	l := about(audit.ActionEscalationRefused, caseID, id, ground)
	l.Details = audit.Details{"reasons": strings.Join(sorted(reasons), ",")}
	var known []string
	for _, f := range facets {
		if conversation.Facet(f).Known() {
			known = append(known, f)
		}
	}
	if len(known) > 0 {
		l.Details["facets"] = FormatFacets(known)
	}
	return l
}

// WidenedEntry is escalation.widened: nobody answered, and every supervisor is asked.
// Its actor is a process.
func WidenedEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationWidened, audit.Details{"request": e.RequestHash.String()})
}

// ApprovalGivenEntry is escalation.approval_given, of these facets.
func ApprovalGivenEntry(e *Escalation, facets []string) audit.Entry {
	return e.entry(audit.ActionEscalationApprovalGiven, audit.Details{
		"facets": FormatFacets(facets), "request": e.RequestHash.String(),
	})
}

// ApprovedEntry is escalation.approved, of an escalation whose approvals are all
// applied, at the entry's own time.
func ApprovedEntry(e *Escalation, at time.Time) audit.Entry {
	return e.entry(audit.ActionEscalationApproved, audit.Details{
		"facets": FormatFacets(e.common()), "request": e.RequestHash.String(),
		"use_by": audit.FormatTime(at.Add(e.UseWithin)),
	})
}

// DeniedEntry is escalation.denied, for one of [DenialReasons].
func DeniedEntry(e *Escalation, reason string) audit.Entry {
	return e.entry(audit.ActionEscalationDenied, audit.Details{
		"reason": reason, "request": e.RequestHash.String(),
	})
}

// WithdrawnEntry is escalation.withdrawn.
func WithdrawnEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationWithdrawn, nil)
}

// ExpiredEntry is escalation.expired. Its actor is a process, without a person.
func ExpiredEntry(e *Escalation) audit.Entry {
	deadline, _ := e.Deadline()
	return e.entry(audit.ActionEscalationExpired, audit.Details{
		"from": string(e.State), "deadline": audit.FormatTime(deadline),
	})
}

// RevokedEntry is escalation.revoked, for one of policy.RevocationReasons.
func RevokedEntry(e *Escalation, reason string) audit.Entry {
	return e.entry(audit.ActionEscalationRevoked, audit.Details{
		"reason": reason, "request": e.RequestHash.String(),
	})
}

// ConfirmedEntry is escalation.break_glass_confirmed, by a second agent whose token the
// custodian verified.
func ConfirmedEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationBreakGlassConfirmed, audit.Details{"request": e.RequestHash.String()})
}

// GlassBrokenEntry is escalation.glass_broken, at the entry's own time: all that was
// asked, to be reviewed within the seconds that policy set.
func GlassBrokenEntry(e *Escalation, o policy.Obligations, at time.Time) audit.Entry {
	return e.entry(audit.ActionEscalationGlassBroken, audit.Details{
		"facets": FormatFacets(e.Asked), "request": e.RequestHash.String(),
		"use_by": audit.FormatTime(at.Add(e.UseWithin)), "review_by": after(at, o.ReviewWithinS),
	})
}

// ReviewedEntry is escalation.reviewed: policy.VerdictConfirmed or policy.VerdictAbusive.
func ReviewedEntry(e *Escalation, verdict string) audit.Entry {
	return e.entry(audit.ActionEscalationReviewed, audit.Details{
		"verdict": verdict, "request": e.RequestHash.String(),
	})
}

// ClosedEntry is escalation.closed, by the requester.
func ClosedEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationClosed, nil)
}

// SuspendedEntry is escalation.closed because the requester was suspended. Its actor is
// a process.
func SuspendedEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationClosed, audit.Details{"reason": ReasonRequesterSuspended})
}

// ToldEntry is minor.told, at the entry's own time: until is when to try again, of
// outcome later; of outcome unsafe, policy says it.
func ToldEntry(e *Escalation, outcome, reason string, until time.Time, o policy.Obligations, at time.Time) audit.Entry {
	d := audit.Details{"outcome": outcome}
	if reason != "" {
		d["reason"] = reason
	}
	switch outcome {
	case policy.TellLater:
		d["until"] = audit.FormatTime(until)
	case policy.TellUnsafe:
		d["until"] = after(at, o.UnsafeAgainS)
	}
	return e.entry(audit.ActionMinorTold, d)
}

// ReleaseOrderedEntry is identity.release_ordered, the intent, at the entry's
// own time, with what policy says is then owed to the minor.
func ReleaseOrderedEntry(e *Escalation, facets []string, o policy.Obligations, at time.Time) audit.Entry {
	use, until := e.NextUse(at)
	d := audit.Details{
		"facets": FormatFacets(facets), "request": e.RequestHash.String(),
		"use": use, "read_until": audit.FormatTime(until),
	}
	if o.TellWithinS > 0 {
		d["tell_within"] = o.TellWithinS
	}
	return e.entry(audit.ActionIdentityReleaseOrdered, d)
}

// ReleasedEntry is identity.released, the outcome of an intent whose key was
// read from Vault; vaultRequest is Vault's id of that reading.
func ReleasedEntry(e *Escalation, intent audit.Hash, facets []string, vaultRequest string) audit.Entry {
	return e.entry(audit.ActionIdentityReleased, audit.Details{
		"intent": intent.String(), "facets": FormatFacets(facets), "vault_request": vaultRequest,
	})
}

// ReleaseFailedEntry is identity.release_failed, the outcome of an intent of
// which it is certain that no key left the custodian. When that is not certain,
// write nothing: "possibly opened" is then the truth.
func ReleaseFailedEntry(e *Escalation, intent audit.Hash, code string) audit.Entry {
	return e.entry(audit.ActionIdentityReleaseFailed, audit.Details{
		"intent": intent.String(), "code": code,
	})
}

// EvidenceReadEntry is evidence.read, by a supervisor.
func EvidenceReadEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEvidenceRead, audit.Details{"evidence": FormatPositions(e.Evidence)})
}

// RequisitionReadEntry is evidence.read, by a privacy officer: what a magistrate ordered,
// and no message.
func RequisitionReadEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEvidenceRead, audit.Details{"scope": policy.ScopeRequisition})
}

func (e *Escalation) entry(action audit.Action, d audit.Details) audit.Entry {
	l := about(action, e.Case, e.ID, e.Ground)
	l.Details = d
	return l
}

func about(action audit.Action, caseID, id, ground string) audit.Entry {
	return audit.Entry{
		Action: action, Case: caseID, Ground: ground,
		Subject: audit.Subject{Type: subjectType, ID: id},
	}
}
