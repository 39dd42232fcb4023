package pglog

import (
	"fmt"
	"time"
)

// clockAhead is by how much PostgreSQL's clock may be ahead of the process's, where
// the configuration says nothing: much more than clocks differ.
const clockAhead = 5 * time.Minute

// ErrClock: PostgreSQL's clock is far ahead of this process's. Entries are never
// earlier than the one before, so one of next year would stop everything that has a
// deadline until next year, and end the time of all that is kept. It is an
// ErrUnavailable too.
var ErrClock = fmt.Errorf("%w: the database's clock is far ahead of this process's", ErrUnavailable)

// checkClock refuses to date an entry by a clock that jumped forward.
func (l *Log) checkClock(h head) error {
	if ahead := h.clock.Sub(l.cfg.Now()); ahead > l.cfg.ClockAhead {
		return fmt.Errorf("%w, by %s", ErrClock, ahead.Round(time.Second))
	}
	return nil
}
