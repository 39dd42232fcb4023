// Package pgstore keeps escalations in PostgreSQL: it carries out what members
// of staff do to them, and records what has expired.
//
// The log is the truth. Every act is one turn under the head lock: the case's
// entries are folded, policy is asked with the entry's own time, the entries are
// written, and the row of sceau.escalations, a projection for queues and the
// sweeper, follows. Nothing is ever decided from that row.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// ErrNotFound: there is no such escalation or conversation, or it is not the
// actor's to know about. Both are the same answer.
var ErrNotFound = errors.New("no such escalation")

// A Config names what a Store needs. All of it but Notices is required.
type Config struct {
	Pool       *pgxpool.Pool // signs in as sceau_staff
	Log        *pglog.Log    // writes via staff
	Policy     *policystore.Active
	Recipients *conversationstore.Recipients // of the same role

	// Notices calls people in the transactions of what waits for them. Nil: nobody is
	// called, and the queues are there to be looked at.
	Notices Caller
}

// A Caller queues notices in the transaction tx: they exist exactly if it commits.
type Caller interface {
	Call(ctx context.Context, tx pgx.Tx, notices ...notice.Notice) error
}

// A Store carries out what is done to escalations.
type Store struct {
	pool       *pgxpool.Pool
	log        *pglog.Log
	policy     *policystore.Active
	recipients *conversationstore.Recipients
	notices    Caller
}

// New refuses to work without a log, a policy, or knowing whom narratives may be
// sealed to.
func New(cfg Config) (*Store, error) {
	if cfg.Pool == nil || cfg.Log == nil || cfg.Policy == nil || cfg.Recipients == nil {
		return nil, errors.New("escalations need a database, a log, a policy and recipients")
	}
	return &Store{pool: cfg.Pool, log: cfg.Log, policy: cfg.Policy, recipients: cfg.Recipients, notices: cfg.Notices}, nil
}

// A Receipt is what an act on an escalation answers: ids, codes and times only.
type Receipt struct {
	ID       string           `json:"id"`
	State    escalation.State `json:"state"`
	Request  string           `json:"request,omitempty"`  // leaf hash of escalation.requested
	Reasons  []string         `json:"reasons,omitempty"`  // why policy refused
	Granted  []string         `json:"granted,omitempty"`  // facets
	Deadline *time.Time       `json:"deadline,omitempty"` // of the present state
	ReviewBy *time.Time       `json:"review_by,omitempty"`
	Review   string           `json:"review,omitempty"`  // verdict on a broken glass
	TellBy   *time.Time       `json:"tell_by,omitempty"` // when the minor must be told
	Seq      int64            `json:"seq"`               // of the entry that made it so
}

func receipt(e *escalation.Escalation) Receipt {
	r := Receipt{
		ID: e.ID, State: e.State, Granted: e.Granted, Seq: e.LastSeq,
		ReviewBy: orNil(e.ReviewBy), Review: e.Review.Verdict, TellBy: orNil(e.TellBy()),
	}
	if e.State != escalation.Refused {
		r.Request = e.RequestHash.String()
	}
	if d, ok := e.Deadline(); ok {
		r.Deadline = &d
	}
	return r
}

// orNil is no time, in JSON and in SQL, where t is zero.
func orNil(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// A turn is one act on one escalation, under the head lock.
type turn struct {
	*pglog.Turn
	*Docket
	escalation *escalation.Escalation
	policy     *policystore.Active
	notices    Caller
}

// Append is the docket's: entries that no rule allows are not written.
func (t *turn) Append(e audit.Entry, actor audit.Actor, d *policy.Decision, sealed audit.Commitments) (pglog.Ref, error) {
	return t.Docket.Append(e, actor, d, sealed)
}

// decide asks the policy in force. Its no is a *[policystore.Refused].
func (t *turn) decide(ctx context.Context, in policy.Input) (*policy.Decision, error) {
	return t.policy.Allow(ctx, t.Tx, in)
}

// act runs one act on the escalation id and brings its row up to date.
func (s *Store) act(ctx context.Context, idem pglog.Idempotency, id string, do func(context.Context, *turn) error) (Receipt, error) {
	answer, err := s.log.Do(ctx, idem, func(ctx context.Context, pt *pglog.Turn) (any, error) {
		var caseID string
		err := pt.Tx.QueryRow(ctx, `SELECT case_id::text FROM sceau.escalations WHERE escalation_id = $1`, id).Scan(&caseID)
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, ErrNotFound
		}
		if err != nil {
			return nil, fmt.Errorf("find the escalation: %w", err)
		}
		docket, err := OpenDocket(ctx, pt, audit.ViaStaff, caseID)
		if err != nil {
			return nil, err
		}
		e, ok := docket.Case.Escalation(id)
		if !ok {
			return nil, fmt.Errorf("%w: %s", ErrNoEntry, id)
		}
		if err := do(ctx, &turn{Turn: pt, Docket: docket, escalation: e, policy: s.policy, notices: s.notices}); err != nil {
			return nil, err
		}
		if err := Project(ctx, pt.Tx, e); err != nil {
			return nil, err
		}
		return receipt(e), nil
	})
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	return r, answer.Decode(&r)
}

// Project writes what the entries say of e into its row; of a review, the turn that
// writes its entry does.
func Project(ctx context.Context, tx pgx.Tx, e *escalation.Escalation) error {
	r := rowOf(e)
	tag, err := tx.Exec(ctx, `
		UPDATE sceau.escalations SET state = $2, deadline = $3, widen_at = $4, review_by = $5, tell_by = $6, opens_until = $7, awaits = $8, last_seq = $9
		WHERE escalation_id = $1`,
		e.ID, string(e.State), r.deadline, r.widenAt, r.reviewBy, r.tellBy, r.opensUntil, e.AwaitedRoles(), e.LastSeq)
	if err != nil {
		return fmt.Errorf("update the escalation's row: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("escalation %s has no row", e.ID)
	}
	return nil
}

// A row is what queues and sweepers ask of an escalation.
type row struct {
	deadline, widenAt, reviewBy, tellBy, opensUntil *time.Time
}

func rowOf(e *escalation.Escalation) row {
	r := row{reviewBy: orNil(e.ReviewBy), tellBy: orNil(e.TellBy()), opensUntil: orNil(e.OpensUntil())}
	if d, ok := e.Deadline(); ok {
		r.deadline = &d
	}
	if e.State == escalation.Requested && e.WidenedAt.IsZero() {
		r.widenAt = orNil(e.WidenAt)
	}
	return r
}
