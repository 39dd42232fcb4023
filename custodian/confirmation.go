package custodian

import (
	"context"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// confirm records a second agent's word that the glass must be broken. Here, and
// not at the staff face: it stands in for a supervisor's approval, and the face
// alone must not be able to invent it. The custodian has verified this agent's own
// token itself.
func (c *Custodian) confirm(ctx context.Context, o order.Confirm) (order.Confirmed, error) {
	who, err := c.authenticateStaff(ctx, o.Caller)
	if err != nil {
		return order.Confirmed{}, err
	}
	if !audit.IsUUID(o.Escalation) {
		return order.Confirmed{}, refuse(order.CodeEscalation)
	}
	request, err := audit.ParseHash(o.Request)
	if err != nil {
		return order.Confirmed{}, refuse(order.CodeMalformed)
	}
	r, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		actor, err := c.actorOf(ctx, turn.Tx, who)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		docket, esc, err := c.openEscalation(ctx, turn, o.Escalation)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		if esc.RequestHash != request {
			// Whoever has seen it on their list quotes it. To others it does not exist.
			return "", pglog.Ref{}, refuse(order.CodeEscalation)
		}
		decision, err := c.ask(ctx, turn.Tx, docket.Case.ConfirmInput(turn.At, actor, esc, request, turn.ClockTrails))
		switch {
		case err != nil:
			return "", pglog.Ref{}, err
		case turn.ClockTrails:
			return "", pglog.Ref{}, errClock
		case !decision.Allow && slices.Contains(decision.Reasons, policy.ReasonRoleNotAllowed):
			// To those who never confirm, there is nothing to confirm.
			return "", pglog.Ref{}, refuse(order.CodeEscalation)
		case !decision.Allow:
			return "", pglog.Ref{}, notAllowed(decision)
		}
		// The machine's own rules hold under any policy.
		if err := docket.Case.CheckConfirmation(esc, actor, request, turn.At); err != nil {
			return "", pglog.Ref{}, err
		}
		ref, err := docket.Append(escalation.ConfirmedEntry(esc), actor, &decision, nil)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		return esc.Case, ref, pgstore.Project(ctx, turn.Tx, esc)
	})
	if err != nil {
		return order.Confirmed{}, err
	}
	return order.Confirmed{Escalation: o.Escalation, At: r.ref.At, Seq: r.ref.Seq}, nil
}
