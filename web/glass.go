package web

import (
	"context"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// What happens to a request beside its answer: a second agent confirms that the glass
// must be broken, the requester breaks it, a supervisor ends a grant or reviews a
// broken glass, and the minor is told.

// confirmable is all that a second agent sees of a colleague's request.
type confirmable struct {
	ID             string    `json:"id"`
	Requester      present   `json:"requester"`
	Ground         string    `json:"ground"`
	RequestedAt    time.Time `json:"requested_at"`
	BreakGlassFrom time.Time `json:"break_glass_from" doc:"From then on the glass may be broken, if nobody has answered"`
	Request        string    `json:"request" doc:"Leaf hash of the request: what the confirmation is bound to"`
}

type confirmableOutput struct {
	Body struct {
		Pending []confirmable `json:"pending" doc:"Requests that wait for a second agent, oldest first"`
		Extent
	}
}

func (s *staff) confirmable(ctx context.Context, _ *struct{}) (*confirmableOutput, error) {
	queue, err := s.escalations.Confirmable(ctx, callerOf(ctx).actor)
	if err != nil {
		return nil, err
	}
	who, err := s.colleagues(ctx, queue.Items...)
	if err != nil {
		return nil, err
	}
	out := &confirmableOutput{}
	out.Body.Extent = extentOf(queue)
	out.Body.Pending = make([]confirmable, len(queue.Items))
	for i, e := range queue.Items {
		out.Body.Pending[i] = confirmable{
			ID: e.ID, Requester: who(e.Requester), Ground: e.Ground, RequestedAt: e.RequestedAt,
			BreakGlassFrom: e.BreakGlassFrom, Request: e.RequestHash.String(),
		}
	}
	return out, nil
}

// requestInput names the request that was seen.
type requestInput struct {
	EscalationPath
	Body struct {
		Request string `json:"request" pattern:"^[A-Za-z0-9+/]{43}=$" doc:"Leaf hash of the request that was seen"`
	}
}

type confirmedOutput struct {
	Body struct {
		ID  string    `json:"id"`
		At  time.Time `json:"at"`
		Seq int64     `json:"seq" doc:"The entry that records it"`
	}
}

// confirm is a second agent's word. The custodian verifies their token itself, so that
// this face cannot invent a second agent.
func (s *staff) confirm(ctx context.Context, in *requestInput) (*confirmedOutput, error) {
	if _, err := requestOf(in.ID, in.Body.Request); err != nil {
		return nil, err
	}
	confirmed, err := s.custodian.Confirm(ctx, order.Confirm{Caller: callerOf(ctx).order, Escalation: in.ID, Request: in.Body.Request})
	if err != nil {
		return nil, err
	}
	out := &confirmedOutput{}
	out.Body.ID, out.Body.At, out.Body.Seq = confirmed.Escalation, confirmed.At, confirmed.Seq
	return out, nil
}

func (s *staff) breakGlass(ctx context.Context, in *requestInput) (*escalationOutput, error) {
	request, err := requestOf(in.ID, in.Body.Request)
	if err != nil {
		return nil, err
	}
	return s.onTheirs(ctx, in.ID, func(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (escalationstore.Receipt, error) {
		return s.escalations.BreakGlass(ctx, idem, actor, id, request)
	})
}

type revokeInput struct {
	EscalationPath
	Body struct {
		Reason string `json:"reason" pattern:"^[a-z_]{1,32}$" doc:"danger_over, granted_in_error, minor_objects or misuse"`
	}
}

// revoke ends a grant, or an opening under way, at once.
func (s *staff) revoke(ctx context.Context, in *revokeInput) (*escalationOutput, error) {
	return s.onTheirs(ctx, in.ID, func(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (escalationstore.Receipt, error) {
		return s.escalations.Revoke(ctx, idem, actor, id, in.Body.Reason)
	})
}

type reviewInput struct {
	EscalationPath
	Body struct {
		Request string `json:"request" pattern:"^[A-Za-z0-9+/]{43}=$" doc:"Leaf hash of the request that was read"`
		Verdict string `json:"verdict" pattern:"^[a-z_]{1,32}$" doc:"confirmed or abusive"`
	}
}

func (s *staff) review(ctx context.Context, in *reviewInput) (*escalationOutput, error) {
	request, err := requestOf(in.ID, in.Body.Request)
	if err != nil {
		return nil, err
	}
	return s.onTheirs(ctx, in.ID, func(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (escalationstore.Receipt, error) {
		return s.escalations.Review(ctx, idem, actor, id, request, in.Body.Verdict)
	})
}

// reviewed is one broken glass, for supervisors and inspectors: who, when, on what
// ground, and what was found.
type reviewed struct {
	ID         string     `json:"id"`
	Requester  present    `json:"requester"`
	Confirmed  []present  `json:"confirmed" doc:"Who said that the glass must be broken"`
	Ground     string     `json:"ground"`
	Facets     []string   `json:"facets"`
	State      string     `json:"state"`
	BrokenAt   time.Time  `json:"broken_at"`
	ReviewBy   time.Time  `json:"review_by"`
	Overdue    bool       `json:"overdue"`
	Verdict    string     `json:"verdict,omitempty" enum:"confirmed,abusive"`
	ReviewedAt *time.Time `json:"reviewed_at,omitempty"`
	Reviewer   *present   `json:"reviewer,omitempty"`
}

type reviewsOutput struct {
	Body struct {
		Reviews []reviewed `json:"reviews" doc:"Those that are due first, then the latest that were done"`
		Extent
	}
}

// reviews lists broken glasses. An inspector's look is an entry, as of all they look at.
func (s *staff) reviews(ctx context.Context, _ *struct{}) (*reviewsOutput, error) {
	return s.reviewsAs(ctx, audit.Details{})
}

func (s *staff) reviewsAs(ctx context.Context, details audit.Details) (*reviewsOutput, error) {
	role := callerOf(ctx).actor.Role
	if role != policy.RoleSupervisor {
		if _, err := s.look(ctx, policy.ViewReviews, details); err != nil {
			return nil, err
		}
	}
	queue, err := s.escalations.Reviews(ctx)
	if err != nil {
		return nil, err
	}
	who, err := s.colleagues(ctx, queue.Items...)
	if err != nil {
		return nil, err
	}
	if role == policy.RoleInspector {
		// Ids alone: a name takes a reason, and is an entry of its own.
		who = func(a audit.Actor) present { return present{ID: a.ID, Role: a.Role} }
	}
	out := &reviewsOutput{}
	out.Body.Extent = extentOf(queue)
	out.Body.Reviews = make([]reviewed, len(queue.Items))
	now := s.cfg.Now()
	for i, e := range queue.Items {
		r := reviewed{
			ID: e.ID, Requester: who(e.Requester), Confirmed: []present{}, Ground: e.Ground, Facets: e.Asked, State: string(e.State),
			BrokenAt: e.BrokenAt, ReviewBy: e.ReviewBy, Overdue: e.ReviewDue() && escalation.Passed(e.ReviewBy, now),
			Verdict: e.Review.Verdict, ReviewedAt: timeOrNil(e.Review.At),
		}
		for _, c := range e.Confirmations {
			r.Confirmed = append(r.Confirmed, who(c.Actor))
		}
		if e.Review.Verdict != "" {
			reviewer := who(e.Review.Actor)
			r.Reviewer = &reviewer
		}
		out.Body.Reviews[i] = r
	}
	return out, nil
}

type tellInput struct {
	EscalationPath
	Body struct {
		Outcome string    `json:"outcome" pattern:"^[a-z_]{1,32}$" doc:"told, refused (they do not want to know), unsafe or later"`
		Reason  string    `json:"reason,omitempty" pattern:"^[a-z_]{1,32}$" doc:"With unsafe: magistrate_forbids, not_reachable, perpetrator_reads, risk_of_suicide or risk_of_violence"`
		Until   time.Time `json:"until,omitempty" doc:"With later: when to try again"`
	}
}

type toldOutput struct {
	Body struct {
		ID     string     `json:"id"`
		TellBy *time.Time `json:"tell_by,omitempty" doc:"When to try again; absent when the minor knows"`
	}
}

// tell records that the young person was told that their identity was opened, or why
// not yet.
func (s *staff) tell(ctx context.Context, in *tellInput) (*toldOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, escalationstore.ErrNotFound
	}
	receipt, err := s.escalations.Tell(ctx, idempotent(ctx), callerOf(ctx).actor, in.ID, in.Body.Outcome, in.Body.Reason, in.Body.Until)
	if err != nil {
		return nil, err
	}
	out := &toldOutput{}
	out.Body.ID, out.Body.TellBy = receipt.ID, receipt.TellBy
	return out, nil
}

// toTell is one opening that a young person is still to be told of.
type toTell struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation"`
	Ground       string    `json:"ground"`
	OpenedAt     time.Time `json:"opened_at"`
	Facets       []string  `json:"facets"`
	TellBy       time.Time `json:"tell_by"`
	Overdue      bool      `json:"overdue"`
}

type tellingsOutput struct {
	Body struct {
		Due []toTell `json:"due" doc:"Openings to tell the young person of, the most urgent first"`
		Extent
	}
}

func (s *staff) tellings(ctx context.Context, _ *struct{}) (*tellingsOutput, error) {
	queue, err := s.escalations.Tellings(ctx, callerOf(ctx).actor)
	if err != nil {
		return nil, err
	}
	out := &tellingsOutput{}
	out.Body.Extent = extentOf(queue)
	out.Body.Due = make([]toTell, len(queue.Items))
	now := s.cfg.Now()
	for i, e := range queue.Items {
		by := e.TellBy()
		out.Body.Due[i] = toTell{
			ID: e.ID, Conversation: e.Case, Ground: e.Ground, OpenedAt: e.OpenedAt(), Facets: e.Granted,
			TellBy: by, Overdue: escalation.Passed(by, now),
		}
	}
	return out, nil
}
