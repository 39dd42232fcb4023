package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/retention"
)

// ErrPeriods: the policy in force does not say for how long anything is kept, so
// nothing is ever due.
var ErrPeriods = errors.New("the policy in force has no periods of retention")

// A Waiting request for erasure.
type Waiting struct {
	ID          string
	Case        string
	RequestedAt time.Time
	Age         time.Duration // by the database's clock
	Held        bool          // a hold stands: it cannot be granted
}

// Erasures lists the requests for erasure that wait, oldest first.
func (s *Store) Erasures(ctx context.Context, actor audit.Actor) ([]Waiting, error) {
	if _, err := s.look(ctx, actor, policy.ViewErasures, nil); err != nil {
		return nil, err
	}
	return collect(ctx, s.pool, "requests for erasure", func(row pgx.CollectableRow) (Waiting, error) {
		var w Waiting
		err := row.Scan(&w.ID, &w.Case, &w.RequestedAt, &w.Age, &w.Held)
		w.RequestedAt = w.RequestedAt.UTC()
		return w, err
	}, `SELECT erasure_id::text, case_id::text, requested_at, greatest(clock_timestamp() - requested_at, '0'),
			EXISTS (SELECT FROM sceau.holds h WHERE h.case_id = e.case_id AND h.lifted_seq IS NULL)
		FROM sceau.erasures e WHERE verdict IS NULL ORDER BY requested_seq LIMIT 500`)
}

// Oldest returns for how long the oldest request for erasure waits, by the database's
// clock, and how many wait. It says nothing of any case, and is no entry.
func (s *Store) Oldest(ctx context.Context) (age time.Duration, waiting int, err error) {
	var seconds float64
	if err := s.pool.QueryRow(ctx, `
		SELECT coalesce(extract(epoch FROM max(statement_timestamp() - requested_at)), 0)::float8, count(*)
		FROM sceau.erasures WHERE verdict IS NULL`).Scan(&seconds, &waiting); err != nil {
		return 0, 0, fmt.Errorf("ask for the oldest request for erasure: %w", err)
	}
	return max(0, time.Duration(seconds*float64(time.Second))), waiting, nil
}

// A Hold, as the register has it.
type Hold struct {
	ID       string
	Case     string
	Reason   string
	SetAt    time.Time
	LiftedAt time.Time // zero while it stands
}

// Holds lists the holds that stand, oldest first; with all, those that were lifted
// too.
func (s *Store) Holds(ctx context.Context, actor audit.Actor, all bool) ([]Hold, error) {
	if _, err := s.look(ctx, actor, policy.ViewHolds, audit.Details{"all": all}); err != nil {
		return nil, err
	}
	return collect(ctx, s.pool, "holds", func(row pgx.CollectableRow) (Hold, error) {
		var h Hold
		var lifted *time.Time
		err := row.Scan(&h.ID, &h.Case, &h.Reason, &h.SetAt, &lifted)
		h.SetAt = h.SetAt.UTC()
		if lifted != nil {
			h.LiftedAt = lifted.UTC()
		}
		return h, err
	}, `SELECT hold_id::text, case_id::text, reason, set_at, lifted_at FROM sceau.holds
		WHERE $1 OR lifted_seq IS NULL ORDER BY set_seq LIMIT 2000`, all)
}

// Due lists what is to be destroyed by now, or will be within that time, whatever
// keeps it, soonest first.
func (s *Store) Due(ctx context.Context, actor audit.Actor, within time.Duration) ([]retention.Item, error) {
	at, err := s.look(ctx, actor, policy.ViewDue, audit.Details{"within_s": int64(within / time.Second)})
	if err != nil {
		return nil, err
	}
	periods, err := periodsOf(ctx, s.policy, s.pool)
	if err != nil {
		return nil, err
	}
	until := at.Add(within)
	all, err := kept(ctx, s.pool, periods, until, "", 0)
	if err != nil {
		return nil, err
	}
	var items []retention.Item
	for _, k := range all {
		for _, item := range k.Due(periods) {
			if !item.At.After(until) {
				items = append(items, item)
			}
		}
	}
	slices.SortStableFunc(items, func(a, b retention.Item) int { return a.At.Compare(b.At) })
	return items, nil
}

// look records that somebody looks into a register, when policy lets them, and
// returns the time of it.
func (s *Store) look(ctx context.Context, actor audit.Actor, view string, details audit.Details) (time.Time, error) {
	looked, err := s.policy.Look(ctx, s.log, actor, view, details)
	return looked.At, err
}

func periodsOf(ctx context.Context, active *policystore.Active, q policystore.Querier) (policy.Periods, error) {
	p, err := active.In(ctx, q)
	if err != nil {
		return policy.Periods{}, err
	}
	periods, ok := p.Periods()
	if !ok {
		return policy.Periods{}, ErrPeriods
	}
	return periods, nil
}

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

func collect[T any](ctx context.Context, q Querier, what string, scan pgx.RowToFunc[T], sql string, args ...any) ([]T, error) {
	rows, err := q.Query(ctx, sql, args...)
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	list, err := pgx.CollectRows(rows, scan)
	if err != nil {
		return nil, fmt.Errorf("read the %s: %w", what, err)
	}
	return list, nil
}
