// Package pgstore keeps conversations in PostgreSQL: [Store] carries out what
// minors and staff do in them, [Listener] wakes who watches.
//
// Every act but writing commits in the transaction of its entry, in a turn under
// the log's head lock. A message is no entry: it extends the chain under the lock
// of its own conversation, so that the log never waits for chat.
package pgstore

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
)

// A Config says where conversations are kept and where their entries go.
type Config struct {
	// Pool signs in as sceau_public or sceau_staff. What the other face does, its
	// role may not.
	Pool *pgxpool.Pool
	Log  *pglog.Log

	// Now is the time that is sealed into connections. Default time.Now.
	Now func() time.Time
}

// A Store keeps conversations in PostgreSQL. Its methods may be called from any
// goroutine.
//
// What a caller may do something about is a [*conversation.Refusal]. Errors of the log are
// pglog's: ErrUnavailable, ErrIdempotencyMismatch, ErrIdempotencyKey. Any other error
// is of the database, and nothing was done.
type Store struct {
	cfg Config

	mu    sync.Mutex
	known map[string]recipients // verified; public values only
}

// NewStore refuses to keep conversations without a log.
func NewStore(cfg Config) (*Store, error) {
	if cfg.Pool == nil || cfg.Log == nil {
		return nil, errors.New("conversations need a database and a log")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{cfg: cfg, known: map[string]recipients{}}, nil
}

// recipients are what a case's content is sealed to.
type recipients struct{ transcript, identity string }

// maxKnown bounds the memory of verified recipients: 4 kB each when hybrid.
const maxKnown = 4096

// recipients reads a case's recipients and checks each against the key.created
// entry of its class: whoever could change the row in sceau.cases would otherwise read
// everything written from then on.
func (s *Store) recipients(ctx context.Context, caseID string) (recipients, error) {
	if !isUUID(caseID) {
		return recipients{}, conversation.ErrNotFound
	}
	s.mu.Lock()
	r, ok := s.known[caseID]
	s.mu.Unlock()
	if ok {
		return r, nil
	}
	err := s.cfg.Pool.QueryRow(ctx, `SELECT transcript_recipient, identity_recipient FROM sceau.cases WHERE case_id = $1`,
		caseID).Scan(&r.transcript, &r.identity)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, conversation.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("reading the recipients of case %s: %w", caseID, err)
	}
	if err := s.verify(ctx, caseID, r); err != nil {
		return recipients{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known) // rare, and cheap to learn again
	}
	s.known[caseID] = r
	return r, nil
}

func (s *Store) verify(ctx context.Context, caseID string, r recipients) error {
	entries, err := pglog.ByCase(ctx, s.cfg.Pool, caseID, 0)
	if err != nil {
		return fmt.Errorf("reading the keys of case %s: %w", caseID, err)
	}
	logged := map[string]string{}
	for _, e := range entries {
		if e.Action == audit.ActionKeyCreated && e.Via == audit.ViaCustodian && e.Subject.Type == "key" {
			if _, twice := logged[e.Subject.ID]; !twice { // a key is created once
				logged[e.Subject.ID], _ = e.Details["recipient"].(string)
			}
		}
	}
	if logged[seal.Transcript] != seal.Fingerprint(r.transcript) || logged[seal.Identity] != seal.Fingerprint(r.identity) {
		return fmt.Errorf("case %s: %w", caseID, ErrRecipient)
	}
	return nil
}

// ErrRecipient means that a case's recipient is not the one that the custodian
// created: the database was changed behind the log's back. Nothing is sealed to it.
var ErrRecipient = errors.New("the recipient is not the one in the log")

var uuidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// isUUID: PostgreSQL would answer what is no UUID with an error of its own.
func isUUID(s string) bool { return uuidForm.MatchString(s) }

// idempotency ties a client's key to who asks and to what is asked.
func idempotency(actor, key, act string, body ...any) pglog.Idempotency {
	if key == "" {
		return pglog.Idempotency{}
	}
	text, err := json.Marshal(append([]any{act}, body...))
	if err != nil { // strings and structs of strings always encode
		panic(err)
	}
	return pglog.Idempotency{Actor: actor, Key: key, Body: text}
}

// minorOf is the actor of a minor's idempotency keys: each conversation's are its own.
func minorOf(caseID string) string { return conversation.RoleMinor + ":" + caseID }

// minorActor is how a leaf names a minor: not at all.
var minorActor = audit.Actor{ID: conversation.RoleMinor, Role: conversation.RoleMinor}

// A row is a conversation under its lock.
type row struct {
	number   int64
	state    conversation.State
	messages int
	head     [32]byte
}

// lock reads a conversation and holds its row until the transaction ends, so that
// no message comes in between.
func lock(ctx context.Context, tx pgx.Tx, caseID string) (row, error) {
	var r row
	if !isUUID(caseID) {
		return r, conversation.ErrNotFound
	}
	var head []byte
	err := tx.QueryRow(ctx, `SELECT number, state, messages, head FROM sceau.conversations WHERE case_id = $1 FOR UPDATE`,
		caseID).Scan(&r.number, &r.state, &r.messages, &head)
	if errors.Is(err, pgx.ErrNoRows) {
		return r, conversation.ErrNotFound
	}
	if err != nil {
		return r, fmt.Errorf("locking the conversation: %w", err)
	}
	if copy(r.head[:], head) != len(r.head) {
		return r, errors.New("the head of the messages is no hash")
	}
	return r, nil
}

// details of an entry that records the head.
func (r row) details() audit.Details {
	return audit.Details{"messages": int64(r.messages), "head": conversation.FormatHead(r.head)}
}

// channel carries numbers of conversations in which something happened.
const channel = "sceau_conversation"

// Notify tells every face that something happened in a conversation. It comes after
// the commit, in a statement of its own: within a transaction it would make all
// commits of the database queue up behind one another. Its failure loses nothing
// but time, since listeners also poll; so there is nothing to return.
func (s *Store) Notify(ctx context.Context, number int64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	_, _ = s.cfg.Pool.Exec(ctx, `SELECT pg_notify($1, $2::bigint::text)`, channel, number)
}
