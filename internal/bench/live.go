package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// LiveConfig says where conversations are held, and how many.
type LiveConfig struct {
	Public, Staff string   // base URLs of the faces
	Agents        []string // access tokens, one for each; conversations are shared out among them
	Conversations int
	Baseline      int           // how many are open for the baseline
	Every         time.Duration // how often somebody writes in each
	Each          time.Duration // how long a round takes
	Rounds        int
	Memory        func() (map[string]float64, error) // MB that each process takes, by its name
	Progress      func(what string, done, of int)
}

// Live measures what a crowd feels. In each conversation both sides listen, one
// writes now and then, and the other reads what was written as soon as it hears of it.
// The time from sending a message to hearing of it is the 99th percentile of a round, beside the
// same of few conversations; the memory is the most that a process took, beside what it took before.
func Live(ctx context.Context, cfg LiveConfig) ([]Figure, error) {
	c := &crowd{cfg: cfg, http: crowdClient()}
	defer c.http.CloseIdleConnections()
	listening, hush := context.WithCancel(ctx)
	defer c.ears.Wait()
	defer hush()

	before, err := cfg.Memory()
	if err != nil {
		return nil, err
	}
	var few, many series
	if few, err = c.rounds(ctx, listening, cfg.Baseline); err != nil {
		return nil, fmt.Errorf("measure few conversations: %w", err)
	}
	if many, err = c.rounds(ctx, listening, cfg.Conversations); err != nil {
		return nil, fmt.Errorf("measure a crowd: %w", err)
	}
	after, err := cfg.Memory()
	if err != nil {
		return nil, err
	}
	figures := []Figure{Compare(fmt.Sprintf("message heard, %d conversations, p99, beside %d", cfg.Conversations, cfg.Baseline), "ms", many, few)}
	for _, name := range []string{"public", "staff"} {
		figures = append(figures, Compare(fmt.Sprintf("memory of the %s face, %d conversations, beside none", name, cfg.Conversations), "MB",
			series{after[name]}, series{before[name]}))
	}
	return figures, nil
}

// A crowd is every conversation that is open.
type crowd struct {
	cfg   LiveConfig
	http  *client
	talks []*talk
	ears  sync.WaitGroup
}

// rounds brings the crowd to its size, and returns the 99th percentile of each round.
func (c *crowd) rounds(ctx, listening context.Context, size int) (series, error) {
	if err := c.grow(ctx, listening, size); err != nil {
		return nil, err
	}
	var p99 series
	for round := range c.cfg.Rounds {
		c.cfg.Progress(fmt.Sprintf("%d conversations talk", size), round, c.cfg.Rounds)
		took, err := c.chatter(ctx)
		if err != nil {
			return nil, err
		}
		slices.Sort(took)
		p99 = append(p99, took[len(took)*99/100])
	}
	return p99, nil
}

// grow opens conversations until there are so many, has each joined by its agent,
// and lets both sides listen.
func (c *crowd) grow(ctx, listening context.Context, size int) error {
	for len(c.talks) < size {
		c.cfg.Progress("conversations open", len(c.talks), size)
		group, gctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		more := make([]*talk, min(len(c.cfg.Agents), size-len(c.talks)))
		for i := range more {
			group.Go(func() (err error) {
				more[i], err = c.open(gctx)
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		if err := c.join(ctx, more); err != nil {
			return err
		}
		for _, t := range more {
			c.ears.Go(func() { t.listen(listening, t.minor) })
			c.ears.Go(func() { t.listen(listening, t.agent) })
		}
		for _, t := range more {
			for _, s := range []*side{t.minor, t.agent} {
				select {
				case <-s.ready:
				case err := <-s.deaf:
					return err
				case <-time.After(heardWithin):
					return errors.New("an event stream was opened and said nothing")
				}
			}
		}
		c.talks = append(c.talks, more...)
	}
	return nil
}

// chatter lets every conversation talk for one round, one after the other within Every,
// and returns how many milliseconds each message took to be heard of.
func (c *crowd) chatter(ctx context.Context) (series, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Each)
	defer cancel()
	var mu sync.Mutex
	var all series
	var failed error
	var wg sync.WaitGroup
	for i, t := range c.talks {
		wg.Go(func() {
			first := time.NewTimer(c.cfg.Every * time.Duration(i) / time.Duration(len(c.talks)))
			defer first.Stop()
			for turn := i; ; turn++ {
				select {
				case <-first.C:
				case <-ctx.Done():
					return
				}
				first.Reset(c.cfg.Every)
				// Not the round's own context: what was begun is measured to its end.
				took, err := t.say(context.WithoutCancel(ctx), turn%2 == 0)
				mu.Lock()
				all = append(all, float64(took)/float64(time.Millisecond))
				failed = errors.Join(failed, err)
				mu.Unlock()
				if err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
	if failed == nil && len(all) < 100 {
		failed = fmt.Errorf("only %d messages were written in %v", len(all), c.cfg.Each)
	}
	return all, failed
}
