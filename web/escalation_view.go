package web

import (
	"context"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// escalationView is an escalation as its requester and supervisors see it.
type escalationView struct {
	ID           string     `json:"id"`
	Conversation string     `json:"conversation,omitempty"`
	State        string     `json:"state" doc:"requested, refused, approved, denied, withdrawn, expired, glass_broken, released, revoked, closed or void"`
	Ground       string     `json:"ground,omitempty"`
	Requester    *present   `json:"requester,omitempty"`
	RequestedAt  *time.Time `json:"requested_at,omitempty"`
	Request      string     `json:"request,omitempty" doc:"Leaf hash of the request: what an approval is bound to"`
	Facets       []string   `json:"facets,omitempty" doc:"Asked for"`
	Evidence     []int64    `json:"evidence,omitempty" doc:"Positions of the messages that support it"`
	AnswerBy     *time.Time `json:"answer_by,omitempty"`
	Needed       []needed   `json:"needed,omitempty" doc:"Approvals that policy asks for"`
	Read         bool       `json:"read,omitempty" doc:"The caller has read what it rests on, in this session: who has not answers nothing"`
	Approvals    []approval `json:"approvals,omitempty"`
	Granted      []string   `json:"granted,omitempty"`
	UseBy        *time.Time `json:"use_by,omitempty"`
	ReadUntil    *time.Time `json:"read_until,omitempty"`
	Uses         int64      `json:"uses,omitempty"`
	UsesAllowed  int64      `json:"uses_allowed,omitempty"`
	Denial       string     `json:"denial,omitempty" doc:"Why a supervisor denied it"`
	DeniedBy     *present   `json:"denied_by,omitempty"`
	Revocation   string     `json:"revocation,omitempty" doc:"Why a supervisor ended it"`
	RevokedBy    *present   `json:"revoked_by,omitempty"`
	ClosedFor    string     `json:"closed_for,omitempty" doc:"Why it was closed by the service: requester_suspended"`

	WidenedAt      *time.Time     `json:"widened_at,omitempty" doc:"When every supervisor was called"`
	BreakGlassFrom *time.Time     `json:"break_glass_from,omitempty" doc:"From then on the glass may be broken, if nobody has answered and a second agent confirms"`
	Confirmations  []confirmation `json:"confirmations,omitempty"`
	BrokenAt       *time.Time     `json:"broken_at,omitempty"`
	ReviewBy       *time.Time     `json:"review_by,omitempty"`
	Review         string         `json:"review,omitempty" enum:"confirmed,abusive"`

	Assessment *assessment `json:"assessment,omitempty" doc:"Of the danger, in codes: for supervisors, who answer the most dangerous first"`

	Consent    string `json:"consent,omitempty" doc:"The consent that it rests on"`
	Authority  string `json:"authority,omitempty" doc:"The magistrate whose order it rests on"`
	ListedCase string `json:"listed_case,omitempty" doc:"For which the law lets the connection be ordered"`

	Printed []printing `json:"printed,omitempty" doc:"When what was opened was printed"`

	TellBy   *time.Time `json:"tell_by,omitempty" doc:"When the young person must be told; absent when nothing is due"`
	Tellings []telling  `json:"tellings,omitempty"`
}

type needed struct {
	Role  string `json:"role"`
	Count int64  `json:"count"`
}

type confirmation struct {
	By present   `json:"by"`
	At time.Time `json:"at"`
}

type telling struct {
	By      present    `json:"by"`
	At      time.Time  `json:"at"`
	Outcome string     `json:"outcome" enum:"told,refused,unsafe,later"`
	Reason  string     `json:"reason,omitempty"`
	Until   *time.Time `json:"until,omitempty"`
}

type printing struct {
	At     time.Time `json:"at"`
	Facets []string  `json:"facets"`
}

type approval struct {
	By     present   `json:"by"`
	Facets []string  `json:"facets"`
	At     time.Time `json:"at"`
}

// show is how escalations are told.
func (s *staff) show(ctx context.Context, list ...*escalation.Escalation) ([]escalationView, error) {
	who, err := s.colleagues(ctx, list...)
	if err != nil {
		return nil, err
	}
	shown, c := make([]escalationView, len(list)), callerOf(ctx)
	for i, e := range list {
		shown[i] = viewOf(e, who)
		if c.actor.Role != policy.RoleSupervisor && c.actor.Role != policy.RolePrivacyOfficer {
			continue
		}
		shown[i].Read = e.ReadBy(c.actor)
		if c.actor.Role == policy.RoleSupervisor && e.Ground == escalation.GroundImminentDanger {
			// Without it the request is still to be answered: what is damaged shows when
			// the evidence is read.
			if assessed, err := s.assessed(ctx, e); err == nil {
				shown[i].Assessment = &assessed
			}
		}
	}
	return shown, nil
}

// colleagues reads, at once, the names of everybody who did something to these
// escalations.
func (s *staff) colleagues(ctx context.Context, list ...*escalation.Escalation) (func(audit.Actor) present, error) {
	var ids []string
	for _, e := range list {
		ids = append(ids, e.Requester.ID, e.Review.Actor.ID, e.DeniedBy.ID, e.RevokedBy.ID)
		for _, a := range e.Approvals {
			ids = append(ids, a.Actor.ID)
		}
		for _, c := range e.Confirmations {
			ids = append(ids, c.Actor.ID)
		}
		for _, t := range e.Tellings {
			ids = append(ids, t.Actor.ID)
		}
	}
	slices.Sort(ids)
	names, err := s.sessions.Names(ctx, slices.Compact(ids))
	return func(a audit.Actor) present { return present{ID: a.ID, Role: a.Role, Name: names[a.ID]} }, err
}

func viewOf(e *escalation.Escalation, who func(audit.Actor) present) escalationView {
	requester := who(e.Requester)
	v := escalationView{
		ID: e.ID, Conversation: e.Case, State: string(e.State), Ground: e.Ground, Requester: &requester,
		RequestedAt: timeOrNil(e.RequestedAt), Facets: e.Asked, Evidence: e.Evidence, AnswerBy: timeOrNil(e.AnswerBy),
		Granted: e.Granted, UseBy: timeOrNil(e.UseBy), ReadUntil: timeOrNil(e.ReadUntil),
		Uses: e.Uses, UsesAllowed: e.UsesAllowed, Denial: e.DenialReason, Revocation: e.RevocationReason, ClosedFor: e.ClosedFor,
		WidenedAt: timeOrNil(e.WidenedAt), BreakGlassFrom: timeOrNil(e.BreakGlassFrom), BrokenAt: timeOrNil(e.BrokenAt),
		ReviewBy: timeOrNil(e.ReviewBy), Review: e.Review.Verdict,
		Consent: e.Consent, Authority: e.Authority, ListedCase: e.ListedCase, TellBy: timeOrNil(e.TellBy()),
	}
	if e.State != escalation.Refused {
		v.Request = e.RequestHash.String()
	}
	for _, n := range e.Needed {
		v.Needed = append(v.Needed, needed{Role: n.Role, Count: n.Count})
	}
	if e.DeniedBy.ID != "" {
		by := who(e.DeniedBy)
		v.DeniedBy = &by
	}
	if e.RevokedBy.ID != "" {
		by := who(e.RevokedBy)
		v.RevokedBy = &by
	}
	for _, a := range e.Approvals {
		v.Approvals = append(v.Approvals, approval{By: who(a.Actor), Facets: a.Facets, At: a.At})
	}
	for _, c := range e.Confirmations {
		v.Confirmations = append(v.Confirmations, confirmation{By: who(c.Actor), At: c.At})
	}
	for _, p := range e.Printings {
		v.Printed = append(v.Printed, printing{At: p.At, Facets: p.Facets})
	}
	for _, t := range e.Tellings {
		v.Tellings = append(v.Tellings, telling{By: who(t.Actor), At: t.At, Outcome: t.Outcome, Reason: t.Reason, Until: timeOrNil(t.Until)})
	}
	return v
}
