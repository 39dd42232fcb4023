// Package pgstore is what a privacy officer does about what is kept: answers requests
// for erasure, sets and lifts holds, sees what is due; and where the custodian finds
// the cases of which something is to be destroyed.
//
// Every act is one turn under the head lock, on the case as its entries tell it, with
// policy asked at the entry's own time. The registers are projections: looking into
// one is recorded, and nothing is decided from it.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
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

// Decide answers a request for erasure: policy.VerdictGranted without a reason, or
// policy.VerdictRefused with one of policy.ErasureRefusalReasons. From a grant on, the
// custodian destroys the keys of the case.
func (s *Store) Decide(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, erasure, verdict, reason string) (Done, error) {
	return s.act(ctx, idem, caseOfErasure, erasure, func(ctx context.Context, t *turn) (pglog.Ref, error) {
		d, err := t.decide(ctx, retention.ErasureInput(t.docket.Case, t.At, actor, erasure, verdict, reason))
		if err != nil {
			return pglog.Ref{}, err
		}
		details := audit.Details{"verdict": verdict}
		if reason != "" {
			details["reason"] = reason
		}
		ref, err := t.append(audit.ActionErasureDecided, "erasure", erasure, details, actor, d)
		if err != nil {
			return pglog.Ref{}, err
		}
		return ref, t.one(ctx, `UPDATE sceau.erasures SET verdict = $2, reason = nullif($3, ''), decided_at = $4, decided_seq = $5
			WHERE erasure_id = $1`, erasure, verdict, reason, ref.At, ref.Seq)
	})
}

// Set sets a hold on a case for one of policy.HoldReasons: nothing of it is destroyed
// until it is lifted.
func (s *Store) Set(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, caseID, reason string) (Done, error) {
	id := uuid.NewString()
	done, err := s.act(ctx, idem, caseItself, caseID, func(ctx context.Context, t *turn) (pglog.Ref, error) {
		t.id = id
		d, err := t.decide(ctx, policy.HoldSet(retention.HoldInput(t.docket.Case, t.At, actor, id, reason)))
		if err != nil {
			return pglog.Ref{}, err
		}
		ref, err := t.append(audit.ActionHoldSet, "hold", id, audit.Details{"reason": reason}, actor, d)
		if err != nil {
			return pglog.Ref{}, err
		}
		return ref, t.one(ctx, `INSERT INTO sceau.holds (hold_id, case_id, reason, set_at, set_seq) VALUES ($1, $2, $3, $4, $5)`,
			id, caseID, reason, ref.At, ref.Seq)
	})
	return done, err
}

// Lift ends a hold; the reason is what has ended, one of policy.HoldReasons.
func (s *Store) Lift(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, hold, reason string) (Done, error) {
	return s.act(ctx, idem, caseOfHold, hold, func(ctx context.Context, t *turn) (pglog.Ref, error) {
		d, err := t.decide(ctx, policy.HoldLift(retention.HoldInput(t.docket.Case, t.At, actor, hold, reason)))
		if err != nil {
			return pglog.Ref{}, err
		}
		ref, err := t.append(audit.ActionHoldLifted, "hold", hold, audit.Details{"reason": reason}, actor, d)
		if err != nil {
			return pglog.Ref{}, err
		}
		return ref, t.one(ctx, `UPDATE sceau.holds SET lifted_at = $2, lifted_seq = $3 WHERE hold_id = $1`, hold, ref.At, ref.Seq)
	})
}

// How the case is found that an act is about. What the row says is not believed
// beyond that: the case is folded, and what is not in it is not pending, or unknown.
const (
	caseItself    = `SELECT case_id::text FROM sceau.conversations WHERE case_id = $1`
	caseOfErasure = `SELECT case_id::text FROM sceau.erasures WHERE erasure_id = $1`
	caseOfHold    = `SELECT case_id::text FROM sceau.holds WHERE hold_id = $1`
)

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// A turn is one act on one case, under the head lock.
type turn struct {
	*pglog.Turn
	docket *escalationstore.Docket
	policy *policystore.Active
	id     string // of what the act is about
}

func (s *Store) act(ctx context.Context, idem pglog.Idempotency, find, id string, do func(context.Context, *turn) (pglog.Ref, error)) (Done, error) {
	if !uuidForm.MatchString(id) {
		return Done{}, conversation.ErrNotFound
	}
	answer, err := s.log.Do(ctx, idem, func(ctx context.Context, pt *pglog.Turn) (any, error) {
		var caseID string
		err := pt.Tx.QueryRow(ctx, find, id).Scan(&caseID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, conversation.ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("find the case: %w", err)
		}
		docket, err := escalationstore.OpenDocket(ctx, pt, audit.ViaStaff, caseID)
		if err != nil {
			return nil, err
		}
		t := &turn{Turn: pt, docket: docket, policy: s.policy, id: id}
		ref, err := do(ctx, t)
		return Done{ID: t.id, Case: caseID, At: ref.At, Seq: ref.Seq}, err
	})
	if err != nil {
		return Done{}, err
	}
	var done Done
	return done, answer.Decode(&done)
}

func (t *turn) decide(ctx context.Context, in policy.Input) (*policy.Decision, error) {
	return t.policy.Allow(ctx, t.Tx, in)
}

func (t *turn) append(action audit.Action, subject, id string, details audit.Details, actor audit.Actor, d *policy.Decision) (pglog.Ref, error) {
	return t.docket.Append(audit.Entry{Action: action, Case: t.docket.Case.Case,
		Subject: audit.Subject{Type: subject, ID: id}, Details: details}, actor, d, nil)
}

// one changes exactly one row.
func (t *turn) one(ctx context.Context, sql string, args ...any) error {
	tag, err := t.Tx.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("keep what was decided: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%d rows keep what was decided", tag.RowsAffected())
	}
	return nil
}
