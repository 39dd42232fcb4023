package pgstore

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/postal"
	"github.com/sceau-project/sceau/crypto/seal"
)

// An Opening is what it takes to open a conversation.
type Opening struct {
	PostalCode string
	Topic      conversation.Topic
	From       conversation.Connection // At is set by the store
}

// An Opened conversation. The token is told once; PostgreSQL has its hash.
type Opened struct {
	Case  string `json:"case"`
	Token string `json:"token"`
}

// reservation is how long a ready case is kept for one opening. What was reserved
// and not opened, because a process died, is ready again afterwards.
const reservation = "30 seconds"

// Open opens a conversation on a ready case: seals the postal code and the
// connection, and writes both with the entries conversation.opened and
// identity.sealed. A repeat with the same key returns the same conversation and
// token: the key is worth as much as the token, and must be as random. Refusals:
// [conversation.ErrPostalCode], [conversation.ErrTopic], [conversation.ErrNoReadyKey].
func (s *Store) Open(ctx context.Context, key string, o Opening) (Opened, error) {
	if !postal.Exists(o.PostalCode) {
		return Opened{}, conversation.ErrPostalCode
	}
	if !o.Topic.Known() {
		return Opened{}, conversation.ErrTopic
	}
	for range tries {
		opened, err := s.open(ctx, key, o)
		if !errors.Is(err, errReservationLost) && !errors.Is(err, ErrRecipient) {
			return opened, err
		}
	}
	return Opened{}, conversation.ErrNoReadyKey
}

// tries is how many ready cases one opening takes before it gives up. Most are
// for forged ones: whoever put them into the database must not keep children out.
const tries = 16

var errReservationLost = errors.New("the reserved case was taken by somebody else")

func (s *Store) open(ctx context.Context, key string, o Opening) (Opened, error) {
	caseID, until, err := s.reserve(ctx)
	if err != nil {
		return Opened{}, err
	}
	first, err := s.prepare(ctx, caseID, o)
	if errors.Is(err, ErrRecipient) {
		s.setAside(ctx, caseID, until)
		return Opened{}, err
	}
	if err != nil {
		s.giveBack(ctx, caseID, until)
		return Opened{}, err
	}
	first.until = until

	idem := idempotency(conversation.RoleMinor, key, "open", o.PostalCode, o.Topic)
	answer, err := s.cfg.Log.Do(ctx, idem, first.write)
	if err != nil {
		if !errors.Is(err, pglog.ErrUnavailable) { // then it may yet be opened
			s.giveBack(ctx, caseID, until)
		}
		return Opened{}, err
	}
	if answer.Replayed {
		s.giveBack(ctx, caseID, until)
	}
	var opened Opened
	return opened, answer.Decode(&opened)
}

// reserve takes the oldest ready case that nobody else is opening, in a
// transaction of its own: sealing must not happen under the head's lock.
func (s *Store) reserve(ctx context.Context) (caseID string, until time.Time, err error) {
	err = s.cfg.Pool.QueryRow(ctx, `
		UPDATE sceau.cases SET reserved_until = clock_timestamp() + $1::interval
		WHERE case_id = (
			SELECT case_id FROM sceau.cases
			WHERE NOT opened AND (reserved_until IS NULL OR reserved_until < clock_timestamp())
			ORDER BY transcript_seq LIMIT 1 FOR UPDATE SKIP LOCKED)
		RETURNING case_id::text, reserved_until`, reservation).Scan(&caseID, &until)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", until, conversation.ErrNoReadyKey
	}
	if err != nil {
		return "", until, fmt.Errorf("reserving a case: %w", err)
	}
	return caseID, until, nil
}

// giveBack ends a reservation early. When it fails, time ends it.
func (s *Store) giveBack(ctx context.Context, caseID string, until time.Time) {
	_, _ = s.cfg.Pool.Exec(context.WithoutCancel(ctx),
		`UPDATE sceau.cases SET reserved_until = NULL WHERE case_id = $1 AND reserved_until = $2 AND NOT opened`, caseID, until)
}

