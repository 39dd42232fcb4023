package web

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"sync"
	"time"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
)

// readings are the reading sessions that this process holds at the custodian,
// one for each caller and case. Beginning one is an entry of the log, so they
// are kept while they last; what they open is not.
type readings struct {
	custodian *order.Client
	now       func() time.Time

	mu   sync.Mutex
	open map[[sha256.Size]byte]*reading
}

// reading is one of them. Its lock makes the first requests of a caller share
// one session, one entry.
type reading struct {
	mu      sync.Mutex
	caller  order.Caller
	session string
	expires time.Time
}

// maxReadings bounds memory; the custodian has a bound of its own.
const maxReadings = 10_000

func newReadings(custodian *order.Client, now func() time.Time) *readings {
	return &readings{custodian: custodian, now: now, open: map[[sha256.Size]byte]*reading{}}
}

// keys asks for the file keys of the messages from ≤ position < to.
func (r *readings) keys(ctx context.Context, who caller, caseID string, from, to int) (map[int]order.MessageKey, error) {
	got, err := r.unwrap(ctx, who, caseID, order.Unwrap{From: from, To: to})
	if err != nil {
		return nil, err
	}
	keys := make(map[int]order.MessageKey, len(got.Keys))
	for _, k := range got.Keys {
		keys[k.Position] = k
	}
	return keys, nil
}

// unwrap asks for file keys within the caller's reading session of a case, which it
// begins when there is none.
func (r *readings) unwrap(ctx context.Context, who caller, caseID string, what order.Unwrap) (order.MessageKeys, error) {
	one, c := r.of(who, caseID), who.order
	what.Caller = c
	one.mu.Lock()
	defer one.mu.Unlock()
	fresh := false
	for {
		if one.session == "" || !r.now().Before(one.expires) {
			session, err := r.custodian.OpenSession(ctx, order.OpenSession{Caller: c, Case: caseID})
			if err != nil {
				return order.MessageKeys{}, err
			}
			one.session, one.expires, one.caller, fresh = session.Session, session.Expires, c, true
		}
		got, err := r.custodian.Unwrap(ctx, one.session, what)
		var refused *order.Refusal
		if errors.As(err, &refused) && refused.Code == order.CodeSession && !fresh {
			one.session = "" // idle for too long, or the custodian restarted: begin another
			continue
		}
		return got, err
	}
}

// of finds the reading of a caller and a case: of a session of staff, whose
// tokens change while it lasts, or of one token of a minor.
func (r *readings) of(who caller, caseID string) *reading {
	id := sha256.Sum256([]byte(who.actor.Session + "\x00" + string(who.order.MinorToken) + "\x00" + caseID))
	r.mu.Lock()
	defer r.mu.Unlock()
	if found, ok := r.open[id]; ok {
		return found
	}
	if len(r.open) >= maxReadings {
		for id, old := range r.open {
			// A reading in use is not old; one that cannot be locked is in use.
			if old.mu.TryLock() {
				over := !r.now().Before(old.expires)
				old.mu.Unlock()
				if over {
					delete(r.open, id)
				}
			}
		}
		if len(r.open) >= maxReadings {
			clear(r.open) // they end at the custodian by being idle
		}
	}
	found := &reading{}
	r.open[id] = found
	return found
}

// close ends what is open, as far as ctx allows; the rest ends by being idle.
func (r *readings) close(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, one := range r.open {
		delete(r.open, id)
		one.mu.Lock()
		if one.session != "" && ctx.Err() == nil {
			_ = r.custodian.EndSession(ctx, one.session, order.EndSession{Caller: one.caller})
		}
		one.mu.Unlock()
	}
}

// message is a message as both faces show it.
type message struct {
	Position int       `json:"position"`
	Kind     string    `json:"kind" enum:"message,postal_code"`
	Author   string    `json:"author" enum:"minor,agent,psychologist,service"`
	Staff    string    `json:"staff,omitempty" doc:"Random id of the member of staff who wrote it"`
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
	SHA256   string    `json:"sha256" doc:"Names the exact sealed message, as evidence does: sha256: and hexadecimal"`
}

// messagesOutput is a page of messages.
type messagesOutput struct {
	Body struct {
		Messages []message `json:"messages"`
	}
}

// unseal opens sealed messages with the keys of a reading.
func unseal(caseID string, sealed []conversation.SealedMessage, keys map[int]order.MessageKey) (*messagesOutput, error) {
	out := &messagesOutput{}
	out.Body.Messages = make([]message, 0, len(sealed))
	for _, m := range sealed {
		key, ok := keys[m.Position]
		if !ok {
			continue // written after the keys were made
		}
		opened, err := open(caseID, m, key)
		if err != nil {
			return nil, err
		}
		out.Body.Messages = append(out.Body.Messages, opened)
	}
	return out, nil
}

// open opens one message: only the ciphertext that the custodian verified.
func open(caseID string, m conversation.SealedMessage, key order.MessageKey) (message, error) {
	defer clear(key.Key)
	sum := sha256.Sum256(m.Ciphertext)
	if string(sum[:]) != string(key.Sum) {
		return message{}, refuse("content.altered")
	}
	text, err := m.Open(caseID, key.Key)
	if err != nil {
		return message{}, err
	}
	opened := message{
		Position: m.Position, Kind: "message", Author: m.Author.Role, Staff: m.Author.Staff,
		At: m.At, Text: text, SHA256: formatSum(sum),
	}
	if m.Position == 0 {
		opened.Kind = "postal_code"
	}
	return opened, nil
}

const sumPrefix = "sha256:"

func formatSum(sum [sha256.Size]byte) string { return sumPrefix + hex.EncodeToString(sum[:]) }

// parseSum reads what formatSum writes; the schema has checked its form.
func parseSum(text string) (sum [sha256.Size]byte, err error) {
	raw, err := hex.DecodeString(text[len(sumPrefix):])
	copy(sum[:], raw)
	return sum, err
}
