package web

import (
	"context"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
)

// The registers of the privacy officer: ids, codes and times, never a word of a child.
// Looking into one is an entry.

type waitingErasure struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation"`
	RequestedAt  time.Time `json:"requested_at"`
	WaitingS     int64     `json:"waiting_s" doc:"For so many seconds"`
	Held         bool      `json:"held" doc:"A hold stands: it cannot be granted now"`
}

type waitingErasuresOutput struct {
	Body struct {
		Erasures []waitingErasure `json:"erasures" doc:"Those that wait for a decision, oldest first"`
	}
}

func (s *staff) waitingErasures(ctx context.Context, _ *struct{}) (*waitingErasuresOutput, error) {
	list, err := s.retention.Erasures(ctx, callerOf(ctx).actor)
	if err != nil {
		return nil, err
	}
	out := &waitingErasuresOutput{}
	out.Body.Erasures = make([]waitingErasure, len(list))
	for i, w := range list {
		out.Body.Erasures[i] = waitingErasure{
			ID: w.ID, Conversation: w.Case, RequestedAt: w.RequestedAt, WaitingS: int64(w.Age / time.Second), Held: w.Held,
		}
	}
	return out, nil
}

// ErasurePath names a request for erasure.
type ErasurePath struct {
	ID string `path:"id" maxLength:"64" doc:"The request for erasure"`
}

type decideInput struct {
	ErasurePath
	Body struct {
		Verdict string `json:"verdict" pattern:"^[a-z_]{1,32}$" doc:"granted or refused"`
		Reason  string `json:"reason,omitempty" pattern:"^[a-z_]{0,32}$" doc:"With refused: danger_persists, legal_hold or proceedings_under_way"`
	}
}

// doneOutput is an act of a privacy officer that stands in the log.
type doneOutput struct {
	Body struct {
		ID           string    `json:"id"`
		Conversation string    `json:"conversation"`
		At           time.Time `json:"at"`
		Seq          int64     `json:"seq" doc:"The entry that records it"`
	}
}

func doneOf(id string, k order.Kept) *doneOutput {
	out := &doneOutput{}
	out.Body.ID, out.Body.Conversation, out.Body.At, out.Body.Seq = id, k.Case, k.At, k.Seq
	return out
}

// decideErasure answers a request for erasure. The custodian verifies the officer's token
// itself, so that this face cannot invent one, and destroys what was granted, for good.
func (s *staff) decideErasure(ctx context.Context, in *decideInput) (*doneOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, refuse(policy.ReasonErasureNotPending)
	}
	kept, err := s.custodian.DecideErasure(ctx, order.DecideErasure{
		Caller: callerOf(ctx).order, Erasure: in.ID, Verdict: in.Body.Verdict, Reason: in.Body.Reason, IdempotencyKey: order.Secret(actOf(ctx).key),
	})
	if err != nil {
		return nil, err
	}
	return doneOf(in.ID, kept), nil
}

type hold struct {
	ID           string     `json:"id"`
	Conversation string     `json:"conversation"`
	Reason       string     `json:"reason" enum:"complaint,internal_control,proceedings,requisition"`
	SetAt        time.Time  `json:"set_at"`
	LiftedAt     *time.Time `json:"lifted_at,omitempty"`
}

type holdsInput struct {
	All bool `query:"all" doc:"Those that were lifted, too"`
}

type holdsOutput struct {
	Body struct {
		Holds []hold `json:"holds" doc:"Oldest first"`
	}
}

func (s *staff) holds(ctx context.Context, in *holdsInput) (*holdsOutput, error) {
	list, err := s.retention.Holds(ctx, callerOf(ctx).actor, in.All)
	if err != nil {
		return nil, err
	}
	out := &holdsOutput{}
	out.Body.Holds = make([]hold, len(list))
	for i, h := range list {
		out.Body.Holds[i] = hold{ID: h.ID, Conversation: h.Case, Reason: h.Reason, SetAt: h.SetAt, LiftedAt: timeOrNil(h.LiftedAt)}
	}
	return out, nil
}

type setHoldInput struct {
	Body struct {
		Conversation string `json:"conversation" maxLength:"64" doc:"The conversation to keep"`
		Reason       string `json:"reason" pattern:"^[a-z_]{1,32}$" doc:"complaint, internal_control, proceedings or requisition"`
	}
}

// setHold keeps everything of a case until the hold is lifted.
func (s *staff) setHold(ctx context.Context, in *setHoldInput) (*doneOutput, error) {
	if !audit.IsUUID(in.Body.Conversation) {
		return nil, conversation.ErrNotFound
	}
	done, err := s.retention.Set(ctx, idempotent(ctx), callerOf(ctx).actor, in.Body.Conversation, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return doneOf(done.ID, order.Kept{Case: done.Case, At: done.At, Seq: done.Seq}), nil
}

type liftHoldInput struct {
	ID   string `path:"id" maxLength:"64" doc:"The hold"`
	Body struct {
		Reason string `json:"reason" pattern:"^[a-z_]{1,32}$" doc:"complaint, internal_control, proceedings or requisition: what has ended"`
	}
}

func (s *staff) liftHold(ctx context.Context, in *liftHoldInput) (*doneOutput, error) {
	if !audit.IsUUID(in.ID) {
		return nil, refuse(policy.ReasonHoldUnknown)
	}
	kept, err := s.custodian.LiftHold(ctx, order.LiftHold{
		Caller: callerOf(ctx).order, Hold: in.ID, Reason: in.Body.Reason, IdempotencyKey: order.Secret(actOf(ctx).key),
	})
	if err != nil {
		return nil, err
	}
	return doneOf(in.ID, kept), nil
}

type dueInput struct {
	WithinDays int `query:"within_days" minimum:"0" maximum:"3660" default:"30" doc:"What will be due within so many days, too"`
}

type dueItem struct {
	Conversation string    `json:"conversation"`
	What         string    `json:"what" enum:"transcript,identity,openings"`
	Reason       string    `json:"reason" enum:"erasure,retention"`
	At           time.Time `json:"at" doc:"From when on it is destroyed"`
	Held         bool      `json:"held" doc:"A hold keeps it"`
}

type dueOutput struct {
	Body struct {
		Due []dueItem `json:"due" doc:"Soonest first"`
	}
}

// due lists what the custodian destroys, by itself, when its time has come.
func (s *staff) due(ctx context.Context, in *dueInput) (*dueOutput, error) {
	list, err := s.retention.Due(ctx, callerOf(ctx).actor, time.Duration(in.WithinDays)*24*time.Hour)
	if err != nil {
		return nil, err
	}
	out := &dueOutput{}
	out.Body.Due = make([]dueItem, len(list))
	for i, item := range list {
		out.Body.Due[i] = dueItem{
			Conversation: item.Case, What: string(item.What), Reason: item.Reason, At: item.At, Held: item.Held,
		}
	}
	return out, nil
}
