package custodian

import (
	"context"
	"sync"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
)

// A readingSession holds the transcript key of one case for one caller. It
// lives in memory only: after a restart a new one needs a new entry.
type readingSession struct {
	owner   string      // bearer.key of who opened it
	actor   audit.Actor // as whom; the minor's when it is theirs
	caseID  string
	expires time.Time

	// mu guards what follows, and makes unwraps of one session wait for each
	// other: they share the verified prefix of the message chain.
	mu   sync.Mutex
	used time.Time
	key  *seal.Key // nil once forgotten
	file *escalation.Case
	sums [][32]byte // of the messages verified so far, from position 0
	link [32]byte   // of the last of them
}

// forget drops the key. Go cannot wipe a string, so it stays in memory until
// the garbage collector reuses the place; the process is not dumpable and
// leaves no core.
func (s *readingSession) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.key = nil
}

// readings are the open sessions by their id.
type readings struct {
	mu   sync.Mutex
	open map[string]*readingSession
}

// maxReadings bounds memory: about a kilobyte a session, and the case's entries.
const maxReadings = 20000

func (r *readings) add(id string, s *readingSession) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.open) >= maxReadings {
		return refuse(order.CodeRate)
	}
	r.open[id] = s
	return nil
}

// find returns the caller's own session. Another's answers like none.
func (r *readings) find(id, owner string) (*readingSession, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s, ok := r.open[id]
	if !ok || s.owner != owner {
		return nil, refuse(order.CodeSession)
	}
	return s, nil
}

func (r *readings) end(id string) {
	r.mu.Lock()
	s := r.open[id]
	delete(r.open, id)
	r.mu.Unlock()
	if s != nil {
		s.forget()
	}
}

func (r *readings) forgetAll() {
	r.mu.Lock()
	all := r.open
	r.open = map[string]*readingSession{}
	r.mu.Unlock()
	for _, s := range all {
		s.forget()
	}
}

// forget ends every session that is in the set, those in use after their unwrap.
func (r *readings) forget(in func(*readingSession) bool) {
	r.mu.Lock()
	var ended []*readingSession
	for id, s := range r.open {
		if in(s) {
			delete(r.open, id)
			ended = append(ended, s)
		}
	}
	r.mu.Unlock()
	for _, s := range ended {
		s.forget()
	}
}

func (r *readings) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.open)
}

// overdue lists sessions that ran out or idled.
func (r *readings) overdue(now time.Time, idle time.Duration) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for id, s := range r.open {
		if !s.mu.TryLock() {
			continue // in use: not idle
		}
		if now.After(s.expires) || now.Sub(s.used) > idle {
			ids = append(ids, id)
		}
		s.mu.Unlock()
	}
	return ids
}

// forgetEnded ends the reading sessions of those whom the log, as far as it was
// followed, says to be suspended or signed out, and of cases that are destroyed. An
// unwrap would be refused anyway: this is for the keys that wait for none.
func (c *Custodian) forgetEnded() {
	c.reading.forget(func(s *readingSession) bool {
		is := c.followed.standingOf(s.actor)
		return is.suspended || is.signedOut || c.isDestroyed(keyName{s.caseID, seal.Transcript})
	})
}

// reap ends sessions that nobody uses: the key must not wait in memory for an
// unwrap that never comes.
func (c *Custodian) reap(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			for _, id := range c.reading.overdue(c.config.Now(), c.config.IdleTimeout) {
				c.reading.end(id)
			}
		}
	}
}
