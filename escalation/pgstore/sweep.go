package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
)

// sweeper is the actor of what becomes true without anybody's doing: a process, not a
// person. Whoever writes it down, it follows from a deadline or a suspension.
var sweeper = audit.Actor{ID: "sweeper"}

// chores are what a sweep looks for, and what it does about each. The queries only
// find candidates: under the head lock the entries decide.
var chores = []struct {
	what  string
	query string
	do    func(context.Context, *turn) error
}{
	{"that it expired", `
		SELECT escalation_id::text FROM sceau.escalations
		WHERE state IN ('requested', 'approved', 'glass_broken') AND deadline < statement_timestamp()
		ORDER BY deadline LIMIT $1`, expire},
	{"that every supervisor is asked", `
		SELECT escalation_id::text FROM sceau.escalations
		WHERE state = 'requested' AND widen_at <= statement_timestamp() AND deadline >= statement_timestamp()
		ORDER BY widen_at LIMIT $1`, widen},
	{"that its requester was suspended", `
		SELECT escalation_id::text FROM sceau.escalations e
		WHERE opens_until >= statement_timestamp() AND EXISTS (
			SELECT FROM sceau.suspensions s WHERE s.person_id = e.requester_person AND s.restored_seq IS NULL)
		ORDER BY opens_until LIMIT $1`, suspend},
}

// Sweep records what has become true by itself: requests that nobody answered and
// grants that nobody used, requests that every supervisor is now asked about, and the
// end of what suspended people asked for and could still open. It returns how many entries it recorded.
// Whether something has expired never depends on it: deadlines are compared wherever
// they matter. One case that cannot be read keeps no other waiting.
func (s *Store) Sweep(ctx context.Context) (swept int, err error) {
	var failed []error
	for _, c := range chores {
		rows, err := s.pool.Query(ctx, c.query, pageSize)
		if err != nil {
			return swept, fmt.Errorf("sweep escalations: %w", err)
		}
		due, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return swept, fmt.Errorf("sweep escalations: %w", err)
		}
		for _, id := range due {
			_, err := s.act(ctx, pglog.Idempotency{}, id, c.do)
			var refused *escalation.Refusal
			switch {
			case errors.As(err, &refused): // somebody was faster, or another sweeper was
			case err != nil:
				failed = append(failed, fmt.Errorf("record of %s %s: %w", id, c.what, err))
			default:
				swept++
			}
		}
	}
	return swept, errors.Join(failed...)
}

func expire(_ context.Context, t *turn) error {
	if err := t.Case.CheckExpiry(t.escalation, t.At); err != nil {
		return err
	}
	_, err := t.Append(escalation.ExpiredEntry(t.escalation), sweeper, nil, nil)
	return err
}

func widen(ctx context.Context, t *turn) error {
	if err := t.Case.CheckWidening(t.escalation, t.At); err != nil {
		return err
	}
	if _, err := t.Append(escalation.WidenedEntry(t.escalation), sweeper, nil, nil); err != nil {
		return err
	}
	return t.call(ctx, notice.RequestWidened, t.At)
}

// suspend ends what a suspended person asked for and could still open. They may have been restored since the
// row was found.
func suspend(ctx context.Context, t *turn) error {
	var suspended bool
	if err := t.Tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.suspensions WHERE person_id = $1 AND restored_seq IS NULL)`,
		t.escalation.Requester.Person).Scan(&suspended); err != nil {
		return fmt.Errorf("look for a suspension: %w", err)
	}
	if !suspended {
		return &escalation.Refusal{Code: policy.ReasonWrongState, Detail: "restored meanwhile"}
	}
	if err := t.Case.CheckSuspension(t.escalation, t.At); err != nil {
		return err
	}
	_, err := t.Append(escalation.SuspendedEntry(t.escalation), sweeper, nil, nil)
	return err
}
