package story

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// atOnce bounds how many conversations are under way at a time.
const atOnce = 12

// Config is what the story needs of a running stack.
type Config struct {
	Public, Staff string // base URLs of the two faces
	// ProxyFrom is the local address that the public face trusts as a proxy:
	// the minors' connections come from there and announce addresses of their own.
	ProxyFrom net.IP
	// Login signs an account in and returns its bearer token, for both
	// services or for the audiences named.
	Login func(ctx context.Context, account string, audience ...string) (string, error)
	// Conversations is the cast: see [Cast].
	Conversations []Conversation
	// Planted collects every plaintext. It is filled as the story goes.
	Planted *Planted
	// Attacks are tried on a case with an open conversation.
	Attacks []Attack
	// Swap exchanges the headers of two cases' sealed connections behind the
	// service's back, and returns what puts them back. Nil leaves it out.
	Swap func(ctx context.Context, a, b string) (restore func(context.Context) error, err error)
	// Check hears of every check as it is made, Progress of messages written.
	Check    func(Check)
	Progress func(written, total int)
}

// Attack is something that is tried from outside the APIs and must be refused.
type Attack struct {
	What string
	Want []string // codes
	// Try returns a *Problem for a refusal, nil when the attack succeeded.
	Try func(ctx context.Context, caseID string) error
}

// Result is what a run amounts to.
type Result struct {
	Conversations, Messages int
	Passed                  int
	Failed                  []Check
}

// stage is one run.
type stage struct {
	cfg       Config
	report    *report
	planted   *Planted
	staffHTTP *http.Client
	cast      *castList
	closers   closers
	written   atomic.Int64
	total     int
	heard     atomic.Int64 // live events

	opening sync.Mutex      // from opening a conversation to finding it in the queue
	known   map[string]bool // conversations that were in the queue, guarded by opening

	bystander chan string // a case that nobody opens: the other half of a swap
}

// castList is everybody who signs in: one session each.
type castList struct {
	amal, bruno, chloe, ines          *colleague // agents
	diane, etienne                    *colleague // supervisors
	amalAgain, brunoAgain, inesSuperv *colleague // persons above, as supervisors
	farah, gilles, hana               *colleague
}

// closers are what is let go of when the run ends.
type closers struct {
	mu  sync.Mutex
	fns []func()
}

func (c *closers) add(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fns = append(c.fns, f)
}

func (c *closers) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, f := range c.fns {
		f()
	}
}

// Play plays the story to its end and reports every check. An error means that
// it could not be played; failed checks are in the result.
func Play(ctx context.Context, cfg Config) (Result, error) {
	if cfg.Login == nil || cfg.Public == "" || cfg.Staff == "" || cfg.Planted == nil {
		return Result{}, errors.New("the story needs two faces, a way to sign in and somewhere to note what it plants")
	}
	if len(cfg.Conversations) < minCast {
		return Result{}, fmt.Errorf("the story needs %d conversations", minCast)
	}
	t := &http.Transport{MaxIdleConnsPerHost: 4 * atOnce}
	s := &stage{
		cfg: cfg, report: &report{on: cfg.Check, over: func() bool { return ctx.Err() != nil }}, planted: cfg.Planted, staffHTTP: &http.Client{Transport: t},
		known: map[string]bool{}, bystander: make(chan string, 1),
	}
	s.closers.add(t.CloseIdleConnections)
	defer s.closers.close()
	for _, c := range cfg.Conversations {
		s.total += len(c.Messages)
	}
	if err := s.signEverybodyIn(ctx); err != nil {
		return Result{}, err
	}
	s.playAll(ctx)
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("the story was interrupted: %w", err)
	}
	return Result{
		Conversations: len(cfg.Conversations), Messages: int(s.written.Load()),
		Passed: s.report.passed, Failed: s.report.failed,
	}, nil
}

func (s *stage) signEverybodyIn(ctx context.Context) error {
	s.cast = &castList{}
	c := s.cast
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range []struct {
		who           **colleague
		account, role string
	}{
		{&c.amal, "amal", ""}, {&c.bruno, "bruno", ""}, {&c.chloe, "chloe", ""}, {&c.ines, "ines", "agent"},
		{&c.diane, "diane", ""}, {&c.etienne, "etienne", ""},
		{&c.amalAgain, "amal-superviseur", ""}, {&c.brunoAgain, "bruno-superviseur", ""}, {&c.inesSuperv, "ines", "supervisor"},
		{&c.farah, "farah", ""}, {&c.gilles, "gilles", ""}, {&c.hana, "hana", ""},
	} {
		g.Go(func() (err error) {
			*p.who, err = s.signIn(ctx, p.account, p.role)
			return err
		})
	}
	return g.Wait()
}

