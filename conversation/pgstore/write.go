package pgstore

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
)

// A Written message has its place. Replayed means that it had it already.
type Written struct {
	Position int       `json:"position"`
	At       time.Time `json:"at"`
	Replayed bool      `json:"-"`
	Number   int64     `json:"-"` // of the conversation, for [Listener.Wrote]
}

// WriteAsMinor adds a message of the minor's. The key, 16 printable ASCII
// characters or more, makes a repeat harmless. Refusals: those of [conversation.CheckText],
// [conversation.ErrNotFound], [conversation.ErrClosed], [conversation.ErrErased], [conversation.ErrTooManyMessages].
// After a [pglog.ErrUnknownOutcome] the message may be there: the repeat tells, and
// takes its place when it is not. A repeat waits for the standbys as the first did,
// for it locks the conversation too.
func (s *Store) WriteAsMinor(ctx context.Context, caseID, key, text string) (Written, error) {
	return s.write(ctx, caseID, conversation.Minor, key, text)
}

// WriteAsStaff adds a message of an agent's or a psychologist's who is in the
// conversation. Refusals are those of [Store.WriteAsMinor], and [conversation.ErrRole].
func (s *Store) WriteAsStaff(ctx context.Context, who audit.Actor, caseID, key, text string) (Written, error) {
	if who.Role != conversation.RoleAgent && who.Role != conversation.RolePsychologist {
		return Written{}, conversation.ErrRole
	}
	// Asked first, and again under the lock: a stranger is refused after the same
	// question whether there is such a conversation or not.
	in, err := s.takesPart(ctx, who, caseID)
	if err != nil {
		return Written{}, err
	}
	if !in {
		return Written{}, conversation.ErrNotFound
	}
	return s.write(ctx, caseID, conversation.Author{Role: who.Role, Staff: who.ID}, key, text)
}

