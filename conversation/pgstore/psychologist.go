package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/notice"
)

// A Caller queues notices in the transaction tx: they exist exactly if it commits.
type Caller interface {
	Call(ctx context.Context, tx pgx.Tx, notices ...notice.Notice) error
}

// waitsForPsychologist is a call a of conversation c that nobody has come to.
const waitsForPsychologist = `c.state = 'active' AND NOT EXISTS (SELECT FROM sceau.participants p
	WHERE p.case_id = a.case_id AND p.role = 'psychologist' AND (p.left_seq IS NULL OR p.joined_seq > a.asked_seq))`

// AskPsychologist asks a psychologist into the agent's conversation: those on duty see
// it in their list from then on, and are called. It is the entry psychologist.asked.
// Refusals: [conversation.ErrNotFound], [conversation.ErrClosed],
// [conversation.ErrNotItsAgent], [conversation.ErrPsychologistThere],
// [conversation.ErrPsychologistAsked], [conversation.ErrErased].
func (s *Store) AskPsychologist(ctx context.Context, who audit.Actor, caseID, key string) error {
	return s.act(ctx, idempotency(who.ID, key, "ask a psychologist", caseID), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
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
		case r.erased:
			return conversation.ErrErased
		}
		for _, role := range in.role {
			if role == conversation.RolePsychologist {
				return conversation.ErrPsychologistThere
			}
		}
		var waits bool
		if err := turn.Tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.psychologist_calls a JOIN sceau.conversations c USING (case_id)
			WHERE a.case_id = $1 AND `+waitsForPsychologist+`)`, caseID).Scan(&waits); err != nil {
			return fmt.Errorf("asking a psychologist in: %w", err)
		}
		if waits {
			return conversation.ErrPsychologistAsked
		}
		id := uuid.NewString()
		ref, err := turn.Append(pglog.Draft{
			Actor: who, Action: audit.ActionPsychologistAsked, Case: caseID, Details: r.details(),
			Subject: audit.Subject{Type: "psychologist_call", ID: id},
		})
		if err != nil {
			return err
		}
		if _, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.psychologist_calls (call_id, case_id, staff_id, asked_at, asked_seq) VALUES ($1, $2, $3, $4, $5)`,
			id, caseID, who.ID, ref.At, ref.Seq); err != nil {
			return fmt.Errorf("asking a psychologist in: %w", err)
		}
		if s.cfg.Notices == nil {
			return nil
		}
		return s.cfg.Notices.Call(ctx, turn.Tx, notice.Notice{Kind: notice.PsychologistWanted, ID: id, At: ref.At, Unit: who.Unit})
	})
}

// A Called conversation waits for a psychologist.
type Called struct {
	Case    string
	Topic   conversation.Topic
	AskedAt time.Time
	Age     time.Duration // by the database's clock
}

// CallingPsychologist lists the conversations whose agent asked for a psychologist, and
// to which none has come, the oldest call first.
func (s *Store) CallingPsychologist(ctx context.Context) ([]Called, error) {
	return s.called(ctx, `ORDER BY a.asked_seq LIMIT 500`)
}

// PsychologistAsked returns since when this conversation waits for a psychologist; zero
// when it does not.
func (s *Store) PsychologistAsked(ctx context.Context, caseID string) (time.Time, error) {
	list, err := s.called(ctx, `AND a.case_id = $1`, caseID)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].AskedAt, nil
}

func (s *Store) called(ctx context.Context, more string, args ...any) ([]Called, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT a.case_id::text, c.topic, a.asked_at, greatest(clock_timestamp() - a.asked_at, '0')
		FROM sceau.psychologist_calls a JOIN sceau.conversations c USING (case_id) WHERE `+waitsForPsychologist+` `+more, args...)
	if err != nil {
		return nil, fmt.Errorf("reading who asks for a psychologist: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Called, error) {
		var c Called
		err := row.Scan(&c.Case, &c.Topic, &c.AskedAt, &c.Age)
		c.AskedAt = c.AskedAt.UTC()
		return c, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading who asks for a psychologist: %w", err)
	}
	return list, nil
}
