package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// late is how much longer than it should a wait may seem on a busy machine.
const late = 700 * time.Millisecond

// However long one lock may be waited for, and however many wait for it, nobody
// waits longer in all than is said, and nothing of what was refused is done later.
func TestNobodyWaitsLongerThanTheyMay(t *testing.T) {
	db := pgtest.New(t)
	const most = 3 * time.Second
	l := open(t, db, audit.ViaStaff, func(cfg *pglog.Config) {
		cfg.Timeout, cfg.LockTimeout = most, time.Minute
	})
	conn, err := pgx.Connect(t.Context(), db.URL("sceau_public"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `SET idle_in_transaction_session_timeout = 0; BEGIN; SELECT sceau.lock_head()`); err != nil {
		t.Fatal(err)
	}
	var ran atomic.Int64
	var wg sync.WaitGroup
	for n := range 30 {
		wg.Go(func() {
			for range 2 {
				began := time.Now()
				var err error
				if n%2 == 0 {
					_, err = l.Append(t.Context(), signedIn(n))
				} else {
					_, err = l.Do(t.Context(), pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
						ran.Add(1)
						return turn.Append(signedIn(n))
					})
				}
				if took := time.Since(began); !errors.Is(err, pglog.ErrUnavailable) || took > most+late {
					t.Errorf("answered %v after %v", err, took)
				}
			}
		})
	}
	wg.Wait()
	if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	// The attempt that waited all the while is free to go on now, with nobody in it.
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Error(err)
	}
	if n := entries(t, db); n != 1 || ran.Load() != 0 {
		t.Errorf("%d entries, %d effects that ran: of all but one the callers were refused", n, ran.Load())
	}
}

// So many slow effects queue that not all can have their turn in time. Those who
// had it are in the log, those who were refused are not, and nobody waited longer
// than is said.
func TestAQueueThatIsTooLong(t *testing.T) {
	db := pgtest.New(t)
	const most = 3 * time.Second
	l := open(t, db, audit.ViaStaff, func(cfg *pglog.Config) { cfg.Timeout = most })
	var mu sync.Mutex
	told := map[string]bool{}
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			who := fmt.Sprint("caller ", n)
			began := time.Now()
			_, err := l.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
				if _, err := turn.Tx.Exec(ctx, `SELECT pg_sleep(0.1)`); err != nil {
					return nil, err
				}
				if err := note(ctx, turn, who); err != nil {
					return nil, err
				}
				return turn.Append(signedIn(n))
			})
			if took := time.Since(began); err != nil && !errors.Is(err, pglog.ErrUnavailable) || took > most+late {
				t.Errorf("%s: %v after %v", who, err, took)
			}
			mu.Lock()
			told[who] = err == nil
			mu.Unlock()
		})
	}
	wg.Wait()
	served := int64(0)
	for who, done := range told {
		if done {
			served++
		}
		if noted(t, db, who) != done {
			t.Errorf("%s was told %v, and the state says otherwise", who, done)
		}
	}
	if n := entries(t, db); n != served || served == 0 || served == int64(len(told)) {
		t.Errorf("%d of %d were served, %d entries", served, len(told), n)
	}
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Errorf("after the crowd: %v", err)
	}
}

// While there is no room for entries the log says that it is not ready, though it
// can be read and its head can be had; and it says so no longer than that, though
// nobody has appended since. To find out leaves no entry.
func TestReadyWhereThereIsNoRoom(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	if _, err := l.Append(t.Context(), signedIn(0)); err != nil {
		t.Fatal(err)
	}
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("before: %v", err)
	}
	attack(t, db.Super, `CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS
		$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$`)
	attack(t, db.Super, `CREATE TRIGGER no_room BEFORE INSERT ON sceau.entries FOR EACH ROW EXECUTE FUNCTION public.no_room()`)
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("before anybody noticed: %v", err) // nothing is written to find out
	}
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), signedIn(n)); !errors.Is(err, pglog.ErrUnavailable) {
				t.Errorf("without room: %v", err)
			}
		})
	}
	wg.Wait()
	for range 2 {
		if err := l.Ready(t.Context()); !errors.Is(err, pglog.ErrUnavailable) {
			t.Errorf("without room: ready says %v", err)
		}
	}
	attack(t, db.Super, `DROP TRIGGER no_room ON sceau.entries`)
	if err := l.Ready(t.Context()); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if n := entries(t, db); n != 1 {
		t.Errorf("%d entries", n)
	}
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Errorf("with room again: %v", err)
	}
}
