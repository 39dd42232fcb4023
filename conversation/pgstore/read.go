package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
)

// A View is what a conversation looks like to those in it, without its content.
type View struct {
	Case     string
	Number   int64 // for [Listener.Subscribe]; means nothing outside this database
	Topic    conversation.Topic
	State    conversation.State
	OpenedAt time.Time
	ClosedAt time.Time // zero while open
	Messages int       // positions are below
	Staff    []Present // who is in it, in the order in which they came
}

// Present is a member of staff who is in a conversation.
type Present struct {
	Staff string
	Role  string
}

// Waiting is a conversation in the queue.
type Waiting struct {
	Case     string
	Number   int64
	Topic    conversation.Topic
	OpenedAt time.Time
	Age      time.Duration // by the database's clock
}

const selectViews = `SELECT c.case_id::text, c.number, c.topic, c.state, c.opened_at, c.closed_at, c.messages,
		ARRAY(SELECT p.staff_id FROM sceau.participants p WHERE p.case_id = c.case_id AND p.left_seq IS NULL ORDER BY p.joined_seq),
		ARRAY(SELECT p.role FROM sceau.participants p WHERE p.case_id = c.case_id AND p.left_seq IS NULL ORDER BY p.joined_seq)
	FROM sceau.conversations c `

func scanView(row pgx.CollectableRow) (View, error) {
	var v View
	var closedAt *time.Time
	var staff, roles []string
	err := row.Scan(&v.Case, &v.Number, &v.Topic, &v.State, &v.OpenedAt, &closedAt, &v.Messages, &staff, &roles)
	if err != nil {
		return v, err
	}
	v.OpenedAt = v.OpenedAt.UTC()
	if closedAt != nil {
		v.ClosedAt = closedAt.UTC()
	}
	for i := range staff {
		v.Staff = append(v.Staff, Present{Staff: staff[i], Role: roles[i]})
	}
	return v, nil
}

func (s *Store) views(ctx context.Context, where string, args ...any) ([]View, error) {
	rows, err := s.cfg.Pool.Query(ctx, selectViews+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading conversations: %w", err)
	}
	views, err := pgx.CollectRows(rows, scanView)
	if err != nil {
		return nil, fmt.Errorf("reading conversations: %w", err)
	}
	return views, nil
}

func one(views []View, err error) (View, error) {
	if err == nil && len(views) == 0 {
		err = conversation.ErrNotFound
	}
	if err != nil {
		return View{}, err
	}
	return views[0], nil
}

// View is for the minor, whose token [Store.ByToken] has checked. Refusal:
// [conversation.ErrNotFound].
func (s *Store) View(ctx context.Context, caseID string) (View, error) {
	if !audit.IsUUID(caseID) {
		return View{}, conversation.ErrNotFound
	}
	return one(s.views(ctx, `WHERE c.case_id = $1`, caseID))
}

// ViewAsStaff is for an account that is in the conversation; a closed one stays with
// those who were in it when it was closed. Whether they may still read it is for
// policy to say. Refusal: [conversation.ErrNotFound], also for what exists and is not theirs.
func (s *Store) ViewAsStaff(ctx context.Context, caseID, staffID string) (View, error) {
	if !audit.IsUUID(caseID) {
		return View{}, conversation.ErrNotFound
	}
	return one(s.views(ctx, `WHERE c.case_id = $1 AND EXISTS (SELECT FROM sceau.participants p
		WHERE p.case_id = c.case_id AND p.staff_id = $2 AND p.left_seq IS NULL)`, caseID, staffID))
}

// Mine lists the open conversations that an account is in, oldest first. In one that was
// erased there is nothing left to answer.
func (s *Store) Mine(ctx context.Context, staffID string) ([]View, error) {
	return s.views(ctx, `JOIN sceau.participants p ON p.case_id = c.case_id AND p.staff_id = $1 AND p.left_seq IS NULL
		JOIN sceau.cases k ON k.case_id = c.case_id AND k.transcript_destroyed_seq IS NULL AND k.identity_destroyed_seq IS NULL
		WHERE c.state <> 'closed' ORDER BY c.opened_seq`, staffID)
}

