package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
)

// Join lets an agent take a conversation that has none, or a psychologist come to
// the agent who has it. Of several who join at once, the head's lock lets one be its
// agent. Refusals: [conversation.ErrRole], [conversation.ErrNotFound], also of what is closed or erased and was not theirs,
// [conversation.ErrClosed], [conversation.ErrTaken],
// [conversation.ErrAlreadyJoined], [conversation.ErrNoAgentYet].
func (s *Store) Join(ctx context.Context, who audit.Actor, caseID, key string) error {
	if who.Role != conversation.RoleAgent && who.Role != conversation.RolePsychologist {
		return conversation.ErrRole
	}
	return s.act(ctx, idempotency(who.ID, key, "join", caseID, who.Role), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case (r.state == conversation.StateClosed || r.erased) && !in.has(who.ID):
			return conversation.ErrNotFound
		case r.state == conversation.StateClosed:
			return conversation.ErrClosed
		case in.has(who.ID), in.person[who.Person]:
			return conversation.ErrAlreadyJoined
		case who.Role == conversation.RoleAgent && in.agent != "":
			return conversation.ErrTaken
		case who.Role == conversation.RolePsychologist && in.agent == "":
			return conversation.ErrNoAgentYet
		}
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationJoined, Case: caseID, Details: r.details()})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(insertParticipant, caseID, who.ID, who.Person, who.Role, ref.Seq)
		if who.Role == conversation.RoleAgent {
			batch.Queue(setState, caseID, string(conversation.StateActive))
		}
		return send(ctx, turn.Tx, batch, "joining a conversation")
	})
}

// HandOver gives the agent's conversation to a colleague, who is in it from then on.
// The colleague must be signed in as an agent. Refusals: [conversation.ErrNotFound], [conversation.ErrClosed],
// [conversation.ErrNotItsAgent], [conversation.ErrColleague], [conversation.ErrAlreadyJoined].
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
			return conversation.ErrNotFound
		case r.state == conversation.StateClosed:
			return conversation.ErrClosed
		case in.agent != who.ID || who.Role != conversation.RoleAgent:
			return conversation.ErrNotItsAgent
		case in.has(to), colleague && in.person[person]:
			return conversation.ErrAlreadyJoined
		case !colleague: // only now: strangers learn nothing of who works here
			return conversation.ErrColleague
		}
		details := r.details()
		details["to"], details["to_person"] = to, person
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationHandedOver, Case: caseID, Details: details})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(setLeft, caseID, who.ID, ref.Seq)
		batch.Queue(insertParticipant, caseID, to, person, conversation.RoleAgent, ref.Seq)
		return send(ctx, turn.Tx, batch, "handing a conversation over")
	})
}

// Leave takes a member of staff out of a conversation. The agent's goes back to the
// queue, where the next agent finds it. The entry is conversation.handed_over,
// to nobody. Refusals: [conversation.ErrNotFound], [conversation.ErrClosed].
func (s *Store) Leave(ctx context.Context, who audit.Actor, caseID, key string) error {
	return s.act(ctx, idempotency(who.ID, key, "leave", caseID), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case in.role[who.ID] == "" || in.role[who.ID] != who.Role:
			return conversation.ErrNotFound
		case r.state == conversation.StateClosed:
			return conversation.ErrClosed
		}
		ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationHandedOver, Case: caseID, Details: r.details()})
		if err != nil {
			return err
		}
		batch := &pgx.Batch{}
		batch.Queue(setLeft, caseID, who.ID, ref.Seq)
		if in.agent == who.ID {
			batch.Queue(setState, caseID, string(conversation.StateWaiting))
		}
		return send(ctx, turn.Tx, batch, "leaving a conversation")
	})
}

// CloseAsAgent closes the conversation of its agent. Refusals: [conversation.ErrNotFound],
// [conversation.ErrClosed], [conversation.ErrNotItsAgent].
func (s *Store) CloseAsAgent(ctx context.Context, who audit.Actor, caseID, key string) error {
	return s.act(ctx, idempotency(who.ID, key, "close", caseID), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return err
		case !in.has(who.ID):
			return conversation.ErrNotFound
		case r.state == conversation.StateClosed:
			return conversation.ErrClosed
		case in.agent != who.ID || who.Role != conversation.RoleAgent:
			return conversation.ErrNotItsAgent
		}
		return closeConversation(ctx, turn, caseID, r, who)
	})
}

const (
	insertParticipant = `INSERT INTO sceau.participants (case_id, staff_id, person_id, role, joined_seq) VALUES ($1, $2, $3, $4, $5)`
	setLeft           = `UPDATE sceau.participants SET left_seq = $3 WHERE case_id = $1 AND staff_id = $2 AND left_seq IS NULL`
	setState          = `UPDATE sceau.conversations SET state = $2 WHERE case_id = $1`
)

// who is in a conversation now: account → role, and the humans behind them.
type staffIn struct {
	role   map[string]string
	person map[string]bool
	agent  string
}

func (in staffIn) has(staffID string) bool { return in.role[staffID] != "" }

func present(ctx context.Context, tx pgx.Tx, caseID string) (staffIn, error) {
	in := staffIn{role: map[string]string{}, person: map[string]bool{}}
	rows, err := tx.Query(ctx, `SELECT staff_id, person_id, role FROM sceau.participants WHERE case_id = $1 AND left_seq IS NULL`, caseID)
	if err != nil {
		return in, fmt.Errorf("reading who is in the conversation: %w", err)
	}
	var id, person, role string
	_, err = pgx.ForEachRow(rows, []any{&id, &person, &role}, func() error {
		in.role[id], in.person[person] = role, true
		if role == conversation.RoleAgent {
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
