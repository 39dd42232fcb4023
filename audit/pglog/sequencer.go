package pglog

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// A job is one caller waiting.
type job struct {
	ctx    context.Context
	plain  *prepared // or
	effect Effect
	idem   *idemKeys

	taken atomic.Bool // by a batch, or by the caller who gave up
	done  chan struct{}

	// Written by the sequencer until done is closed. Each attempt at the batch
	// writes them anew.
	ref      Ref
	answer   Answer
	err      error
	panicked any
}

func newJob(ctx context.Context) *job { return &job{ctx: ctx, done: make(chan struct{})} }

// A batch is the callers who share a transaction.
type batch struct {
	jobs    []*job
	drained bool // the queue has been drained for it, or must not be
	sent    *Ref // last entry of a COMMIT whose answer was lost
}

// Of one batch.
const (
	maxTries   = 4
	firstPause = 20 * time.Millisecond // doubled each time
)

// sequence answers callers, batch after batch, until Close.
func (l *Log) sequence() {
	defer close(l.idle)
	for first := range l.queue {
		if first.taken.CompareAndSwap(false, true) {
			l.serve(&batch{jobs: []*job{first}})
		}
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
		select {
		case j, ok := <-l.queue:
			if !ok {
				return
			}
			if !j.taken.CompareAndSwap(false, true) {
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

// serve brings b to its end: every one of its callers is answered.
func (l *Log) serve(b *batch) {
	var lost time.Time // when a COMMIT's answer was lost
	pause := firstPause
	for try := 1; ; try++ {
		err := l.attempt(b)
		switch {
		case err == nil:
			b.answer(nil)
			l.extend()
			return
		case b.sent != nil:
			// Try until the time is up: a definite answer is worth the wait.
			if lost.IsZero() {
				lost = time.Now()
			}
			if time.Since(lost) > l.cfg.ResolveTimeout {
				l.fail(b, errors.Join(ErrUnknownOutcome, err))
				return
			}
			pause = min(pause, time.Second)
		case errors.Is(err, errAbandoned):
			if len(b.jobs) == 0 {
				return
			}
			try = 0 // the effect that failed is gone; the others start again
			continue
		case errors.Is(err, ErrUnavailable):
			if try >= maxTries || sqlState(err) == stateLockTimeout {
				l.fail(b, err)
				return
			}
		case retryable(err) && try < maxTries:
		case len(b.jobs) > 1:
			l.serveAlone(b.jobs)
			return
		default:
			b.answer(err)
			return
		}
		time.Sleep(pause)
		pause *= 2
	}
}

// serveAlone gives each caller a batch of its own, after one of them, unknown
// which, broke a batch: a wrong entry must fail alone.
func (l *Log) serveAlone(jobs []*job) {
	for _, j := range jobs {
		l.serve(&batch{jobs: []*job{j}, drained: true})
	}
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
		if err != nil {
			j.ref, j.answer, j.err = Ref{}, Answer{}, err
		}
		close(j.done)
	}
}

// fail answers b, and those who queue behind it too: they would each wait as
// long for the same answer. The next caller tries again.
func (l *Log) fail(b *batch, err error) {
	b.answer(err)
	if !errors.Is(err, ErrUnavailable) {
		return
	}
	if errors.Is(err, ErrUnknownOutcome) {
		err = ErrUnavailable // what these asked for was never sent
	}
	for {
		behind := &batch{}
		l.drain(behind)
		if len(behind.jobs) == 0 {
			return
		}
		behind.answer(err)
	}
}
