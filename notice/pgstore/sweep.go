package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/notice"
)

// horizon is how far back a sweep looks. It is shorter than keepFinished, so
// that what was called once is still known to have been.
const horizon = 48 * time.Hour

// again is after how long people are called again to what is overdue.
const again = 24 * time.Hour

// due lists what the rows say somebody must be called for by now. Times are what
// names a notice, so they follow from the rows alone: every process that sweeps
// finds the same.
//
// A request's own notices are queued in the turn that writes its entry. They are
// listed here too, so that a queue that was lost, with a restored database for
// instance, calls people again to what still waits.
const due = `
	SELECT kind, id, at FROM (
		SELECT 'request_waiting', escalation_id::text, requested_at
		FROM sceau.escalations WHERE state = 'requested' AND deadline >= statement_timestamp()
	UNION ALL
		SELECT 'requisition_waiting', escalation_id::text, requested_at
		FROM sceau.escalations WHERE state = 'requested' AND deadline >= statement_timestamp() AND ground = 'judicial_requisition'
	UNION ALL
		SELECT 'confirmation_wanted', escalation_id::text, break_glass_from
		FROM sceau.escalations WHERE state = 'requested' AND deadline >= statement_timestamp() AND break_glass_from <= statement_timestamp()
	UNION ALL
		SELECT 'review_due', escalation_id::text, review_by - interval '24 hours'
		FROM sceau.escalations WHERE review_by IS NOT NULL AND review IS NULL
			AND review_by - interval '24 hours' <= statement_timestamp() AND review_by >= statement_timestamp()
	UNION ALL
		SELECT 'review_overdue', escalation_id::text, review_by + $2::interval * floor(extract(epoch FROM statement_timestamp() - review_by) / extract(epoch FROM $2::interval))::float8
		FROM sceau.escalations WHERE review_by < statement_timestamp() AND review IS NULL
	UNION ALL
		SELECT 'telling_due', escalation_id::text, tell_by + $2::interval * floor(extract(epoch FROM statement_timestamp() - tell_by) / extract(epoch FROM $2::interval))::float8
		FROM sceau.escalations e WHERE tell_by <= statement_timestamp() AND NOT EXISTS (SELECT FROM sceau.cases k
			WHERE k.case_id = e.case_id AND (k.transcript_destroyed_seq IS NOT NULL OR k.identity_destroyed_seq IS NOT NULL))
	UNION ALL
		SELECT 'erasure_waiting', erasure_id::text, requested_at + $2::interval * floor(extract(epoch FROM statement_timestamp() - requested_at) / extract(epoch FROM $2::interval))::float8
		FROM sceau.erasures WHERE verdict IS NULL
	UNION ALL
		SELECT 'psychologist_wanted', a.call_id::text, a.asked_at
		FROM sceau.psychologist_calls a JOIN sceau.conversations c USING (case_id) WHERE c.state = 'active' AND NOT EXISTS (
			SELECT FROM sceau.participants p
			WHERE p.case_id = a.case_id AND p.role = 'psychologist' AND (p.left_seq IS NULL OR p.joined_seq > a.asked_seq))
	UNION ALL
		SELECT * FROM (
			SELECT 'policy_changed', convert_from(leaf, 'UTF8')::jsonb #>> '{details,policy}', at
			FROM sceau.entries WHERE action = 'policy.activated' ORDER BY seq DESC LIMIT 5) latest
	) AS d (kind, id, at)
	WHERE at > statement_timestamp() - $1::interval
	ORDER BY at LIMIT 1000`

// known says which of these keys the queue has, in whatever state. Asked first,
// because adding a job that is there rewrites its row, at every sweep.
const known = `
	SELECT k FROM unnest($1::text[]) AS k
	WHERE EXISTS (SELECT FROM sceau_queue.river_job WHERE kind = 'call' AND args @> jsonb_build_object('key', k))`

// Sweep queues notices that follow from the passing of time, or from what other
// processes wrote: reviews and tellings that are due, requests for erasure,
// another policy. It returns how many it queued. Any number of processes may
// sweep at once.
func (q *Queue) Sweep(ctx context.Context) (int, error) {
	rows, err := q.cfg.Pool.Query(ctx, due, horizon, again)
	if err != nil {
		return 0, fmt.Errorf("find what people must be called for: %w", err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (n notice.Notice, err error) {
		return n, row.Scan(&n.Kind, &n.ID, &n.At)
	})
	if err != nil {
		return 0, fmt.Errorf("find what people must be called for: %w", err)
	}
	fresh := map[string]notice.Notice{}
	keys := make([]string, 0, len(found))
	for _, n := range found {
		if n.Check() != nil {
			continue // an entry of another version: no notice of ours
		}
		fresh[n.Key()] = n
		keys = append(keys, n.Key())
	}
	rows, err = q.cfg.Pool.Query(ctx, known, keys)
	if err != nil {
		return 0, fmt.Errorf("look for notices in the queue: %w", err)
	}
	there, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return 0, fmt.Errorf("look for notices in the queue: %w", err)
	}
	for _, key := range there {
		delete(fresh, key)
	}
	notices := make([]notice.Notice, 0, len(fresh))
	for _, n := range fresh {
		notices = append(notices, n)
	}
	if len(notices) == 0 {
		return 0, nil
	}
	return len(notices), pgx.BeginFunc(ctx, q.cfg.Pool, func(tx pgx.Tx) error { return q.Call(ctx, tx, notices...) })
}
