package casetest

import (
	"context"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/retention"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
)

// Decide writes what the custodian writes when a privacy officer answers a request for
// erasure.
func (w *World) Decide(who audit.Actor, erasure, verdict, reason string) (pglog.Ref, error) {
	w.t.Helper()
	return w.letGo(func(ctx context.Context, turn *pglog.Turn) (string, error) {
		return retentionstore.CaseOfErasure(ctx, turn.Tx, erasure)
	}, func(ctx context.Context, turn *pglog.Turn, d *escalationstore.Docket) (pglog.Ref, error) {
		decision, err := w.Policy.Allow(ctx, turn.Tx, retention.ErasureInput(d.Case, turn.At, who, erasure, verdict, reason))
		if err != nil {
			return pglog.Ref{}, err
		}
		ref, err := d.Append(retention.DecidedEntry(d.Case, erasure, verdict, reason), who, decision, nil)
		if err != nil {
			return ref, err
		}
		return ref, retentionstore.ProjectDecided(ctx, turn.Tx, erasure, verdict, reason, ref)
	})
}

// Lift writes what the custodian writes when a privacy officer lifts a hold.
func (w *World) Lift(who audit.Actor, hold, reason string) error {
	w.t.Helper()
	_, err := w.letGo(func(ctx context.Context, turn *pglog.Turn) (string, error) {
		return retentionstore.CaseOfHold(ctx, turn.Tx, hold)
	}, func(ctx context.Context, turn *pglog.Turn, d *escalationstore.Docket) (pglog.Ref, error) {
		decision, err := w.Policy.Allow(ctx, turn.Tx, policy.HoldLift(retention.HoldInput(d.Case, turn.At, who, hold, reason)))
		if err != nil {
			return pglog.Ref{}, err
		}
		ref, err := d.Append(retention.LiftedEntry(d.Case, hold, reason), who, decision, nil)
		if err != nil {
			return ref, err
		}
		return ref, retentionstore.ProjectLifted(ctx, turn.Tx, hold, ref)
	})
	return err
}

func (w *World) letGo(find func(context.Context, *pglog.Turn) (string, error),
	do func(context.Context, *pglog.Turn, *escalationstore.Docket) (pglog.Ref, error)) (ref pglog.Ref, err error) {
	_, err = w.Log(audit.ViaCustodian).Do(w.t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		caseID, err := find(ctx, turn)
		if err != nil {
			return nil, err
		}
		docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaCustodian, caseID)
		if err != nil {
			return nil, err
		}
		ref, err = do(ctx, turn, docket)
		return nil, err
	})
	return ref, err
}
