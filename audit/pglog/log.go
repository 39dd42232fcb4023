// Package pglog appends to the audit log in PostgreSQL and reads it.
//
// One sequencer per [Log] turns concurrent callers into group commits. It locks
// the head of the log first and only then drains the queue of waiting callers,
// so that a batch also takes those who queued while another process held the
// head; takes one time for the batch; runs each caller's effect under a
// savepoint; chains, in memory, the entries of the effects that succeeded;
// writes them with one COPY; commits once; and answers all. Several processes
// may append to one log: the head's row lock, in READ COMMITTED, is the one
// order of all events.
//
// What the database checks again, whatever this package does: a trigger refuses
// rows that do not continue the chain, that carry another role's via or an
// action that the role may not write, and moves the head itself.
//
// A caller's context may end its wait for its turn. Once it has its turn, the
// answer is waited for, whatever the context says: a COMMIT under way is never
// cancelled. Whatever is tried meanwhile, within [Config].Timeout the caller's
// COMMIT has been sent or the caller is refused, and nothing was done. Only an
// answer to COMMIT can take longer, and is definite unless it is
// [ErrUnknownOutcome].
package pglog

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
)

// Limits of one batch. Effects hold the head while they run: 64 of 0.1 ms keep
// it for some 6 ms. Plain entries cost a few microseconds each.
const (
	maxEffects = 64
	maxPlain   = 512
)

// A Config says where the log is and who writes.
type Config struct {
	// Pool signs in as the role of Via. The log takes one connection out of it
	// for itself, so that busy pages cannot starve it.
	Pool *pgxpool.Pool
	Via  audit.Via

	// Timeout bounds how long a caller waits until its COMMIT is sent: for its
	// place in the queue, for the head, and for every try. Who has not come so
	// far by then gets ErrUnavailable. Default 5 s, and no less than twice
	// EffectTimeout and a second.
	Timeout time.Duration
	// EffectTimeout bounds each statement of an effect, and the effect as a
	// whole to half as much again. Default 1 s.
	EffectTimeout time.Duration
	// LockTimeout bounds one wait for the head while another process holds it.
	// Default 2 s.
	LockTimeout time.Duration
	// ResolveTimeout bounds how long the outcome of a COMMIT whose answer was
	// lost is looked for, before callers get ErrUnknownOutcome. Default 10 s.
	ResolveTimeout time.Duration

	// ClockAhead is by how much PostgreSQL's clock may be ahead of Now; beyond it
	// nothing is written and callers get ErrClock. Default 5 min.
	ClockAhead time.Duration
	// Now is the clock of the process. Default time.Now.
	Now func() time.Time
}

// A Log appends entries on behalf of one process. Its methods may be called
// from any goroutine.
type Log struct {
	cfg    Config
	origin string

	gate   sync.RWMutex // closed before queue is
	closed bool
	queue  chan *job
	idle   chan struct{} // closed when the sequencer has ended

	// What a caller may spend of Timeout: waiting for its turn, and in its turn.
	patience, hold time.Duration

	// The sequencer's own.
	left     []*job    // whose turn did not come in the batch they were in; first in the next
	short    error     // the last entry was refused for want of room; nil when one went in since
	sample   *prepared // an entry of this process's, to try whether there is room again
	conn     *pgx.Conn // nil until needed, and after it broke
	ensured  int64     // partitions exist for all seq below
	stream   []byte    // a buffer for chains, kept from batch to batch
	seen     int64     // next seq after the last batch
	stepSaid bool      // clock.stepped was written for the present stepping
}

