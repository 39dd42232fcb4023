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
	// Operator does what no API offers. Nil leaves out the scenes that need it.
	Operator *Operator
	// Called says which kinds of notices a receiver was called with so far, and
	// what was wrong with any. Nil leaves the scene out.
	Called func() (kinds map[string]int, faults []string)
	// Chapter hears of a scene that has ended, before Check hears of each of its
	// checks. Progress hears of messages as they are written.
	Chapter  func(title string)
	Check    func(Check)
	Progress func(written, total int)
}

// Operator is what an operator does with the service's own commands. What a
// command refuses is a *Problem, its code the command's own words.
type Operator struct {
	// Suspend and Restore a person, by one of their accounts.
	Suspend, Restore func(ctx context.Context, account string) error
	// Sign has so many different people sign a bundle for the next change of
	// policy: the one in force, or one under which an identity can be read for
	// half as long.
	Sign func(ctx context.Context, stricter bool, people int) (Change, error)
	// Activate tries to put a signed bundle in force.
	Activate func(ctx context.Context, c Change) error
}

// A Change is a bundle of policy and the note that people signed.
type Change struct{ Bundle, Note string }

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

// stage is one run, as one scene sees it.
type stage struct {
	*run
	report *report // of this scene
}

// run is what all scenes share.
type run struct {
	cfg       Config
	planted   *Planted
	staffHTTP *http.Client
	cast      *castList
	closers   closers
	opened    atomic.Int64
	written   atomic.Int64
	total     int
	heard     atomic.Int64 // live events

	opening sync.Mutex      // from opening a conversation to finding it in the queue
	known   map[string]bool // conversations that were in the queue, guarded by opening

	bystander chan string // a case that nobody opens: the other half of a swap
}

// castList is everybody who signs in: one session each.
type castList struct {
	amal, bruno, chloe, ines, kenza   *colleague // agents
	amalElsewhere                     *colleague // amal's person, under a second account of an agent
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
	all := &report{on: cfg.Check, chapter: cfg.Chapter, over: func() bool { return ctx.Err() != nil }}
	s := &stage{report: all, run: &run{
		cfg: cfg, planted: cfg.Planted, staffHTTP: &http.Client{Transport: t}, cast: &castList{},
		known: map[string]bool{}, bystander: make(chan string, 1),
	}}
	s.closers.add(t.CloseIdleConnections)
	defer s.closers.close()
	for _, c := range cfg.Conversations {
		s.total += len(c.Messages)
	}
	for _, p := range paths {
		s.total += len(p.script.Messages)
	}
	s.total += len(evening.Messages)
	if cfg.Operator != nil {
		s.total += len(morning.Messages)
	}
	if err := s.playAll(ctx); err != nil {
		return Result{}, err
	}
	if err := ctx.Err(); err != nil {
		return Result{}, fmt.Errorf("the story was interrupted: %w", err)
	}
	return Result{
		Conversations: int(s.opened.Load()), Messages: int(s.written.Load()),
		Passed: s.report.passed, Failed: s.report.failed,
	}, nil
}

// entrance is who signs in, under which account, in which role ("": the only one).
type entrance struct {
	who           **colleague
	account, role string
}

// arrive signs people in.
func (s *stage) arrive(ctx context.Context, people ...entrance) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, p := range people {
		g.Go(func() (err error) {
			*p.who, err = s.signIn(ctx, p.account, p.role)
			return err
		})
	}
	return g.Wait()
}

// agentsArrive signs in everybody but supervisors.
func (s *stage) agentsArrive(ctx context.Context) error {
	c := s.cast
	return s.arrive(ctx, []entrance{
		{&c.amal, "amal", ""}, {&c.bruno, "bruno", ""}, {&c.chloe, "chloe", ""}, {&c.ines, "ines", "agent"}, {&c.kenza, "kenza", ""},
		{&c.amalElsewhere, "amal-mobile", ""}, {&c.farah, "farah", ""}, {&c.gilles, "gilles", ""}, {&c.hana, "hana", ""},
	}...)
}

// supervisorsArrive signs in all supervisors.
func (s *stage) supervisorsArrive(ctx context.Context) error {
	c := s.cast
	return s.arrive(ctx, []entrance{
		{&c.diane, "diane", ""}, {&c.etienne, "etienne", ""},
		{&c.amalAgain, "amal-superviseur", ""}, {&c.brunoAgain, "bruno-superviseur", ""}, {&c.inesSuperv, "ines", "supervisor"},
	}...)
}

// playAll plays the evening, when no supervisor is there yet; then the night: the
// plot's scenes, those of every path and plain conversations, many at a time; then,
// alone, what changes the rules for everybody. A scene that breaks off is a failed
// check; the others go on.
func (s *stage) playAll(ctx context.Context) error {
	if err := s.agentsArrive(ctx); err != nil {
		return err
	}
	s.play(ctx, "nobody on duty", (*stage).nobodyOnDuty)
	if err := s.supervisorsArrive(ctx); err != nil {
		return err
	}
	g := &errgroup.Group{}
	g.SetLimit(atOnce)
	begin := func(name string, scene func(*stage, context.Context) error) {
		g.Go(func() error {
			s.play(ctx, name, scene)
			return nil
		})
	}
	for _, p := range paths {
		begin(p.name, func(s *stage, ctx context.Context) error { return p.play(s, ctx, p.script) })
	}
	for i, script := range s.cfg.Conversations {
		switch {
		case i < len(plot):
			begin(plot[i].name, func(s *stage, ctx context.Context) error { return plot[i].play(s, ctx, script) })
		case i%10 == 0:
			begin("a lift like any other", func(s *stage, ctx context.Context) error { return s.anotherEscalation(ctx, i, script) })
		default:
			begin("a conversation like any other", func(s *stage, ctx context.Context) error { return s.plainTalk(ctx, i, script) })
		}
	}
	begin("whoever comes to the doors", (*stage).atTheDoors)
	g.Wait() // every scene reports for itself
	if s.cfg.Operator != nil {
		s.play(ctx, "the policy changes", (*stage).policyChanges)
	}
	if s.cfg.Called != nil {
		s.play(ctx, "who was called", (*stage).peopleWereCalled)
	}
	s.play(ctx, "the inspector's morning", (*stage).inspect)
	return nil
}

// play plays one scene and tells its checks together.
func (s *stage) play(ctx context.Context, name string, scene func(*stage, context.Context) error) {
	own := &stage{run: s.run, report: s.report.scene()}
	if err := scene(own, ctx); err != nil && ctx.Err() == nil {
		own.report.held(name, err, "")
	}
	s.report.tell(name, own.report)
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
	// Somebody may be trying the addresses meanwhile: their conversations are theirs.
	others, err := sc.agent.waiting(ctx)
	if err != nil {
		return fmt.Errorf("%s looking at the queue: %w", sc.agent.account, err)
	}
	for _, id := range others {
		sc.known[id] = true
	}
	if err := sc.minor.open(ctx, "35000", sc.topic); err != nil {
		return fmt.Errorf("opening a conversation: %w", err)
	}
	sc.opened.Add(1)
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
