package conversation

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// Join lets an agent take a conversation that has none, or a psychologist come to
// the agent who has it. Of several who join at once, the head's lock lets one be its
// agent. Refusals: [ErrRole], [ErrNotFound], [ErrClosed], [ErrTaken],
// [ErrAlreadyJoined], [ErrNoAgentYet].
func (s *Store) Join(ctx context.Context, who audit.Actor, caseID, key string) error {
	if who.Role != RoleAgent && who.Role != RolePsychologist {
		return ErrRole
	}
	return s.act(ctx, idempotency(who.ID, key, "join", caseID, who.Role), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case in.has(who.ID):
			return ErrAlreadyJoined
		case who.Role == RoleAgent && in.agent != "":
			return ErrTaken
		case who.Role == RolePsychologist && in.agent == "":
			return ErrNoAgentYet
		}
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationJoined, Case: caseID, Details: r.details()})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(insertParticipant, caseID, who.ID, who.Person, who.Role, ref.Seq)
		if who.Role == RoleAgent {
			batch.Queue(setState, caseID, string(StateActive))
		}
		return send(ctx, turn.Tx, batch, "joining a conversation")
	})
}

// HandOver gives the agent's conversation to a colleague, who is in it from then on.
// The colleague must be signed in as an agent. Refusals: [ErrNotFound], [ErrClosed],
// [ErrNotItsAgent], [ErrColleague], [ErrAlreadyJoined].
func (s *Store) HandOver(ctx context.Context, who audit.Actor, caseID, to, key string) error {
	// Sessions end at any moment anyway, so this is looked up before the lock.
	var person string
	err := s.cfg.Pool.QueryRow(ctx, `SELECT person_id FROM sceau.staff s WHERE staff_id = $1 AND EXISTS (
			SELECT FROM sceau.staff_sessions x WHERE x.staff_id = s.staff_id AND x.role = 'agent' AND x.ended_at IS NULL)`,
		to).Scan(&person)
	colleague := !errors.Is(err, pgx.ErrNoRows)
	if err != nil && colleague {
		return fmt.Errorf("looking for the colleague: %w", err)
	}
	return s.act(ctx, idempotency(who.ID, key, "hand over", caseID, to), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case !in.has(who.ID):
			return ErrNotFound
		case in.agent != who.ID || who.Role != RoleAgent:
			return ErrNotItsAgent
		case in.has(to):
			return ErrAlreadyJoined
		case !colleague: // only now: strangers learn nothing of who works here
			return ErrColleague
		}
		details := r.details()
		details["to"], details["to_person"] = to, person
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationHandedOver, Case: caseID, Details: details})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(setLeft, caseID, who.ID, ref.Seq)
		batch.Queue(insertParticipant, caseID, to, person, RoleAgent, ref.Seq)
		return send(ctx, turn.Tx, batch, "handing a conversation over")
	})
}

// Leave takes a member of staff out of a conversation. The agent's goes back to the
// queue, where the next agent finds it. The entry is conversation.handed_over,
// to nobody. Refusals: [ErrNotFound], [ErrClosed].
func (s *Store) Leave(ctx context.Context, who audit.Actor, caseID, key string) error {
	return s.act(ctx, idempotency(who.ID, key, "leave", caseID), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case in.role[who.ID] == "" || in.role[who.ID] != who.Role:
			return ErrNotFound
		}
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationHandedOver, Case: caseID, Details: r.details()})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(setLeft, caseID, who.ID, ref.Seq)
		if in.agent == who.ID {
			batch.Queue(setState, caseID, string(StateWaiting))
		}
		return send(ctx, turn.Tx, batch, "leaving a conversation")
	})
}

// CloseAsAgent closes the conversation of its agent. Refusals: [ErrNotFound],
// [ErrClosed], [ErrNotItsAgent].
func (s *Store) CloseAsAgent(ctx context.Context, who audit.Actor, caseID, key string) error {
	return s.act(ctx, idempotency(who.ID, key, "close", caseID), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case !in.has(who.ID):
			return ErrNotFound
		case in.agent != who.ID || who.Role != RoleAgent:
			return ErrNotItsAgent
		}
		return closeConversation(ctx, turn, caseID, r, who)
	})
}

const (
	insertParticipant = `INSERT INTO sceau.participants (case_id, staff_id, person_id, role, joined_seq) VALUES ($1, $2, $3, $4, $5)`
	setLeft           = `UPDATE sceau.participants SET left_seq = $3 WHERE case_id = $1 AND staff_id = $2 AND left_seq IS NULL`
	setState          = `UPDATE sceau.conversations SET state = $2 WHERE case_id = $1`
)

// who is in a conversation now: account → role.
type staffIn struct {
	role  map[string]string
	agent string
}

func (in staffIn) has(staffID string) bool { return in.role[staffID] != "" }

func present(ctx context.Context, tx pgx.Tx, caseID string) (staffIn, error) {
	in := staffIn{role: map[string]string{}}
	rows, err := tx.Query(ctx, `SELECT staff_id, role FROM sceau.participants WHERE case_id = $1 AND left_seq IS NULL`, caseID)
	if err != nil {
		return in, fmt.Errorf("reading who is in the conversation: %w", err)
	}
	var id, role string
	_, err = pgx.ForEachRow(rows, []any{&id, &role}, func() error {
		in.role[id] = role
		if role == RoleAgent {
			in.agent = id
		}
		return nil
	})
	if err != nil {
		return in, fmt.Errorf("reading who is in the conversation: %w", err)
	}
	return in, nil
}

func send(ctx context.Context, tx pgx.Tx, batch *pgx.Batch, doing string) error {
	if err := tx.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("%s: %w", doing, err)
	}
	return nil
}
