package faults_test

import (
	"context"
	crypto "crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/pgfault"
	"github.com/sceau-project/sceau/policy"
)

// patience is how long somebody repeats what was refused before it counts as
// lost: longer than any fault of these tests, and their recovery.
const patience = 90 * time.Second

// A crowd is the people who use the service while it is broken. Whatever they are
// told is remembered. Acts are repeated with the same key until they are
// acknowledged, as a client does; entries beside them are written once, and
// believed in whatever is said of them.
type crowd struct {
	*world
	faces   []*face
	ctx     context.Context // of the people: ends when all have left
	leaving chan struct{}
	left    sync.Once
	behind  sync.WaitGroup
	acked   atomic.Int64 // acts and entries
	refused atomic.Int64
	chats   atomic.Int64 // messages acknowledged

	mu      sync.Mutex
	stories []*story
	marks   map[string]mark
	why     map[string]int // refusals by their text
}

// A mark is what was said of one entry that was written once.
type mark struct {
	ref pglog.Ref
	err error
}

// A story is one conversation as its people know it.
type story struct {
	id, token string
	said      map[int]string // acknowledged messages by position
	joined    bool
	closed    bool
	consent   string // id, when the minor consented
	esc       string // id of the escalation, "" before there is one
	request   string
	state     escalation.State
	openings  []int64 // entries that the identity was said to be opened under
}

// newCrowd gathers people who come through so many processes.
func newCrowd(w *world, processes int) *crowd {
	w.Helper()
	c := &crowd{world: w, ctx: context.WithoutCancel(w.Context()), leaving: make(chan struct{}), marks: map[string]mark{}, why: map[string]int{}}
	for range processes {
		c.faces = append(c.faces, w.face())
	}
	w.Cleanup(c.leave)
	return c
}

// come lets so many people begin, and as many write entries of their own.
func (c *crowd) come(people, writers int) {
	for i := range people {
		rng := c.random(uint64(i))
		c.behind.Go(func() {
			for n := 0; c.going(); n++ {
				if err := c.play(i, rng); err != nil {
					c.Errorf("conversation %d of worker %d: %v", n, i, err)
					return
				}
			}
		})
	}
	for i := range writers {
		c.behind.Go(func() { c.write(i) })
	}
}

// leave lets everybody finish what they are at.
func (c *crowd) leave() {
	c.left.Do(func() {
		close(c.leaving)
		c.behind.Wait()
		c.count("acknowledged", c.acked.Load())
		c.count("refused", c.refused.Load())
		c.count("messages", c.chats.Load())
		c.count("conversations", int64(len(c.stories)))
		if len(c.why) > 0 {
			c.Logf("refused meanwhile: %v", c.why)
		}
	})
	c.behind.Wait()
}

func (c *crowd) going() bool {
	select {
	case <-c.leaving:
		return false
	default:
		return c.Context().Err() == nil
	}
}

// act does something until it is acknowledged.
func (c *crowd) act(what string, try func(context.Context) error) error {
	pause := 20 * time.Millisecond
	for giveUp := time.Now().Add(patience); ; {
		err := try(c.ctx)
		if err == nil {
			c.acked.Add(1)
			return nil
		}
		if !heals(err) {
			return fmt.Errorf("%s: %w", what, err)
		}
		c.note(err)
		if time.Now().After(giveUp) {
			return fmt.Errorf("%s, in vain for %v: %w", what, patience, err)
		}
		time.Sleep(pause)
		pause = min(2*pause, 250*time.Millisecond)
	}
}

// note counts a refusal.
func (c *crowd) note(err error) {
	c.refused.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.why[reason(err)]++
}

// reason is what a refusal comes to, in few words.
func reason(err error) string {
	var refusal *order.Refusal
	var server *pgconn.PgError
	switch {
	case errors.As(err, &refusal):
		return refusal.Code
	case errors.Is(err, order.ErrDown):
		return "custodian.unavailable"
	case errors.As(err, &server):
		return server.Code
	case errors.Is(err, pglog.ErrUnknownOutcome):
		return "unknown outcome"
	case errors.Is(err, conversation.ErrNoReadyKey):
		return "no ready key"
	case errors.Is(err, pglog.ErrEffectTimeout):
		return "effect timeout"
	}
	return "unavailable"
}

