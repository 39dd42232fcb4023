package custodian

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/custodian/order"
)

const (
	// destroyersAtOnce bounds how many keys are destroyed at the same time.
	destroyersAtOnce = 8
	// lookAgainRate bounds how many keys a second are looked at again.
	lookAgainRate = 100
	// destroyPause spaces tries when Vault refuses.
	destroyPause = time.Second
	// startWait is how long an order waits for a custodian that is nearly ready.
	startWait = 2 * time.Second
)

// A destroyer sees to it that every key which the log says is destroyed is destroyed
// in Vault: those that an order of this process destroyed a moment ago, those whose
// process died between the entry and Vault, and all of them once more at each start,
// because Vault may have been restored from a snapshot of before. Nothing is served
// before that is done.
type destroyer struct {
	wake    chan struct{} // holds one: there may be something to do
	cleared chan struct{} // closed once all that was known at the start is destroyed

	mu      sync.Mutex
	taken   int                  // of the follower's list
	seen    map[keyName]struct{} // seen destroyed in Vault by this process
	of      int                  // known to be destroyed
	failure error                // of the last try, nil when it went well

	unfounded map[keyName]struct{} // said to be destroyed by entries that nothing allows
}

func newDestroyer() *destroyer {
	return &destroyer{wake: make(chan struct{}, 1), cleared: make(chan struct{}), seen: map[keyName]struct{}{}, unfounded: map[keyName]struct{}{}}
}

// disbelieve notes a key that is said to be destroyed and is not to be, and says
// whether that is news.
func (d *destroyer) disbelieve(k keyName) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, known := d.unfounded[k]
	d.unfounded[k] = struct{}{}
	return !known
}

// disbelieved is how many keys there are of these.
func (d *destroyer) disbelieved() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.unfounded)
}

func (d *destroyer) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *destroyer) isCleared() bool {
	select {
	case <-d.cleared:
		return true
	default:
		return false
	}
}

// progress is how many keys are destroyed in Vault, of how many that must be.
func (d *destroyer) progress() (done, of int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.seen), d.of
}

func (d *destroyer) fail(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.failure = err
}

// isDestroyed says whether a key is destroyed, by the log or by what was remembered
// outside PostgreSQL: then it is never read, whatever Vault holds.
func (c *Custodian) isDestroyed(k keyName) bool {
	return c.followed.isDestroyed(k) || c.destroyed.has(k)
}

// keepDestroyed destroys what must be, for as long as the process lives.
func (c *Custodian) keepDestroyed(ctx context.Context) {
	var said string
	for {
		err := c.destroyListed(ctx)
		if ctx.Err() != nil {
			return
		}
		c.destroyer.fail(err)
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
		case <-c.destroyer.wake:
		case <-retry:
		}
	}
}

// lookAgain has Vault destroy all of it again, now and then: Vault may have been
// restored while this process lived on. Nobody waits for it, since what is listed is
// never read, whatever Vault holds; so it leaves Vault to those who do wait. An outage
// is waited out.
func (c *Custodian) lookAgain(ctx context.Context) {
	tick := time.NewTicker(c.config.RetentionEvery)
	defer tick.Stop()
	pace := rate.NewLimiter(lookAgainRate, 1)
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if !c.destroyer.isCleared() {
			continue // all of it is being looked at
		}
		failing := false
		for _, k := range c.destroyed.all() {
			for pace.Wait(ctx) == nil {
				err := c.destroyInVault(ctx, k)
				if err == nil {
					break
				}
				if !failing && ctx.Err() == nil {
					c.logger.WarnContext(ctx, "cannot see whether what is destroyed stays destroyed", "error", err)
				}
				failing = true
				select {
				case <-ctx.Done():
					return
				case <-time.After(destroyPause):
				}
			}
		}
	}
}

// destroyListed takes in what the log says by now, and destroys what is not yet seen to
// be destroyed.
func (c *Custodian) destroyListed(ctx context.Context) error {
	if !c.destroyer.isCleared() {
		// The whole log first: without it, nobody knows what must be destroyed.
		if _, err := c.lookAround(ctx); err != nil {
			return err
		}
	}
	d := c.destroyer
	fresh := c.followed.destroyedFrom(d.taken)
	founded, err := c.believe(ctx, fresh)
	if err != nil {
		return err
	}
	if err := c.destroyed.add(founded...); err != nil {
		return err
	}
	d.taken += len(fresh)

	if done, _ := d.progress(); d.isCleared() && done == c.destroyed.count() {
		return nil
	}
	var todo []keyName
	all := c.destroyed.all()
	d.mu.Lock()
	d.of = len(all)
	for _, k := range all {
		if _, seen := d.seen[k]; !seen {
			todo = append(todo, k)
		}
	}
	d.mu.Unlock()
	if err := c.destroyAll(ctx, todo); err != nil {
		return err
	}
	if !d.isCleared() {
		c.logger.Info("what the log says is destroyed is destroyed", "keys", len(all))
		close(d.cleared)
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
			done, of := c.destroyer.progress()
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
	c.destroyer.mu.Lock()
	c.destroyer.seen[k] = struct{}{}
	c.destroyer.mu.Unlock()
	return nil
}

// mayServe refuses orders until the log was followed to its end and all that it
// says is destroyed is destroyed in Vault too.
func (c *Custodian) mayServe(ctx context.Context) error {
	if c.destroyer.isCleared() {
		return nil
	}
	// What is wrong with the log, or PostgreSQL, is the better answer.
	if _, err := c.lookAround(ctx); err != nil {
		return err
	}
	wait := time.NewTimer(startWait)
	defer wait.Stop()
	select {
	case <-c.destroyer.cleared:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-wait.C:
	}
	c.destroyer.mu.Lock()
	defer c.destroyer.mu.Unlock()
	if errors.Is(c.destroyer.failure, custody.ErrUnavailable) {
		return c.destroyer.failure
	}
	return refuse(order.CodeStarting)
}
