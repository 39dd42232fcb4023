package custodian

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/sceau-project/sceau/custodian/order"
)

// readyTime bounds the checks of readiness. It is shorter than the time that
// the faces give the custodian to answer (two seconds): one dependency that
// does not answer must not make the custodian itself seem down.
const readyTime = 1500 * time.Millisecond

// Ready looks at everything that an order needs, at once. What does not answer
// in readyTime is down.
func (c *Custodian) Ready(ctx context.Context) order.Ready {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	checks := []struct {
		name string // of what is down when there is no answer
		down func(context.Context) string
	}{
		{"destruction", c.destructionDown},
		{"postgres", c.logDown},
		{"log", c.appendDown},
		{"policy", c.policyDown},
		{"vault", func(ctx context.Context) string { return nameIf(c.vault.Ready(ctx) != nil, "vault") }},
		{"issuer", func(ctx context.Context) string { return nameIf(c.staff.Ready(ctx) != nil, "issuer") }},
	}
	answers := make([]chan string, len(checks))
	for i, check := range checks {
		answers[i] = make(chan string, 1)
		go func() { answers[i] <- check.down(ctx) }()
	}
	var down []string
	for i, check := range checks {
		name := check.name
		select {
		case name = <-answers[i]:
		case <-ctx.Done():
			select {
			case name = <-answers[i]: // it came while another was waited for
			default:
				if check.name == "policy" {
					name = "" // the same database does not answer, and is named
				}
			}
		}
		if name != "" {
			down = append(down, name)
		}
	}
	if slices.Contains(down, "postgres") {
		down = slices.DeleteFunc(down, func(name string) bool { return name == "log" }) // it is in that database
	}
	if slices.Contains(down, "postgres") || slices.Contains(down, "head") {
		// Where the log cannot be followed, what follows from it is not known, and is
		// not what to repair.
		down = slices.DeleteFunc(down, func(name string) bool { return name == "destruction" || name == "policy" })
	}
	return order.Ready{Ready: len(down) == 0, Down: down, Progress: c.progress()}
}

// destructionDown: before what the log says is destroyed is destroyed in Vault too,
// nothing is served.
func (c *Custodian) destructionDown(context.Context) string {
	return nameIf(!c.destroyer.isCleared(), "destruction")
}

// progress says how far the start came; nil once everything is served.
func (c *Custodian) progress() *order.Progress {
	if c.destroyer.isCleared() {
		return nil
	}
	if next, end := c.followed.way(); next < end || end == 0 {
		return &order.Progress{Doing: order.ProgressFollowing, Done: next, Of: end}
	}
	done, of := c.destroyer.progress()
	return &order.Progress{Doing: order.ProgressDestroying, Done: int64(done), Of: int64(of)}
}

func (c *Custodian) logDown(ctx context.Context) string {
	_, err := c.lookAround(ctx)
	if errors.Is(err, errRolledBack) || errors.Is(err, errLogAltered) || errors.Is(err, errBehindLog) {
		return "head"
	}
	return nameIf(err != nil, "postgres")
}

// appendDown: the log can be read, and not be written, since somebody holds its
// head or there is no room. When PostgreSQL does not answer at all, that is what is
// down.
func (c *Custodian) appendDown(ctx context.Context) string {
	err := c.log.Ready(ctx)
	if err != nil && ctx.Err() == nil && c.pool.Ping(ctx) != nil {
		return "" // postgres is named
	}
	return nameIf(err != nil, "log") // too late to ask is no answer either
}

func (c *Custodian) policyDown(ctx context.Context) string {
	_, err := c.inForce(ctx, c.pool)
	return nameIf(errors.Is(err, errNoPolicy), "policy")
}

func nameIf(down bool, name string) string {
	if down {
		return name
	}
	return ""
}
