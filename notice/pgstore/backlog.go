package pgstore

import (
	"context"
	"fmt"
	"time"
)

// A Backlog is what has not reached people.
type Backlog struct {
	// Undelivered counts notices whose time has come and deliveries that have
	// not succeeded yet.
	Undelivered int
	// Oldest is for how long the oldest of them has been due.
	Oldest time.Duration
	// GivenUp counts deliveries that were tried for hours and given up, in the
	// last week.
	GivenUp int
}

// Backlog asks the queue.
func (q *Queue) Backlog(ctx context.Context) (Backlog, error) {
	var b Backlog
	var seconds float64
	err := q.cfg.Pool.QueryRow(ctx, `
		SELECT count(*) FILTER (WHERE waits), count(*) FILTER (WHERE NOT waits),
			coalesce(extract(epoch FROM max(statement_timestamp() - greatest(created_at, (args #>> '{notice,at}')::timestamptz)) FILTER (WHERE waits)), 0)::float8
		FROM (
			SELECT args, created_at, state <> 'discarded' AS waits FROM sceau_queue.river_job
			WHERE state IN ('available', 'running', 'retryable', 'discarded') OR state = 'scheduled' AND scheduled_at <= statement_timestamp()
		) jobs`).Scan(&b.Undelivered, &b.GivenUp, &seconds)
	if err != nil {
		return Backlog{}, fmt.Errorf("ask what is undelivered: %w", err)
	}
	b.Oldest = time.Duration(seconds * float64(time.Second))
	return b, nil
}

// ReviewsOverdue counts broken glasses that nobody reviewed in time.
func (q *Queue) ReviewsOverdue(ctx context.Context) (n int, err error) {
	err = q.cfg.Pool.QueryRow(ctx, `SELECT count(*) FROM sceau.escalations WHERE review_by < statement_timestamp() AND review IS NULL`).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("count overdue reviews: %w", err)
	}
	return n, nil
}
