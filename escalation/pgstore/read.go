package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// pageSize bounds every list, so that a very long queue does not fill the
// memory.
const pageSize = 200

// Get returns an escalation as its entries tell it. Its requester and every supervisor
// may know of it, and of a requisition every privacy officer; to anybody else it does
// not exist.
func (s *Store) Get(ctx context.Context, actor audit.Actor, id string) (*escalation.Escalation, error) {
	var caseID string
	err := s.pool.QueryRow(ctx, `
		SELECT case_id::text FROM sceau.escalations
		WHERE escalation_id = $1 AND (requester_id = $2 OR state <> 'refused' AND ($3 OR $4 AND ground = 'judicial_requisition'))`,
		id, actor.ID, actor.Role == policy.RoleSupervisor, actor.Role == policy.RolePrivacyOfficer).Scan(&caseID)
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

// unanswered are the requests that wait for an answer. The rows lag behind entries that
// this version does not know: what they list is held to the log.
const unanswered = `
	SELECT escalation_id::text, case_id::text FROM sceau.escalations
	WHERE state = 'requested' AND deadline >= statement_timestamp()`

// A Queue is what waits for somebody, and whether that is all of it.
type Queue struct {
	Items []*escalation.Escalation
	More  bool // there are more than a queue holds
	// Damaged is how many have a case that cannot be believed. They hide no other, and
	// do not open; whoever runs the service must look.
	Damaged int
}

// Pending returns the requests that wait for an answer by this role, the oldest first.
// It is a query, not a mailbox: a supervisor who starts now sees what came before.
func (s *Store) Pending(ctx context.Context, role string) (Queue, error) {
	return s.list(ctx, func(e *escalation.Escalation) bool { return e.Awaits(role) },
		unanswered+` AND $2 = ANY (awaits) ORDER BY requested_at LIMIT $1`, role)
}

// AskedIn returns those of these cases in which an account asked to lift anonymity.
func (s *Store) AskedIn(ctx context.Context, staffID string, cases []string) ([]string, error) {
	rows, err := s.pool.Query(ctx, `SELECT DISTINCT case_id::text FROM sceau.escalations
		WHERE requester_id = $1 AND case_id = ANY ($2::text[]::uuid[])`, staffID, cases)
	if err != nil {
		return nil, fmt.Errorf("ask who asked: %w", err)
	}
	asked, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("ask who asked: %w", err)
	}
	return asked, nil
}

// Standing returns the grants that something can still be opened under, or is being read
// under: what a supervisor can revoke. Those that end first come first.
func (s *Store) Standing(ctx context.Context) (Queue, error) {
	return s.list(ctx, func(e *escalation.Escalation) bool {
		return e.State == escalation.Approved || e.State == escalation.GlassBroken || e.State == escalation.Released
	}, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations
		WHERE state IN ('approved', 'glass_broken', 'released') AND deadline >= statement_timestamp()
		ORDER BY deadline LIMIT $1`)
}

// Confirmable returns the requests whose glass may be broken if a second agent confirms
// and nobody answers, and that wait for that agent: not this one's human's own, and
// unconfirmed. The oldest come first.
func (s *Store) Confirmable(ctx context.Context, actor audit.Actor) (Queue, error) {
	return s.list(ctx, func(e *escalation.Escalation) bool { return e.State == escalation.Requested && !e.Confirmed() }, unanswered+` AND break_glass_from IS NOT NULL AND requester_person <> $2 AND requester_id <> $3
		ORDER BY requested_at LIMIT $1`, actor.Person, actor.ID)
}

// Reviews returns every glass that was broken: those to be reviewed first, in the order
// in which they are due, then the latest that were.
func (s *Store) Reviews(ctx context.Context) (Queue, error) {
	return s.list(ctx, nil, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations
		WHERE review_by IS NOT NULL
		ORDER BY review IS NOT NULL, CASE WHEN review IS NULL THEN review_by END, last_seq DESC LIMIT $1`)
}

// untold are the openings that the minor is still to be told of. Whoever can no longer
// be told, because the case is destroyed, is none of them.
const untold = `tell_by IS NOT NULL AND NOT EXISTS (
			SELECT FROM sceau.cases k WHERE k.case_id = e.case_id AND (k.transcript_destroyed_seq IS NOT NULL OR k.identity_destroyed_seq IS NOT NULL))`

