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
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
)

// A Config says where conversations are kept and where their entries go.
type Config struct {
	// Pool signs in as sceau_public or sceau_staff. What the other face does, its
	// role may not.
	Pool *pgxpool.Pool
	Log  *pglog.Log

	// Recipients finds, by the same role, what is sealed to.
	Recipients *Recipients

	// Notices calls people in the transactions of what waits for them. Nil: nobody is
	// called, and the lists are there to be looked at.
	Notices Caller

	// Now is the time that is sealed into connections. Default time.Now.
	Now func() time.Time
}

// A Store keeps conversations in PostgreSQL. Its methods may be called from any
// goroutine.
//
// What a caller may do something about is a [*conversation.Refusal]. Errors of the log are
// pglog's: ErrUnavailable, ErrIdempotencyMismatch, ErrIdempotencyKey. Any other error
// is of the database, and nothing was done.
type Store struct{ cfg Config }

// NewStore refuses to keep conversations without a log, and without knowing whom
// they may be sealed to.
func NewStore(cfg Config) (*Store, error) {
	if cfg.Pool == nil || cfg.Log == nil || cfg.Recipients == nil {
		return nil, errors.New("conversations need a database, a log and recipients")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Store{cfg: cfg}, nil
}

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

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

// minorActor is the actor of every entry about a minor: the same for all, so it
// names nobody.
var minorActor = audit.Actor{ID: conversation.RoleMinor, Role: conversation.RoleMinor}

// A row is a conversation under its lock.
type row struct {
	number   int64
	state    conversation.State
	messages int
	head     [32]byte
	erased   bool // a key was destroyed: nothing more is sealed
	gone     bool // both were
}

// lock reads a conversation and holds its row until the transaction ends, so that
// no message comes in between.
func lock(ctx context.Context, tx pgx.Tx, caseID string) (row, error) {
	var r row
	if !audit.IsUUID(caseID) {
		return r, conversation.ErrNotFound
	}
	var head []byte
	err := tx.QueryRow(ctx, `SELECT c.number, c.state, c.messages, c.head,
			k.transcript_destroyed_seq IS NOT NULL OR k.identity_destroyed_seq IS NOT NULL,
			k.transcript_destroyed_seq IS NOT NULL AND k.identity_destroyed_seq IS NOT NULL
		FROM sceau.conversations c JOIN sceau.cases k USING (case_id) WHERE c.case_id = $1 FOR UPDATE OF c`,
		caseID).Scan(&r.number, &r.state, &r.messages, &head, &r.erased, &r.gone)
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