// Open checks that the pool's role is the one of cfg.Via and that the log has
// an origin, and starts the sequencer. Without a log nothing may be done that
// belongs in it, so the caller must not go on when Open fails.
func Open(ctx context.Context, cfg Config) (*Log, error) {
	if cfg.Pool == nil {
		return nil, errors.New("open the log: no pool")
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = 5 * time.Second
	}
	if cfg.EffectTimeout == 0 {
		cfg.EffectTimeout = time.Second
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = 2 * time.Second
	}
	if cfg.ClockAhead == 0 {
		cfg.ClockAhead = clockAhead
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.ResolveTimeout == 0 {
		cfg.ResolveTimeout = 10 * time.Second
	}
	hold := max(2*cfg.EffectTimeout, minHold)
	if cfg.Timeout < hold+time.Second {
		return nil, fmt.Errorf("open the log: callers who wait %v at most, with effects that may take %v", cfg.Timeout, cfg.EffectTimeout)
	}
	l := &Log{cfg: cfg, hold: hold, patience: cfg.Timeout - hold, queue: make(chan *job, 1024), idle: make(chan struct{})}

	var role string
	var via, origin *string
	err := cfg.Pool.QueryRow(ctx, `SELECT session_user, sceau.via(), (SELECT origin FROM sceau.log_head)`).Scan(&role, &via, &origin)
	switch {
	case sqlState(err) == stateNoSchema:
		return nil, fmt.Errorf("open the log: the database holds none yet; run sceau migrate first: %w", unavailable(err))
	case err != nil:
		return nil, fmt.Errorf("open the log: %w", unavailable(err))
	case via == nil || audit.Via(*via) != cfg.Via:
		return nil, fmt.Errorf("open the log: role %s may not write as %s", role, cfg.Via)
	case origin == nil:
		return nil, errors.New("open the log: it has no origin yet; run sceau migrate first")
	}
	l.origin = *origin
	if _, err := cfg.Pool.Exec(ctx, `SELECT sceau.ensure_partition()`); err != nil {
		return nil, fmt.Errorf("open the log: %w", unavailable(err))
	}
	go l.sequence()
	return l, nil
}

// Origin is the name of the log.
func (l *Log) Origin() string { return l.origin }

// Close refuses new callers, answers those who wait, and gives the connection
// back. The pool stays the caller's to close.
func (l *Log) Close() {
	l.gate.Lock()
	if !l.closed {
		l.closed = true
		close(l.queue)
	}
	l.gate.Unlock()
	<-l.idle
}

// A Ref names an entry in the log.
type Ref struct {
	Seq  int64
	Hash audit.Hash
	At   time.Time // UTC
}

// Append writes one entry that no change of state goes with. When it returns
// without an error, the entry is durable.
func (l *Log) Append(ctx context.Context, d Draft) (Ref, error) {
	p, err := d.prepare(l.cfg.Via)
	if err != nil {
		return Ref{}, err
	}
	j := newJob(ctx)
	j.plain = p
	if err := l.wait(j); err != nil {
		return Ref{}, err
	}
	return j.ref, nil
}

// An Effect is one caller's turn under the head's lock: it reads state, decides,
// changes state through turn.Tx and appends the entries that say so. All of it
// commits together or none does.
//
// It must be quick and speak to nothing but turn.Tx. It may be called again
// after it returned, when the batch could not commit, even if it returned an
// error then: only what its last call did counts, so it must assign to captured
// variables, not add to them. An effect that appends no entry is rolled back:
// there is no change of state without an entry.
type Effect func(ctx context.Context, turn *Turn) (answer any, err error)

// Do runs effect and returns its answer. With a key in idem, an effect that
// appended is run once per key: a repeat of the same body gets the first answer
// (encoded as JSON in between), of another body [ErrIdempotencyMismatch].
//
// An error of the effect comes back as it is. An effect that overran its time
// gets [ErrEffectTimeout]; its goroutine may still be running then.
func (l *Log) Do(ctx context.Context, idem Idempotency, effect Effect) (Answer, error) {
	j := newJob(ctx)
	j.effect = effect
	if idem.Key != "" {
		var err error
		if j.idem, err = idem.derive(); err != nil {
			return Answer{}, err
		}
	}
	if err := l.wait(j); err != nil {
		return Answer{}, err
	}
	return j.answer, nil
}

// wait queues j and waits for its answer.
func (l *Log) wait(j *job) error {
	l.gate.RLock()
	if l.closed {
		l.gate.RUnlock()
		return ErrClosed
	}
	patience := time.NewTimer(l.patience)
	defer patience.Stop()
	select {
	case l.queue <- j:
		l.gate.RUnlock()
	case <-j.ctx.Done():
		l.gate.RUnlock()
		return j.ctx.Err()
	case <-patience.C:
		l.gate.RUnlock()
		return errTooMany
	}
	var why error
	select {
	case <-j.done:
	case <-j.ctx.Done():
		why = j.ctx.Err()
	case <-patience.C:
		why = errTooLong
	}
	if why != nil {
		if j.leave() {
			return why // it has no turn now, and will have none
		}
		<-j.done
		if j.letGo {
			return why
		}
	}
	if j.panicked != nil {
		panic(j.panicked)
	}
	return j.err
}

// Ready says whether an entry could be written now, and if not why: an
// ErrUnavailable. It waits for the head as every entry does. Where the last entry
// was refused for want of room (a full disk, no memory), it also writes one and
// takes it back; otherwise it writes nothing.
func (l *Log) Ready(ctx context.Context) error {
	j := newJob(ctx)
	j.ready = true
	return l.wait(j)
}
