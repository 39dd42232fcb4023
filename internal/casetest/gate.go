package casetest

import (
	"context"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// The functions below write what the custodian writes, on a log that writes via
// custodian. No key is read: what the gate does with keys is its own tests' matter.

// Read lets somebody read the evidence of an escalation.
func (w *World) Read(who audit.Actor, caseID, escalationID string) {
	w.t.Helper()
	ReadEvidence(w.t, w.Log(audit.ViaCustodian), w.Policy, who, caseID, escalationID)
}

// ReadEvidence writes what the custodian writes when it opens the evidence of an
// escalation for somebody, on a log that writes via custodian.
func ReadEvidence(t testing.TB, log *pglog.Log, rules *policystore.Active, who audit.Actor, caseID, escalationID string) {
	t.Helper()
	err := atGate(t.Context(), log, rules, caseID, escalationID, func(g gate) error {
		d, err := g.decide(g.Case.EvidenceInput(g.turn.At, who, g.escalation))
		if err != nil {
			return err
		}
		entry := escalation.EvidenceReadEntry(g.escalation)
		if d.Obligations.Scope == policy.ScopeRequisition {
			entry = escalation.RequisitionReadEntry(g.escalation)
		}
		_, err = g.Append(entry, who, d, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Confirm is a second agent's word that the glass must be broken.
func (w *World) Confirm(who audit.Actor, caseID, escalationID string) error {
	w.t.Helper()
	return atGate(w.t.Context(), w.Log(audit.ViaCustodian), w.Policy, caseID, escalationID, func(g gate) error {
		e := g.escalation
		d, err := g.decide(g.Case.ConfirmInput(g.turn.At, who, e, e.RequestHash, g.turn.ClockTrails))
		if err != nil {
			return err
		}
		if err := g.Case.CheckConfirmation(e, who, e.RequestHash, g.turn.At); err != nil {
			return err
		}
		_, err = g.Append(escalation.ConfirmedEntry(e), who, d, nil)
		return err
	})
}

// Release orders granted facets, and records that they were opened.
func (w *World) Release(who audit.Actor, caseID, escalationID string, facets ...string) error {
	w.t.Helper()
	return atGate(w.t.Context(), w.Log(audit.ViaCustodian), w.Policy, caseID, escalationID, func(g gate) error {
		e := g.escalation
		d, err := g.decide(g.Case.ReleaseInput(g.turn.At, who, e, facets, g.turn.ClockTrails))
		if err != nil {
			return err
		}
		if err := g.Case.CheckRelease(e, who, facets, g.turn.At); err != nil {
			return err
		}
		ref, err := g.Append(escalation.ReleaseOrderedEntry(e, facets, d.Obligations, g.turn.At), who, d, nil)
		if err != nil {
			return err
		}
		_, err = g.Append(escalation.ReleasedEntry(e, ref.Hash, facets, "vault-request"), who, nil, nil)
		return err
	})
}

// A gate is one turn of the custodian on one escalation.
type gate struct {
	*escalationstore.Docket
	turn       *pglog.Turn
	escalation *escalation.Escalation
	ctx        context.Context //nolint:containedctx // lives for one turn
	rules      *policystore.Active
}

// decide asks the policy in force. A refusal is what the stores answer.
func (g gate) decide(in policy.Input) (*policy.Decision, error) {
	return g.rules.Allow(g.ctx, g.turn.Tx, in)
}

func atGate(ctx context.Context, log *pglog.Log, rules *policystore.Active, caseID, escalationID string, do func(gate) error) error {
	_, err := log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaCustodian, caseID)
		if err != nil {
			return nil, err
		}
		esc, ok := docket.Case.Escalation(escalationID)
		if !ok {
			return nil, escalationstore.ErrNotFound
		}
		if err := do(gate{Docket: docket, turn: turn, escalation: esc, ctx: ctx, rules: rules}); err != nil {
			return nil, err
		}
		return nil, escalationstore.Project(ctx, turn.Tx, esc)
	})
	return err
}
