package pgstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A Listener wakes whoever watches a conversation when something happened in it: a
// message, somebody who came or left, its end. It says that, and not what: the
// watcher reads what is new, so that nothing is lost when two wake-ups fall
// together, when the connection breaks, or when a process dies between its commit
// and its notice. Behind the notices it polls.
type Listener struct {
	pool *pgxpool.Pool
	poll time.Duration

	mu   sync.Mutex
	subs map[int64]map[*Subscription]struct{}
	seen map[int64]string // what the last poll found, of watched conversations
	live live
	logs map[chan struct{}]struct{} // who waits for entries of any kind
}

// A Subscription is one watcher of one conversation.
type Subscription struct {
	// C receives after something happened since it was last received from. It is
	// never closed.
	C <-chan struct{}
	// L receives after what the sides show has changed: see [Subscription.Live].
	L <-chan struct{}

	c, l   chan struct{}
	number int64
	role   string // whose window it is; "" for nobody's
	from   *Listener
}

// NewListener makes a Listener that does nothing until Run. poll is how late a
// watcher learns of something whose notice was lost; 0 means 5 s.
func NewListener(pool *pgxpool.Pool, poll time.Duration) *Listener {
	if poll <= 0 {
		poll = 5 * time.Second
	}
	return &Listener{
		pool: pool, poll: poll, subs: map[int64]map[*Subscription]struct{}{}, seen: map[int64]string{},
		live: live{of: map[int64]*sides{}, kick: make(chan struct{}, 1)}, logs: map[chan struct{}]struct{}{},
	}
}

// Subscribe watches the conversation with a number. Subscribe first, then read the
// conversation, then wait: so nothing falls in between.
func (l *Listener) Subscribe(number int64) *Subscription {
	return l.subscribe(number, "", make(chan struct{}, 1), make(chan struct{}, 1))
}

func (l *Listener) subscribe(number int64, role string, c, live chan struct{}) *Subscription {
	sub := &Subscription{C: c, c: c, L: live, l: live, number: number, role: role, from: l}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.subs[number] == nil {
		l.subs[number] = map[*Subscription]struct{}{}
	}
	l.subs[number][sub] = struct{}{}
	return sub
}

// Close ends a subscription. It may be called twice.
func (s *Subscription) Close() {
	l := s.from
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.subs[s.number][s]; open && s.role != "" {
		l.leave(s.number, s.role)
	}
	delete(l.subs[s.number], s)
	if len(l.subs[s.number]) == 0 {
		delete(l.subs, s.number)
		delete(l.seen, s.number)
	}
}

// Run listens until ctx ends, on a connection of its own, and returns ctx's error.
// When the connection breaks it makes a new one.
func (l *Listener) Run(ctx context.Context) error {
	var behind sync.WaitGroup
	defer behind.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	behind.Go(func() { l.pollUntil(ctx) })
	behind.Go(func() { l.speak(ctx) })
	const first, longest = 50 * time.Millisecond, 5 * time.Second
	wait := first
	for {
		began := time.Now()
		err := l.listen(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil || time.Since(began) > longest {
			wait = first
		}
		if !pause(ctx, wait) {
			return ctx.Err()
		}
		wait = min(2*wait, longest)
	}
}

func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// listen waits for notices until its connection breaks.
func (l *Listener) listen(ctx context.Context) error {
	conn, err := pgx.ConnectConfig(ctx, l.pool.Config().ConnConfig)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if _, err := conn.Exec(ctx, `LISTEN `+channel+`; LISTEN `+signals+`; LISTEN `+entries); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	l.wakeAll() // for what happened before we listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return fmt.Errorf("listening: %w", err)
		}
		switch n.Channel {
		case signals:
			l.hear(n.Payload)
		case entries:
			l.ring()
		default:
			// Any role may notify, so the payload is only ever a number to look up.
			if number, err := strconv.ParseInt(n.Payload, 10, 64); err == nil {
				l.wake(number)
			}
		}
	}
}

func (l *Listener) pollUntil(ctx context.Context) {
	for pause(ctx, l.poll) {
		l.ring()
		if err := l.pollOnce(ctx); err != nil {
			l.wakeAll() // its readers will see for themselves whether the database is gone
		}
	}
}

// pollOnce looks at all watched conversations in one query, and wakes who watches
// one that is not as it was.
func (l *Listener) pollOnce(ctx context.Context) error {
	l.mu.Lock()
	numbers := make([]int64, 0, len(l.subs))
	for n := range l.subs {
		numbers = append(numbers, n)
	}
	l.mu.Unlock()
	if len(numbers) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, l.poll+time.Second)
	defer cancel()
	rows, err := l.pool.Query(ctx, `SELECT c.number, concat_ws(' ', c.messages, c.state,
			(SELECT max(greatest(p.joined_seq, p.left_seq)) FROM sceau.participants p WHERE p.case_id = c.case_id))
		FROM sceau.conversations c WHERE c.number = ANY ($1)`, numbers)
	if err != nil {
		return fmt.Errorf("polling conversations: %w", err)
	}
	var number int64
	var now string
	_, err = pgx.ForEachRow(rows, []any{&number, &now}, func() error {
		l.found(number, now)
		return nil
	})
	if err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("polling conversations: %w", err)
	}
	return nil
}

func (l *Listener) found(number int64, now string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, watched := l.subs[number]; watched && l.seen[number] != now {
		l.seen[number] = now
		l.wakeLocked(number)
	}
}

func (l *Listener) wake(number int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wakeLocked(number)
}

func (l *Listener) wakeAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for number := range l.subs {
		l.wakeLocked(number)
	}
}

func (l *Listener) wakeLocked(number int64) {
	for sub := range l.subs[number] {
		select {
		case sub.c <- struct{}{}:
		default: // it has yet to look, and will see this too
		}
	}
}

// entries says that the log grew, and nothing of how.
const entries = "sceau_log"

// Nudge tells every process that there are new entries. It comes after the commit, and
// several that fall together are one.
func (l *Listener) Nudge() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.live.nudge = true
	l.speakSoon()
}

// Entries returns a channel that receives when the log may have grown, by a nudge or
// by the poll behind it, until stop is called.
func (l *Listener) Entries() (rings <-chan struct{}, stop func()) {
	c := make(chan struct{}, 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs[c] = struct{}{}
	return c, func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.logs, c)
	}
}

func (l *Listener) ring() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for c := range l.logs {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}
