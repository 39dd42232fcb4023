package pgstore

import (
	"context"
	"fmt"
	"maps"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// A Refused error is policy's no, with its reasons.
type Refused struct{ Reasons []string }

func (r *Refused) Error() string { return fmt.Sprintf("policy refuses: %v", r.Reasons) }

// Allow asks the policy in force, as q sees the log. Its no is a *[Refused], so that
// nobody goes on by not looking at the answer. Who writes down what policy refuses
// asks the policy itself, with [Active.In].
func (a *Active) Allow(ctx context.Context, q Querier, in policy.Input) (*policy.Decision, error) {
	p, err := a.In(ctx, q)
	if err != nil {
		return nil, err
	}
	d, err := p.Decide(ctx, in)
	if err != nil {
		return nil, err
	}
	if !d.Allow {
		return nil, &Refused{Reasons: d.Reasons}
	}
	return &d, nil
}

// Look decides and records that the actor looks into a view of the log or a register,
// one of policy's views; details say what at. What they are shown is read afterwards.
func (a *Active) Look(ctx context.Context, log *pglog.Log, actor audit.Actor, view string, details audit.Details) (pglog.Ref, error) {
	return a.LookAt(ctx, log, actor, Looking{View: view, Details: details})
}

// Looking is what somebody looks at.
type Looking struct {
	View    string // one of policy's
	Reason  string // with [policy.ViewNames]
	Subject audit.Subject
	Details audit.Details
}

// LookAt is [Active.Look] at something in particular.
func (a *Active) LookAt(ctx context.Context, log *pglog.Log, actor audit.Actor, at Looking) (pglog.Ref, error) {
	var looked pglog.Ref
	_, err := log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		d, err := a.Allow(ctx, turn.Tx, policy.LogRead{At: policy.At(turn.At), View: at.View, Reason: at.Reason,
			Actor: policy.Actor{ID: actor.ID, Person: actor.Person, Role: actor.Role}})
		if err != nil {
			return nil, err
		}
		draft := pglog.Draft{Actor: actor, Action: audit.ActionLogRead, Subject: at.Subject, Details: audit.Details{"view": at.View}}
		if at.Reason != "" {
			draft.Details["reason"] = at.Reason
		}
		maps.Copy(draft.Details, at.Details)
		Decide(&draft, *d)
		looked, err = turn.Append(draft)
		return nil, err
	})
	return looked, err
}