func (s *Store) takesPart(ctx context.Context, who audit.Actor, caseID string) (in bool, err error) {
	if !audit.IsUUID(caseID) {
		return false, nil
	}
	err = s.cfg.Pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.participants
		WHERE case_id = $1 AND staff_id = $2 AND role = $3 AND left_seq IS NULL)`, caseID, who.ID, who.Role).Scan(&in)
	if err != nil {
		return false, fmt.Errorf("looking who is in the conversation: %w", err)
	}
	return in, nil
}

func (s *Store) write(ctx context.Context, caseID string, by conversation.Author, key, text string) (Written, error) {
	if err := conversation.CheckText(text); err != nil {
		return Written{}, err
	}
	once, err := deriveOnce(key, caseID, by, text)
	if err != nil {
		return Written{}, err
	}
	to, err := s.cfg.Recipients.Of(ctx, caseID)
	if err != nil {
		return Written{}, err
	}

	// From here on the caller's going away changes nothing: a message that was
	// taken is written, and holds its conversation's lock no longer than that.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	var w Written
	var number int64
	err = pglog.Transact(ctx, s.cfg.Pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, bounds); err != nil {
			return fmt.Errorf("writing a message: %w", err)
		}
		r, err := lock(ctx, tx, caseID)
		if err != nil {
			return err
		}
		number = r.number
		w, err = extend(ctx, tx, caseID, r, to.Transcript, by, once, text)
		return err
	})
	if err != nil {
		return Written{}, err
	}
	w.Number = number
	if !w.Replayed {
		s.Notify(ctx, number)
	}
	return w, nil
}

// bounds keeps a process that hangs in the middle from holding a conversation, and
// with it the entry that would close it; and a message is as durable as an entry.
const bounds = `SELECT set_config('lock_timeout', '5s', true), set_config('statement_timeout', '5s', true),
	set_config('idle_in_transaction_session_timeout', '2s', true), set_config('synchronous_commit', 'on', true)`

// extend adds one link to the chain of a conversation whose row is locked.
func extend(ctx context.Context, tx pgx.Tx, caseID string, r row, to string, by conversation.Author, once once, text string) (Written, error) {
	var w Written
	var mac []byte
	var stays bool
	err := tx.QueryRow(ctx, `SELECT
			$3 = '' OR EXISTS (SELECT FROM sceau.participants WHERE case_id = $1 AND staff_id = $3 AND role = $4 AND left_seq IS NULL),
			coalesce(m.position, -1), coalesce(m.at, 'epoch'), m.body_mac
		FROM (VALUES (1)) AS always LEFT JOIN sceau.messages m ON m.case_id = $1 AND m.client_key = $2`,
		caseID, once.id, by.Staff, by.Role).Scan(&stays, &w.Position, &w.At, &mac)
	w.At = w.At.UTC()
	switch {
	case err != nil:
		return w, fmt.Errorf("writing a message: %w", err)
	case !stays:
		return w, conversation.ErrNotFound
	case w.Position >= 0 && !hmac.Equal(mac, once.mac):
		return w, pglog.ErrIdempotencyMismatch
	case w.Position >= 0:
		w.Replayed = true
		return w, nil
	case r.erased:
		return w, conversation.ErrErased
	case r.state == conversation.StateClosed:
		return w, conversation.ErrClosed
	case r.messages >= conversation.MaxMessages:
		return w, conversation.ErrTooManyMessages
	}

	w.Position = r.messages
	ciphertext, err := conversation.SealMessage(to, caseID, w.Position, by, text)
	if err != nil {
		return w, err
	}
	link := conversation.ChainNext(r.head, w.Position, sha256.Sum256(ciphertext))
	// A trigger checks the link and moves the conversation's head: a face may not.
	err = tx.QueryRow(ctx, `INSERT INTO sceau.messages (case_id, position, author, staff_id, at, ciphertext, chain, client_key, body_mac)
		VALUES ($1, $2, $3, nullif($4, ''), clock_timestamp(), $5, $6, $7, $8) RETURNING at`,
		caseID, w.Position, by.Role, by.Staff, ciphertext, link[:], once.id, once.mac).Scan(&w.At)
	if err != nil {
		return w, fmt.Errorf("writing a message: %w", err)
	}
	w.At = w.At.UTC()
	return w, nil
}

// once tells a repeat from a reuse of a client's key. Both parts are derived from
// the key, which is stored nowhere: a plain hash of the text would confirm to
// whoever has the database that a child wrote "oui".
type once struct{ id, mac []byte }

func deriveOnce(key, caseID string, by conversation.Author, text string) (once, error) {
	if err := pglog.CheckKey(key); err != nil {
		return once{}, err
	}
	derived, err := hkdf.Key(sha256.New, []byte(key), []byte(caseID), "sceau.message/v1\n"+by.Byline(), 64)
	if err != nil {
		return once{}, fmt.Errorf("deriving from the idempotency key: %w", err)
	}
	mac := hmac.New(sha256.New, derived[32:])
	mac.Write([]byte(text))
	return once{id: derived[:32], mac: mac.Sum(nil)}, nil
}

// CloseAsMinor closes the minor's conversation. Closing what is closed succeeds.
// Refusal: [conversation.ErrNotFound].
func (s *Store) CloseAsMinor(ctx context.Context, caseID, key string) error {
	err := s.act(ctx, idempotency(minorOf(caseID), key, "close"), caseID, func(ctx context.Context, turn *pglog.Turn, r row) error {
		if r.state == conversation.StateClosed {
			return conversation.ErrClosed
		}
		return closeConversation(ctx, turn, caseID, r, minorActor)
	})
	if errors.Is(err, conversation.ErrClosed) {
		return nil
	}
	return err
}

// closeConversation writes conversation.closed and the state that goes with it.
func closeConversation(ctx context.Context, turn *pglog.Turn, caseID string, r row, who audit.Actor) error {
	ref, err := turn.Append(pglog.Draft{Actor: who, Action: audit.ActionConversationClosed, Case: caseID, Details: r.details()})
	if err != nil {
		return err
	}
	_, err = turn.Tx.Exec(ctx, `UPDATE sceau.conversations SET state = 'closed', closed_at = $2, closed_seq = $3 WHERE case_id = $1`,
		caseID, turn.At, ref.Seq)
	if err != nil {
		return fmt.Errorf("closing a conversation: %w", err)
	}
	return nil
}

// record is [Store.act] for what gets an id.
func (s *Store) record(ctx context.Context, idem pglog.Idempotency, caseID string, do func(context.Context, *pglog.Turn, row) (Recorded, error)) (Recorded, error) {
	type result struct {
		Recorded
		Number int64 `json:"number"`
	}
	answer, err := s.cfg.Log.Do(ctx, idem, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		r, err := lock(ctx, turn.Tx, caseID)
		if err != nil {
			return nil, err
		}
		recorded, err := do(ctx, turn, r)
		return result{recorded, r.number}, err
	})
	if err != nil {
		return Recorded{}, err
	}
	var got result
	if err := answer.Decode(&got); err != nil {
		return Recorded{}, err
	}
	s.Notify(ctx, got.Number)
	return got.Recorded, nil
}

// act runs one act on a conversation in a turn under the head's lock, with its row
// locked, and wakes who watches it. Whether the conversation is open is for do to
// ask, after it has asked whether the caller is in it: a stranger is not told that
// there was a conversation.
func (s *Store) act(ctx context.Context, idem pglog.Idempotency, caseID string, do func(context.Context, *pglog.Turn, row) error) error {
	answer, err := s.cfg.Log.Do(ctx, idem, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		r, err := lock(ctx, turn.Tx, caseID)
		if errors.Is(err, conversation.ErrNotFound) && audit.IsUUID(caseID) {
			// As many questions as for what exists and is not the caller's: a
			// stranger can time the difference.
			if _, err := present(ctx, turn.Tx, caseID); err != nil {
				return nil, err
			}
		}
		if err != nil {
			return nil, err
		}
		return r.number, do(ctx, turn, r)
	})
	if err != nil {
		return err
	}
	var number int64
	if err := answer.Decode(&number); err != nil {
		return err
	}
	s.Notify(ctx, number)
	return nil
}
