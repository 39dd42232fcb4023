package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// pageSize bounds every list, so that a very long queue does not fill the
// memory.
const pageSize = 200

// Get returns an escalation as its entries tell it. Its requester and every
// supervisor may know of it; to anybody else it does not exist.
func (s *Store) Get(ctx context.Context, actor audit.Actor, id string) (*escalation.Escalation, error) {
	var caseID string
	err := s.pool.QueryRow(ctx, `
		SELECT case_id::text FROM sceau.escalations
		WHERE escalation_id = $1 AND (requester_id = $2 OR ($3 AND state <> 'refused'))`,
		id, actor.ID, actor.Role == policy.RoleSupervisor).Scan(&caseID)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("find the escalation: %w", err)
	}
	c, err := ReadCase(ctx, s.pool, caseID)
	if err != nil {
		return nil, err
	}
	e, ok := c.Escalation(id)
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoEntry, id)
	}
	return e, nil
}

// Pending returns the requests that wait for an answer, the oldest first. It is
// a query, not a mailbox: a supervisor who starts now sees what came before.
func (s *Store) Pending(ctx context.Context) ([]*escalation.Escalation, error) {
	list, err := s.list(ctx, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations
		WHERE state = 'requested' AND deadline >= clock_timestamp()
		ORDER BY requested_at LIMIT $1`, pageSize)
	// The row lags behind an entry that this version does not know.
	return slices.DeleteFunc(list, func(e *escalation.Escalation) bool { return e.State != escalation.Requested }), err
}

// Mine returns what this member of staff asked for, the latest first.
func (s *Store) Mine(ctx context.Context, staffID string) ([]*escalation.Escalation, error) {
	return s.list(ctx, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations
		WHERE requester_id = $2 ORDER BY last_seq DESC LIMIT $1`, pageSize, staffID)
}

func (s *Store) list(ctx context.Context, query string, args ...any) ([]*escalation.Escalation, error) {
	rows, err := s.pool.Query(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("list escalations: %w", err)
	}
	type key struct{ ID, Case string }
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil {
		return nil, fmt.Errorf("list escalations: %w", err)
	}
	list := make([]*escalation.Escalation, 0, len(keys))
	for _, k := range keys {
		c, err := ReadCase(ctx, s.pool, k.Case)
		if err != nil {
			return nil, err
		}
		if e, ok := c.Escalation(k.ID); ok {
			list = append(list, e)
		}
	}
	return list, nil
}

// Sweep records what has expired: requests that nobody answered, grants that
// nobody used. It returns how many it recorded. Whether something has expired
// never depends on it: deadlines are compared wherever they matter.
func (s *Store) Sweep(ctx context.Context) (int, error) {
	rows, err := s.pool.Query(ctx, `
		SELECT escalation_id::text FROM sceau.escalations
		WHERE state IN ('requested', 'approved') AND deadline < clock_timestamp()
		ORDER BY deadline LIMIT $1`, pageSize)
	if err != nil {
		return 0, fmt.Errorf("find what has expired: %w", err)
	}
	due, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("find what has expired: %w", err)
	}
	swept := 0
	for _, id := range due {
		_, err := s.act(ctx, pglog.Idempotency{}, id, func(_ context.Context, t *turn) error {
			if err := t.Case.CheckExpiry(t.escalation, t.At); err != nil {
				return err
			}
			_, err := t.Append(escalation.ExpiredEntry(t.escalation), sweeper, nil, nil)
			return err
		})
		var refused *escalation.Refusal
		switch {
		case errors.As(err, &refused): // somebody was faster, or another sweeper was
		case err != nil:
			return swept, fmt.Errorf("record that %s expired: %w", id, err)
		default:
			swept++
		}
	}
	return swept, nil
}

// sweeper is the actor of entries about expiry: a process, not a person.
// Whether something has expired follows from its deadline, whoever writes it
// down.
var sweeper = audit.Actor{ID: "sweeper"}
