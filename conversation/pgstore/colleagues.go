package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
)

// A Colleague is an agent who may take a conversation over.
type Colleague struct{ Staff, Name, Unit string }

// Colleagues lists the agents to whom this one can hand their conversation over now:
// signed in and seen in that time, not suspended, and other humans than who is in it.
// Refusals: [conversation.ErrNotFound], [conversation.ErrNotItsAgent].
func (s *Store) Colleagues(ctx context.Context, who audit.Actor, caseID string, seen time.Duration) ([]Colleague, error) {
	if !audit.IsUUID(caseID) {
		return nil, conversation.ErrNotFound
	}
	var role string
	err := s.cfg.Pool.QueryRow(ctx, `SELECT coalesce(max(role), '') FROM sceau.participants
		WHERE case_id = $1 AND staff_id = $2 AND left_seq IS NULL`, caseID, who.ID).Scan(&role)
	switch {
	case err != nil:
		return nil, fmt.Errorf("looking for colleagues: %w", err)
	case role == "":
		return nil, conversation.ErrNotFound
	case role != conversation.RoleAgent || who.Role != conversation.RoleAgent:
		return nil, conversation.ErrNotItsAgent
	}
	rows, err := s.cfg.Pool.Query(ctx, `SELECT a.staff_id, a.name, coalesce(a.unit_id, '') FROM sceau.staff a
		WHERE EXISTS (SELECT FROM sceau.staff_sessions x
				WHERE x.staff_id = a.staff_id AND x.role = 'agent' AND x.ended_at IS NULL AND x.last_seen_at >= clock_timestamp() - $2::interval)
			AND NOT EXISTS (SELECT FROM sceau.suspensions s WHERE s.person_id = a.person_id AND s.restored_seq IS NULL)
			AND NOT EXISTS (SELECT FROM sceau.participants p WHERE p.case_id = $1 AND p.person_id = a.person_id AND p.left_seq IS NULL)
		ORDER BY a.name, a.staff_id LIMIT 500`, caseID, seen)
	if err != nil {
		return nil, fmt.Errorf("looking for colleagues: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("looking for colleagues: %w", err)
	}
	return list, nil
}
