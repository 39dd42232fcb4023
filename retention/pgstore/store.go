// Package pgstore is what a privacy officer does about what is kept: sets holds, sees
// what waits and what is due; and where the custodian, which writes what lets a case be
// destroyed, keeps that and finds the cases of which something is.
//
// Setting a hold is one turn under the head lock, on the case as its entries tell it,
// with policy asked at the entry's own time. The registers are projections: looking into
// one is recorded, and nothing is decided from it.
package pgstore

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/retention"
)

// A Config names what a Store needs. All of it is required.
type Config struct {
	Pool   *pgxpool.Pool // signs in as sceau_staff
	Log    *pglog.Log    // writes via staff
	Policy *policystore.Active
}

// A Store carries out what privacy officers do. Policy's no is an
// *[policystore.Refused]; what does not exist is [conversation.ErrNotFound].
type Store struct {
	pool   *pgxpool.Pool
	log    *pglog.Log
	policy *policystore.Active
}

// New refuses to work without a log or a policy.
func New(cfg Config) (*Store, error) {
	if cfg.Pool == nil || cfg.Log == nil || cfg.Policy == nil {
		return nil, errors.New("retention needs a database, a log and a policy")
	}
	return &Store{pool: cfg.Pool, log: cfg.Log, policy: cfg.Policy}, nil
}

// A Done act stands in the log.
type Done struct {
	ID   string    `json:"id"` // of the erasure or hold
	Case string    `json:"case"`
	At   time.Time `json:"at"`
	Seq  int64     `json:"seq"`
}

// Set sets a hold on a case for one of policy.HoldReasons: nothing of it is destroyed
// until it is lifted. Lifting it, like answering a request for erasure, is an order to
// the custodian.
func (s *Store) Set(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, caseID, reason string) (Done, error) {
	id := uuid.NewString()
	answer, err := s.log.Do(ctx, idem, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		if _, err := findCase(ctx, turn.Tx, caseItself, caseID); err != nil {
			return nil, err
		}
		docket, err := escalationstore.OpenDocket(ctx, turn, audit.ViaStaff, caseID)
		if err != nil {
			return nil, err
		}
		d, err := s.policy.Allow(ctx, turn.Tx, policy.HoldSet(retention.HoldInput(docket.Case, turn.At, actor, id, reason)))
		if err != nil {
			return nil, err
		}
		ref, err := docket.Append(audit.Entry{Action: audit.ActionHoldSet, Case: caseID,
			Subject: audit.Subject{Type: "hold", ID: id}, Details: audit.Details{"reason": reason}}, actor, d, nil)
		if err != nil {
			return nil, err
		}
		return Done{ID: id, Case: caseID, At: ref.At, Seq: ref.Seq},
			one(ctx, turn.Tx, `INSERT INTO sceau.holds (hold_id, case_id, reason, set_at, set_seq) VALUES ($1, $2, $3, $4, $5)`,
				id, caseID, reason, ref.At, ref.Seq)
	})
	if err != nil {
		return Done{}, err
	}
	var done Done
	return done, answer.Decode(&done)
}
