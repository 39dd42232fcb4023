package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// dutyQuery counts people by role: $1 since when they were seen, $2 now, $3 who does not
// count.
const dutyQuery = `
	SELECT d.role, count(DISTINCT a.person_id) FROM (
		SELECT staff_id, role FROM sceau.staff_sessions WHERE ended_at IS NULL AND last_seen_at >= $1
		UNION ALL
		SELECT staff_id, role FROM sceau.on_call WHERE until > $2) d
	JOIN sceau.staff a USING (staff_id)
	WHERE a.person_id <> ALL ($3)
		AND NOT EXISTS (SELECT FROM sceau.suspensions s WHERE s.person_id = a.person_id AND s.restored_seq IS NULL)
	GROUP BY d.role ORDER BY d.role`

// onDuty counts, for each role, the people who could answer a request of this human in
// this case: signed in and seen lately, or on call; not suspended; neither the one who
// asks, under any account, nor anybody who ever joined the conversation. Each human
// counts once in a role. It is asked in the turn of the request, at its own time.
func onDuty(ctx context.Context, tx pgx.Tx, c *escalation.Case, requester string, seen time.Duration, at time.Time) ([]policy.OnDuty, error) {
	involved := []string{requester}
	for _, p := range c.Participants {
		involved = append(involved, p.Person)
	}
	rows, err := tx.Query(ctx, dutyQuery, at.Add(-seen), at, involved)
	if err != nil {
		return nil, fmt.Errorf("count who is on duty: %w", err)
	}
	duty, err := pgx.CollectRows(rows, pgx.RowToStructByPos[policy.OnDuty])
	if err != nil {
		return nil, fmt.Errorf("count who is on duty: %w", err)
	}
	return duty, nil
}
