package pglog

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// A job is one caller waiting.
type job struct {
	ctx    context.Context
	plain  *prepared // or
	effect Effect    // or
	ready  bool      // only asks whether something could be written
	idem   *idemKeys

	whose   atomic.Int32
	leaving atomic.Bool // its caller would give up
	done    chan struct{}

	// Written by the sequencer while it holds the job. Each attempt at the batch
	// writes them anew.
	letGo    bool // its caller may leave: it had no turn, or all of it was undone
	ref      Ref
	answer   Answer
	err      error
	panicked any
}

// Whose a job is.
const (
	waiting int32 = iota // its caller's, who may give up
	held                 // the sequencer's, from the head's lock until the attempt's outcome is known
	gone                 // nobody's: its caller gave up
)

// take makes j the sequencer's, unless its caller gave up.
func (j *job) take() bool { return j.whose.CompareAndSwap(waiting, held) || j.whose.Load() == held }

// leave is for j's caller, who would give up. When it may not yet, the sequencer
// lets it go as soon as it can.
func (j *job) leave() bool {
	j.leaving.Store(true)
	return j.whose.CompareAndSwap(waiting, gone)
}

// giveBack makes j its caller's again: nothing of it was done. It is false when the
// caller does not wait any more.
func (j *job) giveBack() bool {
	if j.whose.Load() == held {
		j.whose.Store(waiting)
	}
	// Whoever asked to leave before that line was told to wait for this one.
	if j.leaving.Load() && j.whose.CompareAndSwap(waiting, held) {
		j.letGo = true
		close(j.done)
		return false
	}
	return j.whose.Load() == waiting
}

func newJob(ctx context.Context) *job { return &job{ctx: ctx, done: make(chan struct{})} }

// A batch is the callers who share a transaction.
type batch struct {
	jobs    []*job
	drained bool  // the queue has been drained for it, or must not be
	sent    *Ref  // last entry of a COMMIT whose answer was lost
	short   error // of an effect of this attempt's, for want of room
}

// take leaves in b those whose callers still wait.
func (b *batch) take() {
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool { return !j.take() })
}

// giveBack lets those of b leave who want to, between two attempts.
func (b *batch) giveBack() {
	b.jobs = slices.DeleteFunc(b.jobs, func(j *job) bool { return !j.giveBack() })
}

// Of one batch.
const (
	maxTries   = 4
	firstPause = 20 * time.Millisecond // doubled each time
)

// minHold is how much of its caller's time a turn has at least.
const minHold = 1500 * time.Millisecond

// sayRoom answers those who ask whether something could be written.
func (b *batch) sayRoom(short error) {
	for _, j := range b.jobs {
		if j.ready && short != nil {
			j.err = unavailable(short)
		}
	}
}

// leave takes out of b its jobs from the n-th on whose callers still wait.
func (b *batch) leave(n int) []*job {
	rest := &batch{jobs: append([]*job(nil), b.jobs[n:]...)}
	b.jobs = b.jobs[:n:n]
	rest.giveBack()
	return rest.jobs
}

// sequence answers callers, batch after batch, until Close.
func (l *Log) sequence() {
	defer close(l.idle)
	for {
		b := &batch{jobs: l.left}
		l.left = nil
		if len(b.jobs) == 0 {
			first, ok := <-l.queue
			if !ok {
				break
			}
			b.jobs = []*job{first}
		}
		_ = l.serve(b) // each caller has it
	}
	l.disconnect()
}

// drain adds to b those who wait now, up to the limits of a batch.
func (l *Log) drain(b *batch) {
	b.drained = true
	effects := 0
	for _, j := range b.jobs {
		if j.effect != nil {
			effects++
		}
	}
	for effects < maxEffects && len(b.jobs) < maxPlain {
		if len(l.left) > 0 {
			j := l.left[0]
			if l.left = l.left[1:]; j.take() {
				if j.effect != nil {
					effects++
				}
				b.jobs = append(b.jobs, j)
			}
			continue
		}
		select {
		case j, ok := <-l.queue:
			if !ok {
				return
			}
			if !j.take() {
				continue
			}
			if j.effect != nil {
				effects++
			}
			b.jobs = append(b.jobs, j)
		default:
			return
		}
	}
}

// serve brings b to its end: every one of its callers is answered, or gave up. It
// returns what they were answered when that has nothing to do with them.
func (l *Log) serve(b *batch) error {
	var lost time.Time // when a COMMIT's answer was lost
	pause := firstPause
	for try := 1; ; try++ {
		b.short = nil
		err := l.attempt(b)
		if noRoom(err) {
			l.short, err = err, unavailable(err)
		}
		if b.sent == nil && err != nil {
			if b.giveBack(); len(b.jobs) == 0 {
				return nil
			}
		}
		switch {
		case err == nil:
			b.sayRoom(l.short)
			b.answer(nil)
			l.extend()
			return nil
		case b.sent != nil:
			// Try until the time is up: a definite answer is worth the wait.
			if lost.IsZero() {
				lost = time.Now()
			}
			if time.Since(lost) > l.cfg.ResolveTimeout {
				return l.fail(b, errors.Join(ErrUnknownOutcome, err))
			}
			pause = min(pause, time.Second)
		case errors.Is(err, errAbandoned):
			try = 0 // the effect that failed is gone; the others start again
			continue
		case errors.Is(err, ErrUnavailable):
			// Who holds the head, or the room, will not let go for our asking again.
			if try >= maxTries || errors.Is(err, errHeld) || errors.Is(err, ErrClock) || noRoom(err) {
				return l.fail(b, err)
			}
		case retryable(err) && try < maxTries:
		case len(b.jobs) > 1:
			return l.serveAlone(b.jobs)
		default:
			b.answer(err)
			return nil
		}
		time.Sleep(pause)
		pause *= 2
	}
}

// serveAlone gives each caller a batch of its own, after one of them, unknown
// which, broke a batch: a wrong entry must fail alone. What is nobody's fault is the
// answer of all who are left: they would each wait as long for the same.
func (l *Log) serveAlone(jobs []*job) error {
	for i, j := range jobs {
		if err := l.serve(&batch{jobs: []*job{j}, drained: true}); err != nil {
			(&batch{jobs: jobs[i+1:]}).answer(err)
			return err
		}
	}
	return nil
}

// retryable says whether another try, from the head as it is by then, may
// succeed. SC001 is among them because the database's clock may step back
// between lock and insert.
func retryable(err error) bool {
	switch sqlState(err) {
	case stateSerialization, stateDeadlock, stateChain:
		return true
	}
	return false
}

// answer ends the wait of b's callers; with err, all get it.
func (b *batch) answer(err error) {
	for _, j := range b.jobs {
		if !j.take() {
			continue
		}
		if err != nil {
			j.ref, j.answer, j.err = Ref{}, Answer{}, err
		}
		close(j.done)
	}
}

// fail answers b, and those who queue behind it too: they would each wait as
// long for the same answer. The next caller tries again. It returns what those
// were answered.
func (l *Log) fail(b *batch, err error) error {
	b.answer(err)
	if errors.Is(err, ErrUnknownOutcome) {
		err = ErrUnavailable // what these asked for was never sent
	}
	for {
		behind := &batch{}
		l.drain(behind)
		if len(behind.jobs) == 0 {
			return err
		}
		behind.answer(err)
	}
}
