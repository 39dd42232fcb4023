package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/retention"
)

// Candidates returns, in order of their ids, up to limit cases after the one named of
// which something may have to be destroyed at that time: an erasure was granted, or it
// has been quiet for long enough; and no hold stands. It is where the custodian looks,
// not why it destroys. q signs in as sceau_custodian.
func Candidates(ctx context.Context, q Querier, p policy.Periods, at time.Time, after string, limit int) ([]string, error) {
	for {
		page, err := kept(ctx, q, p, at, after, limit)
		if err != nil || len(page) == 0 {
			return nil, err
		}
		var due []string
		for _, k := range page {
			if items := k.Due(p); !k.Held && len(items) > 0 && !items[0].At.After(at) {
				due = append(due, k.Case)
			}
		}
		if len(due) > 0 {
			return due, nil
		}
		after = page[len(page)-1].Case
	}
}

// LastMessage is when the last message of a case was written; the zero time where
// there is none.
func LastMessage(ctx context.Context, q Querier, caseID string) (time.Time, error) {
	at, err := collect(ctx, q, "last message", pgx.RowTo[*time.Time],
		`SELECT at FROM sceau.messages WHERE case_id = $1 ORDER BY position DESC LIMIT 1`, caseID)
	if err != nil || len(at) == 0 || at[0] == nil {
		return time.Time{}, err
	}
	return at[0].UTC(), nil
}

// LastMessageBefore is [LastMessage] as of a time.
func LastMessageBefore(ctx context.Context, q Querier, caseID string, by time.Time) (time.Time, error) {
	at, err := collect(ctx, q, "last message", pgx.RowTo[*time.Time],
		`SELECT at FROM sceau.messages WHERE case_id = $1 AND at <= $2 ORDER BY position DESC LIMIT 1`, caseID, by)
	if err != nil || len(at) == 0 || at[0] == nil {
		return time.Time{}, err
	}
	return at[0].UTC(), nil
}

// kept reads what the projections say of the cases after the one named of which
// something could be due by then. Most cases have something left for years: what is not
// due is left out by its row alone, before anything is looked up about it. A limit of 0
// is none.
func kept(ctx context.Context, q Querier, p policy.Periods, by time.Time, after string, limit int) ([]retention.Kept, error) {
	if after == "" {
		after = "00000000-0000-0000-0000-000000000000"
	}
	list, err := collect(ctx, q, "cases that are kept", scanKept, selectKept, after, limit,
		by.Add(-p.IdentityUnreleased), by.Add(-p.Transcript), by.Add(-p.Openings))
	if err != nil {
		return nil, fmt.Errorf("look for what is due: %w", err)
	}
	return list, nil
}

const selectKept = `
SELECT c.case_id::text,
	CASE WHEN v.state = 'closed' THEN v.closed_at ELSE greatest(
		(SELECT max(m.at) FROM sceau.messages m WHERE m.case_id = c.case_id),
		(SELECT max(e.at) FROM sceau.entries e WHERE e.case_id = c.case_id
			AND (e.action LIKE 'conversation.%' OR e.action LIKE 'consent.%' OR e.action = 'identity.sealed'))) END,
	-- An order without outcome may have opened it.
	coalesce((SELECT count(*) FILTER (WHERE e.action = 'identity.release_ordered') > count(*) FILTER (WHERE e.action = 'identity.release_failed')
		FROM sceau.entries e WHERE e.case_id = c.case_id AND e.action IN ('identity.release_ordered', 'identity.release_failed')), false),
	EXISTS (SELECT FROM sceau.holds h WHERE h.case_id = c.case_id AND h.lifted_seq IS NULL),
	coalesce(g.erasure_id::text, ''), g.decided_at,
	c.transcript_destroyed_seq IS NULL, c.identity_destroyed_seq IS NULL, o.left_over
FROM sceau.conversations v
JOIN sceau.cases c USING (case_id)
LEFT JOIN LATERAL (SELECT e.erasure_id, e.decided_at FROM sceau.erasures e
	WHERE e.case_id = c.case_id AND e.verdict = 'granted' ORDER BY e.decided_seq LIMIT 1) g ON true
CROSS JOIN LATERAL (SELECT NOT EXISTS (SELECT FROM sceau.entries e
	WHERE e.case_id = c.case_id AND e.action = 'openings.erased') AS left_over) o
CROSS JOIN LATERAL (SELECT coalesce(v.closed_at, v.opened_at) AS since) a -- never after what it is counted from
WHERE c.case_id > $1
	AND (c.identity_destroyed_seq IS NULL AND (a.since <= $3 OR g.erasure_id IS NOT NULL)
		OR c.transcript_destroyed_seq IS NULL AND (a.since <= $4 OR g.erasure_id IS NOT NULL)
		OR (a.since <= $5 OR g.erasure_id IS NOT NULL) AND o.left_over)
ORDER BY c.case_id
LIMIT nullif($2, 0)`

func scanKept(row pgx.CollectableRow) (retention.Kept, error) {
	var k retention.Kept
	var granted *time.Time
	err := row.Scan(&k.Case, &k.QuietSince, &k.Opened, &k.Held, &k.Erasure, &granted, &k.Transcript, &k.Identity, &k.Openings)
	k.QuietSince = k.QuietSince.UTC()
	if granted != nil {
		k.GrantedAt = granted.UTC()
	}
	return k, err
}
