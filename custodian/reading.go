package custodian

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// A readingSession holds the transcript key of one case for one caller. It
// lives in memory only: after a restart a new one needs a new entry.
type readingSession struct {
	owner   string // bearer.key of who opened it
	expires time.Time

	// mu guards what follows, and makes unwraps of one session wait for each
	// other: they share the verified prefix of the message chain.
	mu   sync.Mutex
	used time.Time
	key  *seal.Key // nil once forgotten
	file *escalation.Case
	sums [][32]byte // of the messages verified so far, from position 0
	link [32]byte   // of the last of them
}

// forget drops the key. Go cannot wipe a string, so it stays in memory until
// the garbage collector reuses the place; the process is not dumpable and
// leaves no core.
func (s *readingSession) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = nil
}

// readings are the open sessions by their id.
type readings struct {
	mu   sync.Mutex
	open map[string]*readingSession
}

// maxReadings bounds memory: about a kilobyte a session, and the case's entries.
const maxReadings = 20000

func (r *readings) add(id string, s *readingSession) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) >= maxReadings {
		return refuse(order.CodeRate)
	}
	r.open[id] = s
	return nil
}

// find returns the caller's own session. Another's answers like none.
func (r *readings) find(id, owner string) (*readingSession, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.open[id]
	if !ok || s.owner != owner {
		return nil, refuse(order.CodeSession)
	}
	return s, nil
}

func (r *readings) end(id string) {
	r.mu.Lock()
	s := r.open[id]
	delete(r.open, id)
	r.mu.Unlock()
	if s != nil {
		s.forget()
	}
}

func (r *readings) forgetAll() {
	r.mu.Lock()
	all := r.open
	r.open = map[string]*readingSession{}
	r.mu.Unlock()
	for _, s := range all {
		s.forget()
	}
}

// overdue lists sessions that ran out or idled.
func (r *readings) overdue(now time.Time, idle time.Duration) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id, s := range r.open {
		if !s.mu.TryLock() {
			continue // in use: not idle
		}
		if now.After(s.expires) || now.Sub(s.used) > idle {
			ids = append(ids, id)
		}
		s.mu.Unlock()
	}
	return ids
}

// reap ends sessions that nobody uses: the key must not wait in memory for an
// unwrap that never comes.
func (c *Custodian) reap(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, id := range c.reading.overdue(c.config.Now(), c.config.IdleTimeout) {
				c.reading.end(id)
			}
		}
	}
}

// openSession starts a reading session: entry, key, memory.
func (c *Custodian) openSession(ctx context.Context, o order.OpenSession) (order.Session, error) {
	who, err := c.authenticate(ctx, o.Caller)
	if err != nil {
		return order.Session{}, err
	}
	caseID := o.Case
	if who.staff == nil {
		own, err := c.ownCase(ctx, who)
		if err != nil {
			return order.Session{}, err
		}
		if caseID != "" && caseID != own {
			return order.Session{}, refuse(order.CodeConversation)
		}
		caseID = own
	}
	if !caseForm.MatchString(caseID) {
		return order.Session{}, refuse(order.CodeConversation)
	}
	s := &readingSession{owner: who.key()}
	r, err := c.recordReading(ctx, who, caseID, s)
	if err != nil {
		return order.Session{}, err
	}
	c.config.Reached(StepIntentDurable)
	if s.key, _, err = c.readKey(ctx, r, &s.file.Conversation, seal.Transcript); err != nil {
		return order.Session{}, err
	}
	s.used = c.config.Now()
	s.expires = s.used.Add(c.config.SessionLimit)
	id := newSessionID()
	if err := c.reading.add(id, s); err != nil {
		return order.Session{}, err
	}
	return order.Session{
		Session: id, Messages: len(s.sums), Head: conversation.FormatHead(s.link), Expires: s.expires,
	}, nil
}

// errBehind ends an effect that would record fewer messages than an entry of
// the case already did.
var errBehind = errors.New("messages arrived meanwhile")

