package custodian

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
)

// unwrap turns headers of one conversation into file keys, after looking again
// whether the session may still read it.
func (c *Custodian) unwrap(ctx context.Context, id string, o order.Unwrap) (order.MessageKeys, error) {
	if o.From < 0 || o.To < o.From || o.To-o.From > order.MaxUnwrap-len(o.Consents)-len(o.Opinions) {
		return order.MessageKeys{}, refuse(order.CodeMalformed)
	}
	who, err := c.authenticate(ctx, o.Caller)
	if err != nil {
		return order.MessageKeys{}, err
	}
	if who.staff == nil && len(o.Opinions) > 0 {
		return order.MessageKeys{}, refuse(policy.ReasonRoleNotAllowed) // notes are among colleagues
	}
	s, err := c.reading.find(id, who.key())
	if err != nil {
		return order.MessageKeys{}, err
	}
	keys, err := c.unwrapIn(ctx, s, who, o)
	if err != nil && endsSession(err) {
		c.reading.end(id)
	}
	return keys, err
}

// endsSession tells refusals that a later unwrap would meet again from
// outages, after which the session goes on.
func endsSession(err error) bool {
	switch refusal(err).Code {
	case order.CodePostgresDown, order.CodePolicyDown, order.CodeIssuerDown, order.CodeMalformed, order.CodeInternal:
		return false
	}
	return true
}

func (c *Custodian) unwrapIn(ctx context.Context, s *readingSession, who bearer, o order.Unwrap) (order.MessageKeys, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := c.config.Now()
	if s.key == nil || now.After(s.expires) || now.Sub(s.used) > c.config.IdleTimeout {
		return order.MessageKeys{}, refuse(order.CodeSession)
	}
	if err := c.stillMayRead(ctx, s, who); err != nil {
		return order.MessageKeys{}, err
	}
	messages, err := c.verifiedMessages(ctx, s, o.From, o.To)
	if err != nil {
		return order.MessageKeys{}, err
	}
	keys := order.MessageKeys{Keys: make([]order.MessageKey, 0, len(messages))}
	for _, m := range messages {
		fileKey, err := s.key.FileKey(m.header)
		if err != nil {
			return order.MessageKeys{}, fmt.Errorf("message %d: %w", m.position, err)
		}
		keys.Keys = append(keys.Keys, order.MessageKey{Position: m.position, Sum: m.sum[:], Key: fileKey})
	}
	if err := c.unwrapBeside(ctx, s, o, &keys); err != nil {
		return order.MessageKeys{}, err
	}
	s.used = c.config.Now()
	return keys, nil
}

// stillMayRead reads the entries of the case again, and asks again.
func (c *Custodian) stillMayRead(ctx context.Context, s *readingSession, who bearer) error {
	at, err := c.lookAround(ctx)
	if err != nil {
		return err
	}
	file, err := c.readCase(ctx, s.file.Case)
	if err != nil {
		return err
	}
	if _, _, err := c.mayRead(ctx, c.pool, at, who, file); err != nil {
		return err
	}
	s.file = file
	return nil
}

// verifiedMessages reads the messages asked for and extends the verified
// chain with those that are new. What was verified before must be the same
// still.
func (c *Custodian) verifiedMessages(ctx context.Context, s *readingSession, from, to int) ([]sealedMessage, error) {
	start := min(from, len(s.sums))
	messages, err := messagesFrom(ctx, c.pool, s.file.Case, start, max(to, start))
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		switch {
		case m.position < len(s.sums) && s.sums[m.position] != m.sum:
			return nil, fmt.Errorf("%w: message %d changed", errAltered, m.position)
		case m.position == len(s.sums):
			s.sums = append(s.sums, m.sum)
			s.link = conversation.ChainNext(s.link, m.position, m.sum)
		}
	}
	// Entries that came since may have recorded heads of messages that were
	// not read yet: these are checked when they are.
	var heads []conversation.Head
	for _, h := range conversation.Binding(s.file.Heads) {
		if h.Messages <= len(s.sums) {
			heads = append(heads, h)
		}
	}
	if _, err := conversation.CheckChain(s.file.Case, s.sums, heads); err != nil {
		return nil, err
	}
	if want := min(to, len(s.sums)) - start; len(messages) < want {
		return nil, fmt.Errorf("%w: message %d is missing", errAltered, start+len(messages))
	}
	return messages[min(from-start, len(messages)):], nil
}

func (c *Custodian) endSession(ctx context.Context, id string, o order.EndSession) error {
	who, err := c.authenticate(ctx, o.Caller)
	if err != nil {
		return err
	}
	if _, err := c.reading.find(id, who.key()); err != nil {
		return err
	}
	c.reading.end(id)
	return nil
}

func newSessionID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