// heals says whether a refusal is one that a face answers with 503: come again.
func heals(err error) bool {
	var refusal *order.Refusal
	if errors.As(err, &refusal) {
		return slices.Contains([]string{order.CodePostgresDown, order.CodeVaultDown, order.CodeTooLate, order.CodeClock, order.CodeAbandoned}, refusal.Code)
	}
	return errors.Is(err, order.ErrDown) || errors.Is(err, pglog.ErrUnavailable) || errors.Is(err, pglog.ErrEffectTimeout) ||
		errors.Is(err, conversation.ErrNoReadyKey) || pgfault.Unavailable(err)
}

// write writes entries, each once.
func (c *crowd) write(i int) {
	f := c.faces[i%len(c.faces)]
	who := c.staff["amal"].Actor
	for n := 0; c.going(); n++ {
		name := fmt.Sprintf("%d-%d", i, n)
		ref, err := f.log.Append(c.ctx, pglog.Draft{Actor: who, Action: audit.ActionStaffSignedIn, Details: audit.Details{"mark": name}})
		c.mu.Lock()
		c.marks[name] = mark{ref, err}
		c.mu.Unlock()
		if err == nil {
			c.acked.Add(1)
			c.wait(time.Millisecond) // the log is others' too
			continue
		}
		c.note(err)
		if !heals(err) {
			c.Errorf("an entry was refused with %v", err)
			return
		}
		c.wait(20 * time.Millisecond)
	}
}

// key is a fresh idempotency key.
func key() string { return crypto.Text() }

var danger = policy.Assessment{
	Immediacy: "now", Violence: "ongoing", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
	AgeBand: "13_15", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
}

// begun opens a conversation, has somebody join it, and lets both write.
func (c *crowd) begun(f *face, agent person) (*story, error) {
	s, k := &story{said: map[int]string{}}, key()
	err := c.act("open", func(ctx context.Context) error {
		opened, err := f.public.Open(ctx, k, conversationstore.Opening{
			PostalCode: "35000", Topic: conversation.TopicThreats,
			From: conversation.Connection{Address: netip.MustParseAddr("2001:db8::7"), Port: 40123},
		})
		s.id, s.token = opened.Case, opened.Token
		return err
	})
	if err != nil {
		return s, err
	}
	s.said[0] = "35000"
	c.mu.Lock()
	c.stories = append(c.stories, s)
	c.mu.Unlock()
	if err := c.say(f, s, nil, "Il a dit qu’il viendrait ce soir."); err != nil {
		return s, err
	}
	k = key()
	if err := c.act("join", func(ctx context.Context) error { return f.staff.Join(ctx, agent.Actor, s.id, k) }); err != nil {
		return s, err
	}
	s.joined = true
	return s, c.say(f, s, &agent, "Je suis là.")
}

// say writes a message of the minor's, or of a member of staff.
func (c *crowd) say(f *face, s *story, by *person, text string) error {
	k := key()
	return c.act("write", func(ctx context.Context) error {
		var w conversationstore.Written
		var err error
		if by == nil {
			w, err = f.public.WriteAsMinor(ctx, s.id, k, text)
		} else {
			w, err = f.staff.WriteAsStaff(ctx, by.Actor, s.id, k, text)
		}
		if err != nil {
			return err
		}
		if before, taken := s.said[w.Position]; taken {
			return fmt.Errorf("%q and %q were both acknowledged at position %d", before, text, w.Position)
		}
		s.said[w.Position] = text
		c.chats.Add(1)
		return nil
	})
}

// request asks for an escalation, on the minor's first message.
func (c *crowd) request(f *face, s *story, agent person, facets ...string) error {
	k, ground := key(), escalation.GroundImminentDanger
	if s.consent != "" {
		ground = escalation.GroundConsent
	}
	return c.escalate("ask", s, func(ctx context.Context) (escalationstore.Receipt, error) {
		messages, err := f.staff.MessagesAt(ctx, s.id, []int{1})
		if err != nil {
			return escalationstore.Receipt{}, err
		}
		if len(messages) != 1 {
			return escalationstore.Receipt{}, errors.New("an acknowledged message is not there")
		}
		return f.escalations.Request(ctx, pglog.Idempotency{Actor: agent.ID, Key: k, Body: []byte("ask")}, agent.Actor, escalationstore.Ask{
			Case: s.id, Ground: ground, Consent: s.consent, Danger: danger, Facets: facets,
			Evidence:  []escalationstore.Citation{{Position: 1, Sum: sha256.Sum256(messages[0].Ciphertext)}},
			Narrative: "Le père est devant la porte.",
		})
	})
}

// escalate does something to an escalation, and remembers what it came to.
func (c *crowd) escalate(what string, s *story, try func(context.Context) (escalationstore.Receipt, error)) error {
	return c.act(what, func(ctx context.Context) error {
		r, err := try(ctx)
		if err == nil {
			s.esc, s.state = r.ID, r.State
			if r.Request != "" {
				s.request = r.Request
			}
		}
		return err
	})
}