// recordReading verifies the messages and writes conversation.read with their
// head. The messages are read before the turn: the log never waits for chat.
func (c *Custodian) recordReading(ctx context.Context, who bearer, caseID string, s *readingSession) (recorded, error) {
	for attempt := 0; attempt < 3; attempt++ {
		messages, err := messagesFrom(ctx, c.pool, caseID, len(s.sums), allMessages)
		if err != nil {
			return recorded{}, err
		}
		for _, m := range messages {
			s.sums = append(s.sums, m.sum)
		}
		r, err := c.tryReading(ctx, who, caseID, s, attempt == 2)
		if errors.Is(err, errBehind) {
			continue
		}
		if err == nil {
			c.doubt(ctx, s.file, s.sums)
		}
		return r, err
	}
	return recorded{}, refuse(order.CodeAltered)
}

// doubt tells the operator of heads that a face recorded and that the messages do not
// agree with: the face was told another story by its database, or told one itself.
func (c *Custodian) doubt(ctx context.Context, file *escalation.Case, sums [][32]byte) {
	for _, h := range conversation.Doubtful(file.Case, sums, file.Heads) {
		c.logger.WarnContext(ctx, "a face recorded a head that the messages do not agree with", "entry", h.Seq)
	}
	for _, d := range file.Disregarded {
		c.logger.WarnContext(ctx, "a face wrote an entry that is disregarded", "entry", d.Seq, "action", d.Action)
	}
}

// tryReading verifies against what binds. A head that a face recorded of more messages
// than were read makes it read again, but the last time: it may never come true.
func (c *Custodian) tryReading(ctx context.Context, who bearer, caseID string, s *readingSession, last bool) (recorded, error) {
	r, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		docket, err := c.openDocket(ctx, turn, caseID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		file := docket.Case
		actor, decision, err := c.mayRead(ctx, turn.Tx, turn.At, who, file)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		if n := len(file.Heads); !last && n > 0 && file.Heads[n-1].Messages > len(s.sums) {
			return "", pglog.Ref{}, errBehind
		}
		link, err := conversation.CheckChain(caseID, s.sums, conversation.Binding(file.Heads))
		if err != nil {
			return "", pglog.Ref{}, err
		}
		entry := audit.Entry{Action: audit.ActionConversationRead, Case: caseID, Details: audit.Details{
			"head": conversation.FormatHead(link), "messages": int64(len(s.sums)),
		}}
		ref, err := docket.Append(entry, actor, decision, nil)
		s.file, s.link = file, link
		return caseID, ref, err
	})
	return r, err
}

// mayRead says whether the caller may read this conversation now, and as whom.
// Staff need policy's consent. A minor may always read their own conversation,
// closed or not, as long as it can be read at all.
func (c *Custodian) mayRead(ctx context.Context, q querier, at time.Time, who bearer, file *escalation.Case) (audit.Actor, *policy.Decision, error) {
	if who.staff == nil {
		if err := ownToken(ctx, q, who, file); err != nil {
			return audit.Actor{}, nil, err
		}
		if file.Key(seal.Transcript).Destroyed {
			return audit.Actor{}, nil, errDestroyed
		}
		return minorActor, nil, nil
	}
	actor, err := who.actor(ctx, q)
	if err != nil {
		return audit.Actor{}, nil, err
	}
	decision, err := c.ask(ctx, q, file.ReadInput(at, actor))
	switch {
	case err != nil:
		return audit.Actor{}, nil, err
	case decision.Allow:
		return actor, &decision, nil
	case !tookPart(file, actor):
		// To those who never took part, it does not exist.
		return audit.Actor{}, nil, refuse(order.CodeConversation)
	}
	return audit.Actor{}, nil, notAllowed(decision)
}

func tookPart(file *escalation.Case, actor audit.Actor) bool {
	for _, p := range file.Participants {
		if p.ID == actor.ID {
			return true
		}
	}
	return false
}

// unwrap turns headers of one conversation into file keys, after looking again
// whether the session may still read it.
func (c *Custodian) unwrap(ctx context.Context, id string, o order.Unwrap) (order.MessageKeys, error) {
	if o.From < 0 || o.To < o.From || o.To-o.From > order.MaxUnwrap {
		return order.MessageKeys{}, refuse(order.CodeMalformed)
	}
	who, err := c.authenticate(ctx, o.Caller)
	if err != nil {
		return order.MessageKeys{}, err
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