// TakesPart returns those of these cases whose conversation an account is in now.
func (s *Store) TakesPart(ctx context.Context, staffID string, cases []string) ([]string, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT DISTINCT case_id::text FROM sceau.participants WHERE staff_id = $1 AND left_seq IS NULL AND case_id = ANY ($2::text[]::uuid[])`, staffID, cases)
	if err != nil {
		return nil, fmt.Errorf("looking who takes part: %w", err)
	}
	mine, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("looking who takes part: %w", err)
	}
	return mine, nil
}

// Queue lists the conversations that wait for an agent, oldest first: a child who has
// waited longest is answered first. One that was erased waits for nobody.
func (s *Store) Queue(ctx context.Context) ([]Waiting, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT case_id::text, number, topic, opened_at, greatest(clock_timestamp() - opened_at, '0')
		FROM sceau.conversations JOIN sceau.cases USING (case_id)
		WHERE state = 'waiting' AND transcript_destroyed_seq IS NULL AND identity_destroyed_seq IS NULL
		ORDER BY opened_seq LIMIT 500`)
	if err != nil {
		return nil, fmt.Errorf("reading the queue: %w", err)
	}
	queue, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Waiting, error) {
		var w Waiting
		err := row.Scan(&w.Case, &w.Number, &w.Topic, &w.OpenedAt, &w.Age)
		w.OpenedAt = w.OpenedAt.UTC()
		return w, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the queue: %w", err)
	}
	return queue, nil
}

// Page is how many messages one call returns at most.
const Page = 200

// Messages returns sealed messages at positions from ≤ p < to, in order, at most
// [Page] of them; none of a case that does not exist. Whoever asks must have been let
// in by [Store.ByToken] or [Store.ViewAsStaff].
func (s *Store) Messages(ctx context.Context, caseID string, from, to int) ([]conversation.SealedMessage, error) {
	return s.messages(ctx, `position >= $2 AND position < $3 ORDER BY position LIMIT $4`, caseID, int64(from), int64(to), Page)
}

// MessagesAt returns the sealed messages at the given positions, in order: those
// that support a request, for the supervisor.
func (s *Store) MessagesAt(ctx context.Context, caseID string, positions []int) ([]conversation.SealedMessage, error) {
	return s.messages(ctx, `position = ANY ($2) ORDER BY position`, caseID, positions)
}

func (s *Store) messages(ctx context.Context, where string, args ...any) ([]conversation.SealedMessage, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT position, author, coalesce(staff_id, ''), at, ciphertext, chain
		FROM sceau.messages WHERE case_id = $1 AND `+where, args...)
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (conversation.SealedMessage, error) {
		var m conversation.SealedMessage
		var link []byte
		err := row.Scan(&m.Position, &m.Author.Role, &m.Author.Staff, &m.At, &m.Ciphertext, &link)
		m.At = m.At.UTC()
		copy(m.Link[:], link)
		return m, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading messages: %w", err)
	}
	return list, nil
}

// Sealed returns every sealed item of the facets named, in order of facet and number.
func (s *Store) Sealed(ctx context.Context, caseID string, facets ...conversation.Facet) ([]conversation.SealedFacet, error) {
	names := make([]string, len(facets))
	for i, f := range facets {
		names[i] = string(f)
	}
	rows, err := s.cfg.Pool.Query(ctx, `SELECT facet, number, ciphertext, sealed_seq FROM sceau.facets
		WHERE case_id = $1 AND facet = ANY ($2) ORDER BY facet, number`, caseID, names)
	if err != nil {
		return nil, fmt.Errorf("reading sealed facets: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (conversation.SealedFacet, error) {
		var f conversation.SealedFacet
		return f, row.Scan(&f.Facet, &f.Number, &f.Ciphertext, &f.Seq)
	})
	if err != nil {
		return nil, fmt.Errorf("reading sealed facets: %w", err)
	}
	return list, nil
}

// LastHead reads the head of a conversation's messages within a transaction, without
// locking its row: what an entry may record, since a head once true stays true.
// Refusal: [conversation.ErrNotFound].
func LastHead(ctx context.Context, tx pgx.Tx, caseID string) (messages int, link [32]byte, err error) {
	var head []byte
	err = tx.QueryRow(ctx, `SELECT messages, head FROM sceau.conversations WHERE case_id = $1`, caseID).Scan(&messages, &head)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, link, conversation.ErrNotFound
	}
	if err != nil {
		return 0, link, fmt.Errorf("reading the head of the messages: %w", err)
	}
	copy(link[:], head)
	return messages, link, nil
}