// Tellings returns the openings that the minor is still to be told of, those that this
// actor can tell: an agent their own, and those of the conversations that they are in; a
// supervisor all that are overdue.
func (s *Store) Tellings(ctx context.Context, actor audit.Actor) (Queue, error) {
	return s.list(ctx, func(e *escalation.Escalation) bool { return !e.TellBy().IsZero() }, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations e
		WHERE `+untold+`
		AND CASE WHEN $3 THEN tell_by < statement_timestamp() ELSE requester_id = $2 OR EXISTS (
			SELECT FROM sceau.participants p
			WHERE p.case_id = e.case_id AND p.staff_id = $2 AND p.role = 'agent' AND p.left_seq IS NULL) END
		ORDER BY tell_by LIMIT $1`, actor.ID, actor.Role == policy.RoleSupervisor)
}

// Oldest returns for how long the oldest request waits for an answer, by the database's
// clock, and how many wait.
func (s *Store) Oldest(ctx context.Context) (age time.Duration, waiting int, err error) {
	var seconds float64
	if err := s.pool.QueryRow(ctx, `
		SELECT coalesce(extract(epoch FROM max(statement_timestamp() - requested_at)), 0)::float8, count(*) FROM sceau.escalations
		WHERE state = 'requested' AND deadline >= statement_timestamp()`).Scan(&seconds, &waiting); err != nil {
		return 0, 0, fmt.Errorf("ask for the oldest request: %w", err)
	}
	return max(0, time.Duration(seconds*float64(time.Second))), waiting, nil
}

// Untold is how many openings the minor is still to be told of.
type Untold struct {
	Count   int
	Overdue int           // of these, past their time
	Late    time.Duration // since the time of the most overdue, by the database's clock; 0 without one
}

// Untold counts the openings that [Store.Tellings] lists, everybody's together.
func (s *Store) Untold(ctx context.Context) (Untold, error) {
	var u Untold
	var seconds float64
	if err := s.pool.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE tell_by < statement_timestamp()),
			coalesce(extract(epoch FROM max(statement_timestamp() - tell_by)), 0)::float8
		FROM sceau.escalations e WHERE `+untold).Scan(&u.Count, &u.Overdue, &seconds); err != nil {
		return Untold{}, fmt.Errorf("count what is to be told: %w", err)
	}
	u.Late = max(0, time.Duration(seconds*float64(time.Second)))
	return u, nil
}

// Mine returns what this member of staff asked for, the latest first.
func (s *Store) Mine(ctx context.Context, staffID string) (Queue, error) {
	return s.list(ctx, nil, `
		SELECT escalation_id::text, case_id::text FROM sceau.escalations
		WHERE requester_id = $2 ORDER BY last_seq DESC LIMIT $1`, staffID)
}

// list folds the cases of what a query finds, each once, and keeps what the entries say
// belongs there; nil keeps all. $1 of the query is its limit.
func (s *Store) list(ctx context.Context, keep func(*escalation.Escalation) bool, query string, args ...any) (Queue, error) {
	rows, err := s.pool.Query(ctx, query, append([]any{pageSize + 1}, args...)...)
	if err != nil {
		return Queue{}, fmt.Errorf("list escalations: %w", err)
	}
	type key struct{ ID, Case string }
	keys, err := pgx.CollectRows(rows, pgx.RowToStructByPos[key])
	if err != nil {
		return Queue{}, fmt.Errorf("list escalations: %w", err)
	}
	q := Queue{Items: make([]*escalation.Escalation, 0, len(keys)), More: len(keys) > pageSize}
	cases := map[string]*escalation.Case{}
	for _, k := range keys[:min(len(keys), pageSize)] {
		c, read := cases[k.Case]
		if !read {
			var history *escalation.HistoryError
			c, err = ReadCase(ctx, s.pool, k.Case)
			if err != nil && !errors.Is(err, pglog.ErrDamaged) && !errors.As(err, &history) {
				return Queue{}, err
			}
			cases[k.Case] = c
		}
		if c == nil {
			q.Damaged++
			continue
		}
		e, ok := c.Escalation(k.ID)
		switch {
		case !ok:
			q.Damaged++
		case keep == nil || keep(e):
			q.Items = append(q.Items, e)
		}
	}
	return q, nil
}
