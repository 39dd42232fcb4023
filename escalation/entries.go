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
	Obligations policy.Obligations
}

// RequestedEntry is escalation.requested, at the entry's own time.
func RequestedEntry(r Request, at time.Time) audit.Entry {
	o := r.Obligations
	l := about(audit.ActionEscalationRequested, r.Case, r.ID, r.Ground)
	l.Details = audit.Details{
		"facets": FormatFacets(r.Facets), "evidence": FormatPositions(r.Evidence),
		"head": r.Head, "messages": r.Messages, "narrative": r.Narrative,
		"answer_by":  audit.FormatTime(at.Add(time.Duration(o.AnswerWithinS) * time.Second)),
		"approvals":  FormatNeeded(o.Approvals),
		"use_within": o.UseWithinS, "read_for": o.ReadForS, "uses": o.Uses,
	}
	return l
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

// ClosedEntry is escalation.closed.
func ClosedEntry(e *Escalation) audit.Entry {
	return e.entry(audit.ActionEscalationClosed, nil)
}

// ReleaseOrderedEntry is identity.release_ordered, the intent, at the entry's
// own time.
func ReleaseOrderedEntry(e *Escalation, facets []string, at time.Time) audit.Entry {
	use, until := e.NextUse(at)
	return e.entry(audit.ActionIdentityReleaseOrdered, audit.Details{
		"facets": FormatFacets(facets), "request": e.RequestHash.String(),
		"use": use, "read_until": audit.FormatTime(until),
	})
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
