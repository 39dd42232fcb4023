package pgstore_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/migrations"
	"github.com/sceau-project/sceau/notice"
)

// PostgreSQL is killed and comes back: notices that were committed are delivered.
func TestADatabaseThatComesBack(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	w := &world{DB: server.DB, t: t, staff: server.Pool(t, "sceau_staff"), counts: map[string]int{}}
	r := newReceiver(t)
	q := w.queue(hook(t, "pager", r.URL, "supervisor"))
	w.run(q)
	first := w.pending()
	w.call(q, first)
	if got := r.next(); got.id != first.MessageID() {
		t.Fatalf("delivered %+v", got)
	}
	second := w.pending()
	r.Config.SetKeepAlivesEnabled(false)
	w.call(q, second)
	server.Postgres.Kill()
	if err := server.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for got := r.next(); got.id != second.MessageID(); got = r.next() {
		if got.id != first.MessageID() {
			t.Fatalf("delivered %+v", got)
		}
	}
	t.Logf("delivered %v after PostgreSQL was back", time.Since(began))
}

// A process that starts before its database waits for it.
func TestAProcessThatIsEarly(t *testing.T) {
	t.Parallel()
	server := pgtest.NewServer(t)
	w := &world{DB: server.DB, t: t, staff: server.Pool(t, "sceau_staff"), counts: map[string]int{}}
	r := newReceiver(t)
	q := w.queue(hook(t, "pager", r.URL, "supervisor"))
	n := w.pending()
	w.call(q, n)
	if err := server.Postgres.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.staff.Reset()
	w.run(q)
	w.eventually("the wait", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.printed.Len() > 0
	})
	if err := server.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := r.next(); got.id != n.MessageID() {
		t.Fatalf("delivered %+v", got)
	}
}

// What is finished goes, after its time; what is not stays.
func TestFinishedJobsGo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.queue()
	old, young, waits := w.pending(), w.pending(), w.pending()
	w.call(q, old, young, waits)
	finish := func(n notice.Notice, days int) {
		t.Helper()
		if _, err := w.Super.Exec(t.Context(), `UPDATE sceau_queue.river_job SET state = 'completed', finalized_at = now() - $2 * interval '1 day' WHERE args ->> 'key' = $1`, n.Key(), days); err != nil {
			t.Fatal(err)
		}
	}
	finish(old, 8)
	finish(young, 6)
	w.run(q)
	w.eventually("the removal", func() bool {
		return w.number(`SELECT count(*) FROM sceau_queue.river_job WHERE args ->> 'key' = $1`, old.Key()) == 0
	})
	if n := w.number(`SELECT count(*) FROM sceau_queue.river_job`); n != 2 {
		t.Errorf("%d jobs are left", n)
	}
}

// sceau migrate may be run again, and by two at once; what is queued stays.
func TestMigratedAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.call(w.queue(), w.pending())
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			if err := migrations.Up(context.Background(), w.URL("sceau_owner")); err != nil {
				t.Errorf("migrate again: %v", err)
			}
		})
	}
	both.Wait()
	if _, err := w.Super.Exec(t.Context(), `DROP SCHEMA sceau_queue CASCADE`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		both.Go(func() {
			if err := migrations.Up(context.Background(), w.URL("sceau_owner")); err != nil {
				t.Errorf("migrate at first, both at once: %v", err)
			}
		})
	}
	both.Wait()
	w.staff.Reset() // plans of the tables that are gone
	// A queue that was lost calls people again to what still waits.
	if n := w.sweep(w.queue()); n != 1 {
		t.Errorf("called for %d", n)
	}
}
