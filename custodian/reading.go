package custodian

import (
	"context"
	"errors"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

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
	if !audit.IsUUID(caseID) {
		return order.Session{}, refuse(order.CodeConversation)
	}
	s := &readingSession{owner: who.key(), caseID: caseID}
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
		s.file, s.link, s.actor = file, link, actor
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
	actor, err := c.actorOf(ctx, q, who)
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
