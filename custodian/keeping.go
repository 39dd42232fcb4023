package custodian

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/retention"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
)

// What lets a case be destroyed is written here, and not at the staff face: that face
// alone must not be able to invent a privacy officer. The custodian has verified this
// officer's own token itself. Setting a hold destroys nothing and stays the face's.

// decideErasure records a privacy officer's answer to a minor's request.
func (c *Custodian) decideErasure(ctx context.Context, o order.DecideErasure) (order.Kept, error) {
	return c.letGo(ctx, o.Caller, o.IdempotencyKey, letting{
		about: []string{"erasure", o.Erasure, o.Verdict, o.Reason}, find: retentionstore.CaseOfErasure, unknown: policy.ReasonErasureNotPending,
		ask: func(file *escalation.Case, turn *pglog.Turn, actor audit.Actor) policy.Input {
			return retention.ErasureInput(file, turn.At, actor, o.Erasure, o.Verdict, o.Reason)
		},
		entry: func(file *escalation.Case) audit.Entry {
			return retention.DecidedEntry(file, o.Erasure, o.Verdict, o.Reason)
		},
		project: func(ctx context.Context, tx pgx.Tx, ref pglog.Ref) error {
			return retentionstore.ProjectDecided(ctx, tx, o.Erasure, o.Verdict, o.Reason, ref)
		},
	})
}

// liftHold records that a privacy officer lets a hold end.
func (c *Custodian) liftHold(ctx context.Context, o order.LiftHold) (order.Kept, error) {
	return c.letGo(ctx, o.Caller, o.IdempotencyKey, letting{
		about: []string{"hold", o.Hold, o.Reason}, find: retentionstore.CaseOfHold, unknown: policy.ReasonHoldUnknown,
		ask: func(file *escalation.Case, turn *pglog.Turn, actor audit.Actor) policy.Input {
			return policy.HoldLift(retention.HoldInput(file, turn.At, actor, o.Hold, o.Reason))
		},
		entry: func(file *escalation.Case) audit.Entry { return retention.LiftedEntry(file, o.Hold, o.Reason) },
		project: func(ctx context.Context, tx pgx.Tx, ref pglog.Ref) error {
			return retentionstore.ProjectLifted(ctx, tx, o.Hold, ref)
		},
	})
}

// A letting is a decision after which something may be destroyed that was kept.
type letting struct {
	about   []string // the kind and id of what is decided, and what is
	find    func(ctx context.Context, tx pgx.Tx, id string) (caseID string, err error)
	unknown string // code for what does not exist, or is not this caller's to know
	ask     func(*escalation.Case, *pglog.Turn, audit.Actor) policy.Input
	entry   func(*escalation.Case) audit.Entry
	project func(context.Context, pgx.Tx, pglog.Ref) error
}

func (c *Custodian) letGo(ctx context.Context, caller order.Caller, key order.Secret, l letting) (order.Kept, error) {
	who, err := c.authenticateStaff(ctx, caller)
	if err != nil {
		return order.Kept{}, err
	}
	body, err := json.Marshal(l.about)
	if err != nil {
		return order.Kept{}, err
	}
	idem := who.idempotency(key, body)
	if key == "" {
		return order.Kept{}, refuse(order.CodeMalformed)
	}
	r, _, err := c.record(ctx, idem, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		actor, err := c.actorOf(ctx, turn.Tx, who)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		if actor.Role != policy.RolePrivacyOfficer {
			// To others it does not exist. Policy says so too, under any policy.
			return "", pglog.Ref{}, refuse(policy.ReasonRoleNotAllowed, policy.ReasonRoleNotAllowed)
		}
		caseID, err := l.find(ctx, turn.Tx, l.about[1])
		switch {
		case errors.Is(err, conversation.ErrNotFound):
			return "", pglog.Ref{}, refuse(l.unknown, l.unknown)
		case err != nil:
			return "", pglog.Ref{}, fmt.Errorf("%w: %w", errDatabase, err)
		}
		docket, err := c.openDocket(ctx, turn, caseID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		decision, err := c.ask(ctx, turn.Tx, l.ask(docket.Case, turn, actor))
		switch {
		case err != nil:
			return "", pglog.Ref{}, err
		case turn.ClockTrails:
			return "", pglog.Ref{}, errClock
		case !decision.Allow:
			return "", pglog.Ref{}, notAllowed(decision)
		}
		// What the fold calls impossible, under any policy, is refused in it.
		ref, err := docket.Append(l.entry(docket.Case), actor, &decision, nil)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		return caseID, ref, l.project(ctx, turn.Tx, ref)
	})
	if err != nil {
		return order.Kept{}, err
	}
	return order.Kept{Case: r.caseID, At: r.ref.At, Seq: r.ref.Seq}, nil
}
