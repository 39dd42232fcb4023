package pglog_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// A database whose clock jumps ahead writes nothing, and goes on when it is right again.
func TestNothingIsDatedByAClockFarAhead(t *testing.T) {
	t.Parallel()
	db := pgtest.New(t)
	var behind atomic.Int64
	l := open(t, db, audit.ViaStaff, func(c *pglog.Config) {
		c.Now = func() time.Time { return time.Now().Add(-time.Duration(behind.Load())) }
	})
	write := func() error {
		_, err := l.Append(context.Background(), pglog.Draft{Actor: audit.Actor{ID: "s-1"}, Action: audit.ActionStaffSignedIn})
		return err
	}
	count := func() (n int) {
		if err := db.Super.QueryRow(context.Background(), `SELECT count(*) FROM sceau.entries`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	behind.Store(int64(4 * time.Minute))
	if err := write(); err != nil {
		t.Fatalf("a few minutes apart: %v", err)
	}
	before := count()
	behind.Store(int64(6 * time.Minute))
	began := time.Now()
	if err := write(); !errors.Is(err, pglog.ErrClock) || !errors.Is(err, pglog.ErrUnavailable) || time.Since(began) > 3*time.Second {
		t.Errorf("far ahead: %v, after %s", err, time.Since(began))
	}
	if n := count(); n != before {
		t.Errorf("%d entries were written", n-before)
	}
	behind.Store(-int64(time.Hour)) // the process is ahead: what trails is another matter
	if err := write(); err != nil {
		t.Errorf("right again: %v", err)
	}
}
