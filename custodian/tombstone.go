package custodian

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/custodian/order"
)

const (
	// destroyersAtOnce bounds how many keys are destroyed at the same time.
	destroyersAtOnce = 4
	// destroyPause spaces tries when Vault refuses.
	destroyPause = time.Second
	// startWait is how long an order waits for a custodian that is nearly ready.
	startWait = 2 * time.Second
)

// A burial sees to it that every key which the log says is destroyed is destroyed
// in Vault: those that an order of this process destroyed a moment ago, those whose
// process died between the entry and Vault, and all of them once more at each start,
// because Vault may have been restored from a snapshot of before. Nothing is served
// before that is done.
type burial struct {
	wake    chan struct{} // holds one: there may be something to do
	cleared chan struct{} // closed once all that was known at the start is destroyed

	mu      sync.Mutex
	taken   int                  // of the follower's list
	gone    map[keyName]struct{} // seen destroyed in Vault by this process
	of      int                  // known to be destroyed
	failure error                // of the last try, nil when it went well
}

func newBurial() *burial {
	return &burial{wake: make(chan struct{}, 1), cleared: make(chan struct{}), gone: map[keyName]struct{}{}}
}

func (b *burial) poke() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *burial) isCleared() bool {
	select {
	case <-b.cleared:
		return true
	default:
		return false
	}
}

// progress is how many keys are destroyed in Vault, of how many that must be.
func (b *burial) progress() (done, of int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.gone), b.of
}

func (b *burial) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failure = err
}

// gone says whether a key is destroyed, by the log or by what was remembered
// outside PostgreSQL: then it is never read, whatever Vault holds.
func (c *Custodian) gone(k keyName) bool {
	return c.followed.isDestroyed(k) || c.tombs.has(k)
}

// bury destroys what must be, for as long as the process lives.
func (c *Custodian) bury(ctx context.Context) {
	// Now and then all of it is looked at again: Vault may have been restored while
	// this process lived on.
	again := time.NewTicker(c.config.RetentionEvery)
	defer again.Stop()
	var said string
	for {
		err := c.buryOnce(ctx)
		if ctx.Err() != nil {
			return
		}
		c.buried.fail(err)
		now := ""
		if err != nil {
			now = refusal(err).Code
		}
		if now != said && err != nil {
			c.logger.Error("what the log says is destroyed cannot be destroyed in Vault now", "code", now, "error", err)
		}
		said = now
		var retry <-chan time.Time
		if err != nil {
			retry = time.After(destroyPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-c.buried.wake:
		case <-retry:
		case <-again.C:
			c.buried.mu.Lock()
			clear(c.buried.gone)
			c.buried.mu.Unlock()
		}
	}
}

// buryOnce takes in what the log says by now, and destroys what is not yet seen to
// be destroyed.
func (c *Custodian) buryOnce(ctx context.Context) error {
	if !c.buried.isCleared() {
		// The whole log first: without it, nobody knows what must be destroyed.
		if _, err := c.lookAround(ctx); err != nil {
			return err
		}
	}
	b := c.buried
	fresh := c.followed.destroyedFrom(b.taken)
	if err := c.tombs.add(fresh...); err != nil {
		return err
	}
	b.taken += len(fresh)

	if done, _ := b.progress(); b.isCleared() && done == c.tombs.count() {
		return nil
	}
	var todo []keyName
	all := c.tombs.all()
	b.mu.Lock()
	b.of = len(all)
	for _, k := range all {
		if _, gone := b.gone[k]; !gone {
			todo = append(todo, k)
		}
	}
	b.mu.Unlock()
	if err := c.destroyAll(ctx, todo); err != nil {
		return err
	}
	if !b.isCleared() {
		c.logger.Info("what the log says is destroyed is destroyed", "keys", len(all))
		close(b.cleared)
	}
	return nil
}

// destroyAll destroys keys in Vault, some at a time, and tells of the way.
func (c *Custodian) destroyAll(ctx context.Context, todo []keyName) error {
	if len(todo) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	next, failed := make(chan keyName), make(chan error, destroyersAtOnce)
	var all sync.WaitGroup
	for range destroyersAtOnce {
		all.Go(func() {
			for k := range next {
				if err := c.destroyInVault(ctx, k); err != nil {
					failed <- err
					cancel() // nothing is gained by asking a Vault that is down for each
					return
				}
			}
		})
	}
	told := c.config.Now()
	for _, k := range todo {
		select {
		case next <- k:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
		if now := c.config.Now(); now.Sub(told) > followTell {
			told = now
			done, of := c.buried.progress()
			c.logger.Info("destroying again what the log says is destroyed", "keys", done, "of", of)
		}
	}
	close(next)
	all.Wait()
	close(failed)
	if err, ok := <-failed; ok {
		return err
	}
	return ctx.Err()
}

func (c *Custodian) destroyInVault(ctx context.Context, k keyName) error {
	c.config.Reached(StepDestroying)
	err := c.vault.Destroy(ctx, k.caseID, k.class)
	if errors.Is(err, custody.ErrMissing) {
		// Vault was restored from before the key was made. There is no key, and no
		// tombstone either: nobody but this process could write there, and it makes
		// up a new name for each case.
		c.logger.WarnContext(ctx, "a destroyed key was never in this Vault", "case", k.caseID, "class", k.class)
		err = nil
	}
	if err != nil {
		return err
	}
	c.buried.mu.Lock()
	c.buried.gone[k] = struct{}{}
	c.buried.mu.Unlock()
	return nil
}

// mayServe refuses orders until the log was followed to its end and all that it
// says is destroyed is destroyed in Vault too.
func (c *Custodian) mayServe(ctx context.Context) error {
	if c.buried.isCleared() {
		return nil
	}
	// What is wrong with the log, or PostgreSQL, is the better answer.
	if _, err := c.lookAround(ctx); err != nil {
		return err
	}
	wait := time.NewTimer(startWait)
	defer wait.Stop()
	select {
	case <-c.buried.cleared:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	c.buried.mu.Lock()
	defer c.buried.mu.Unlock()
	if errors.Is(c.buried.failure, custody.ErrUnavailable) {
		return c.buried.failure
	}
	return refuse(order.CodeStarting)
}