// evidence lets a supervisor read what a request rests on.
func (c *crowd) evidence(s *story, supervisor person) error {
	return c.act("evidence", func(ctx context.Context) error {
		_, err := c.gate.client.Evidence(ctx, order.ReadEvidence{Caller: supervisor.caller, Escalation: s.esc})
		return err
	})
}

// approve approves what was asked for.
func (c *crowd) approve(f *face, s *story, supervisor person, facets ...string) error {
	request, err := audit.ParseHash(s.request)
	if err != nil {
		return err
	}
	k := key()
	return c.escalate("approve", s, func(ctx context.Context) (escalationstore.Receipt, error) {
		return f.escalations.Approve(ctx, pglog.Idempotency{Actor: supervisor.ID, Key: k, Body: []byte("approve")}, supervisor.Actor, s.esc, request, facets)
	})
}

// release opens what was granted.
func (c *crowd) release(s *story, agent person, facets ...string) error {
	k := order.Secret(key())
	return c.act("release", func(ctx context.Context) error {
		r, err := c.gate.client.Release(ctx, order.Release{Caller: agent.caller, Escalation: s.esc, Facets: facets, IdempotencyKey: k})
		if err != nil {
			return err
		}
		if len(r.Keys) != len(facets) {
			return fmt.Errorf("%d keys for %v", len(r.Keys), facets)
		}
		s.state, s.openings = escalation.Released, append(s.openings, r.Seq)
		return nil
	})
}

// granted plays a story up to an approved escalation.
func (c *crowd) granted(f *face) (*story, error) {
	agent, supervisor := c.staff["amal"], c.staff["diane"]
	s, err := c.begun(f, agent)
	for _, step := range []func() error{
		func() error { return c.request(f, s, agent, "connection") },
		func() error { return c.evidence(s, supervisor) },
		func() error { return c.approve(f, s, supervisor, "connection") },
	} {
		if err == nil {
			err = step()
		}
	}
	return s, err
}

// play plays one conversation, as far as chance wants.
func (c *crowd) play(i int, rng *rand.Rand) error {
	perhaps := func(percent int) bool { return rng.IntN(100) < percent }
	f := c.faces[i%len(c.faces)]
	agent, supervisor := c.staff[[]string{"amal", "bruno", "chloe"}[i%3]], c.staff[[]string{"diane", "etienne"}[i%2]]
	idem := func(who person, what string) pglog.Idempotency {
		return pglog.Idempotency{Actor: who.ID, Key: key(), Body: []byte(what)}
	}
	s, err := c.begun(f, agent)
	if err != nil {
		return err
	}
	if !perhaps(75) {
		return c.close(f, s, perhaps)
	}
	if err := c.request(f, s, agent, "connection"); err != nil {
		return err
	}
	if perhaps(15) {
		k := idem(agent, "withdraw")
		return c.escalate("withdraw", s, func(ctx context.Context) (escalationstore.Receipt, error) {
			return f.escalations.Withdraw(ctx, k, agent.Actor, s.esc)
		})
	}
	if err := c.evidence(s, supervisor); err != nil {
		return err
	}
	if perhaps(15) {
		request, err := audit.ParseHash(s.request)
		if err != nil {
			return err
		}
		k := idem(supervisor, "deny")
		return c.escalate("deny", s, func(ctx context.Context) (escalationstore.Receipt, error) {
			return f.escalations.Deny(ctx, k, supervisor.Actor, s.esc, request, "other_means")
		})
	}
	if err := c.approve(f, s, supervisor, "connection"); err != nil {
		return err
	}
	for range rng.IntN(3) {
		if err := c.release(s, agent, "connection"); err != nil {
			return err
		}
	}
	if perhaps(30) {
		k := idem(agent, "close")
		if err := c.escalate("close the escalation", s, func(ctx context.Context) (escalationstore.Receipt, error) {
			return f.escalations.Close(ctx, k, agent.Actor, s.esc)
		}); err != nil {
			return err
		}
	}
	return c.close(f, s, perhaps)
}

// close ends a conversation now and then.
func (c *crowd) close(f *face, s *story, perhaps func(int) bool) error {
	if !perhaps(40) {
		return nil
	}
	k := key()
	err := c.act("close", func(ctx context.Context) error { return f.public.CloseAsMinor(ctx, s.id, k) })
	s.closed = err == nil
	return err
}