// setAside takes a ready case whose recipients are refused out of the pool, so
// that the next opening does not meet it again and the custodian makes another
// in its place. Not for ever: were this process's pinned key the fault, its
// correction must bring them back.
func (s *Store) setAside(ctx context.Context, caseID string, until time.Time) {
	_, _ = s.cfg.Pool.Exec(context.WithoutCancel(ctx), `
		UPDATE sceau.cases SET reserved_until = clock_timestamp() + $3::interval
		WHERE case_id = $1 AND reserved_until = $2 AND NOT opened`, caseID, until, aside)
}

const aside = "1 hour"

// A beginning is a conversation sealed and ready to be written.
type beginning struct {
	Opened
	hash               [32]byte
	topic              conversation.Topic
	until              time.Time
	postalCode, from   []byte // ciphertexts
	link               [32]byte
	connectionHeaderID string
}

func (s *Store) prepare(ctx context.Context, caseID string, o Opening) (*beginning, error) {
	to, err := s.cfg.Recipients.Of(ctx, caseID)
	if err != nil {
		return nil, err
	}
	b := &beginning{topic: o.Topic}
	b.Case = caseID
	if b.Token, b.hash, err = conversation.NewToken(rand.Reader); err != nil {
		return nil, err
	}
	if b.postalCode, err = conversation.SealMessage(to.Transcript, caseID, 0, conversation.Service, o.PostalCode); err != nil {
		return nil, err
	}
	b.link = conversation.ChainNext(conversation.ChainStart(caseID), 0, sha256.Sum256(b.postalCode))
	o.From.At = s.cfg.Now()
	if b.from, err = conversation.SealConnection(to.Identity, caseID, 0, o.From); err != nil {
		return nil, err
	}
	if b.connectionHeaderID, err = headerSum(b.from); err != nil {
		return nil, err
	}
	return b, nil
}

// write is the effect that opens the conversation.
func (b *beginning) write(ctx context.Context, turn *pglog.Turn) (any, error) {
	// The reservation's own time is the fence: had it run out and another opening
	// begun, this case would be theirs.
	tag, err := turn.Tx.Exec(ctx, `UPDATE sceau.cases SET opened = true WHERE case_id = $1 AND NOT opened AND reserved_until = $2`, b.Case, b.until)
	if err != nil {
		return nil, fmt.Errorf("taking the case: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return nil, errReservationLost
	}
	// With the token's hash in the entry, a row that another token was put into opens nothing.
	opened, err := turn.Append(pglog.Draft{Actor: minorActor, Action: audit.ActionConversationOpened, Case: b.Case,
		Details: audit.Details{"topic": string(b.topic), "messages": int64(1), "head": conversation.FormatHead(b.link), "token": conversation.FormatHead(b.hash)}})
	if err != nil {
		return nil, err
	}
	sealed, err := turn.Append(sealedEntry(b.Case, conversation.FacetConnection, 0, b.connectionHeaderID))
	if err != nil {
		return nil, err
	}
	batch := &pgx.Batch{}
	batch.Queue(`INSERT INTO sceau.conversations (case_id, topic, opened_at, opened_seq, token_sha256)
		VALUES ($1, $2, $3, $4, $5)`, b.Case, string(b.topic), turn.At, opened.Seq, b.hash[:])
	batch.Queue(`INSERT INTO sceau.messages (case_id, position, author, at, ciphertext, chain) VALUES ($1, 0, 'service', $2, $3, $4)`,
		b.Case, turn.At, b.postalCode, b.link[:])
	batch.Queue(insertFacet, b.Case, string(conversation.FacetConnection), 0, b.from, sealed.Seq)
	if err := turn.Tx.SendBatch(ctx, batch).Close(); err != nil {
		return nil, fmt.Errorf("opening a conversation: %w", err)
	}
	return b.Opened, nil
}

const insertFacet = `INSERT INTO sceau.facets (case_id, facet, number, ciphertext, sealed_seq) VALUES ($1, $2, $3, $4, $5)`

func sealedEntry(caseID string, f conversation.Facet, number int, headerSum string) pglog.Draft {
	return pglog.Draft{Actor: minorActor, Action: audit.ActionIdentitySealed, Case: caseID,
		Subject: audit.Subject{Type: "facet", ID: string(f)},
		Details: audit.Details{"header": headerSum, "number": int64(number)}}
}

func headerSum(ciphertext []byte) (string, error) {
	header, err := seal.Header(ciphertext)
	if err != nil {
		return "", err
	}
	return seal.HeaderSum(header), nil
}