// playAll plays the plot's scenes and the plain conversations, many at a time.
// A scene that breaks off is a failed check; the others go on.
func (s *stage) playAll(ctx context.Context) {
	g := &errgroup.Group{}
	g.SetLimit(atOnce)
	run := func(name string, scene func(context.Context) error) {
		g.Go(func() error {
			if err := scene(ctx); err != nil && ctx.Err() == nil {
				s.report.held(name, err, "")
			}
			return nil
		})
	}
	for i, script := range s.cfg.Conversations {
		switch {
		case i < len(plot):
			run(plot[i].name, func(ctx context.Context) error { return plot[i].play(s, ctx, script) })
		case i%10 == 0:
			run("a lift like any other", func(ctx context.Context) error { return s.anotherEscalation(ctx, i, script) })
		default:
			run("a conversation like any other", func(ctx context.Context) error { return s.plainTalk(ctx, i, script) })
		}
	}
	run("whoever comes to the doors", s.atTheDoors)
	g.Wait() // every scene reports for itself
	if ctx.Err() == nil {
		var err error
		if s.heard.Load() == 0 {
			err = errors.New("nobody heard anything")
		}
		s.report.held("both sides hear that something was written", err, fmt.Sprintf("%d live events", s.heard.Load()))
		if err := s.inspect(ctx); err != nil {
			s.report.held("the inspector's reading", err, "")
		}
	}
}

// scene is one conversation being played.
type scene struct {
	*stage
	script Conversation
	minor  *minor
	agent  *colleague
	id     string // the case
	topic  string
	said   int // lines of the script already written
}

// begin opens a conversation and has an agent join it.
func (s *stage) begin(ctx context.Context, script Conversation, agent *colleague) (*scene, error) {
	sc := &scene{stage: s, script: script, agent: agent, minor: s.newMinor(), topic: script.Topic}
	if !slices.Contains(topics, sc.topic) {
		sc.topic = "other"
	}
	if err := sc.open(ctx); err != nil {
		return nil, err
	}
	if err := agent.join(ctx, sc.id); err != nil {
		return nil, fmt.Errorf("%s joining: %w", agent.account, err)
	}
	return sc, nil
}

// topics are those of the service; a foreign script has topics of its own.
var topics = []string{
	"physical_violence", "psychological_violence", "sexual_violence", "school_harassment", "cyber_harassment",
	"ill_treatment", "neglect", "exploitation", "sextortion", "shocking_content", "threats", "addiction", "other",
}

// open has the minor open the conversation and finds it in the queue. The
// minor is told no id that staff could be told, so the queue is looked at while
// nobody else opens one.
func (sc *scene) open(ctx context.Context) error {
	sc.opening.Lock()
	defer sc.opening.Unlock()
	if err := sc.minor.open(ctx, "35000", sc.topic); err != nil {
		return fmt.Errorf("opening a conversation: %w", err)
	}
	ids, err := sc.agent.waiting(ctx)
	if err != nil {
		return fmt.Errorf("%s looking at the queue: %w", sc.agent.account, err)
	}
	for _, id := range ids {
		if !sc.known[id] {
			sc.known[id], sc.id = true, id
			return nil
		}
	}
	return errors.New("the conversation that was opened is not in the queue")
}

// talk plays the next n lines of the script, or all that are left when n is 0.
// Both sides listen; whoever answers has first read what the other wrote.
func (sc *scene) talk(ctx context.Context, n int) error {
	lines := sc.script.Messages[sc.said:]
	if n > 0 && n < len(lines) {
		lines = lines[:n]
	}
	sides := map[string]*side{
		fromMinor: {client: &sc.minor.client, path: "/conversation"},
		fromAgent: {client: &sc.agent.client, path: "/conversations/" + sc.id},
	}
	for _, one := range sides {
		one.ears = sc.listen(ctx, one.client, one.path)
		defer one.ears.close()
	}
	for i, m := range lines {
		if i > 0 && lines[i-1].From != m.From {
			if err := sides[m.From].await(ctx, lines[i-1].Text); err != nil {
				return fmt.Errorf("%s: %w", m.From, err)
			}
		}
		if err := sides[m.From].do(ctx, http.MethodPost, sides[m.From].path+"/messages", text(sc.plant(m.Text)), nil); err != nil {
			return fmt.Errorf("%s writing line %d: %w", m.From, sc.said+1, err)
		}
		sc.said++
		written := sc.written.Add(1)
		if sc.cfg.Progress != nil {
			sc.cfg.Progress(int(written), sc.total)
		}
	}
	return nil
}

// side is one of the two who talk.
type side struct {
	*client
	path string
	ears *ears
	seen int // positions read so far
}

// patience is how long a side waits for what the other wrote.
const patience = 20 * time.Second

// await reads until the text is there: when an event says that something
// happened, and now and then in case an event was lost.
func (s *side) await(ctx context.Context, text string) error {
	for deadline := time.Now().Add(patience); ; {
		ms, err := readMessages(ctx, s.client, s.path, s.seen)
		if err != nil {
			return fmt.Errorf("reading: %w", err)
		}
		if n := len(ms); n > 0 {
			s.seen = ms[n-1].Position + 1
			if ms[n-1].Text == text {
				return nil
			}
			continue // there may be another page
		}
		if time.Now().After(deadline) {
			return errors.New("a message that was written cannot be read")
		}
		if err := s.ears.wait(ctx, 2*time.Second); err != nil {
			return err
		}
	}
}

// sleep waits: the story's people take their time, and deadlines must pass.
func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// pass waits until a deadline has passed on the database's clock, which is this
// machine's.
func pass(ctx context.Context, deadline time.Time) error {
	if deadline.IsZero() {
		return errors.New("a deadline that should be set is not")
	}
	return sleep(ctx, time.Until(deadline)+200*time.Millisecond)
}
