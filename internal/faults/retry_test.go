package faults_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgfault"
)

// unlucky makes so many of a hundred statements fail as a conflict would make
// them: what appends, what an effect changes, what a COMMIT checks last, and what
// writes a message. The same ones for the same seed and order.
const unlucky = `
CREATE SEQUENCE public.fault_n;
CREATE FUNCTION public.fault() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $$
DECLARE
    n bigint := hashint8extended(nextval('public.fault_n'), %[1]d) & 1048575;
BEGIN
    IF n %% 100 < %[2]d THEN
        RAISE EXCEPTION 'injected' USING ERRCODE = CASE WHEN n & 1024 = 0 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER fault AFTER INSERT ON sceau.entries FOR EACH STATEMENT EXECUTE FUNCTION public.fault();
CREATE TRIGGER fault AFTER INSERT OR UPDATE ON sceau.escalations FOR EACH STATEMENT EXECUTE FUNCTION public.fault();
CREATE TRIGGER fault AFTER INSERT ON sceau.conversations FOR EACH STATEMENT EXECUTE FUNCTION public.fault();
CREATE TRIGGER fault AFTER INSERT ON sceau.messages FOR EACH STATEMENT EXECUTE FUNCTION public.fault();
CREATE CONSTRAINT TRIGGER late_fault AFTER INSERT ON sceau.openings DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION public.fault();`

const lucky = `
DROP TRIGGER fault ON sceau.entries;
DROP TRIGGER fault ON sceau.escalations;
DROP TRIGGER fault ON sceau.conversations;
DROP TRIGGER fault ON sceau.messages;
DROP TRIGGER late_fault ON sceau.openings;
DROP FUNCTION public.fault();
DROP SEQUENCE public.fault_n;`

// TestConflicts: PostgreSQL answers with serialization failures and deadlocks,
// in every place where it can. Each act is tried again or refused, and never done
// twice.
func TestConflicts(t *testing.T) {
	needServers(t)
	r := begin(t)
	w := newWorld(r, func(cfg *devstack.PostgresConfig) { cfg.Settings = map[string]string{"deadlock_timeout": "100ms"} }, nil)
	c := newCrowd(w, 2)
	r.rounds(1, func(round int) {
		w.insist(fmt.Sprintf(unlucky, r.rng.Int64N(1<<31), 15+r.rng.IntN(25)))
		if round == 0 {
			c.come(4, 3)
		}
		before := c.acked.Load()
		r.until(30*time.Second, func() bool { return c.acked.Load() > before+250 })
		r.count("tried", w.super(`SELECT last_value FROM public.fault_n`)[0].(int64))
		w.insist(lucky)
		for range 3 {
			w.deadlock(c)
		}
		c.recovers(c.faces[0])
	})
	c.check()
}

// insist runs statements as the superuser until they succeed: they change tables
// that others use, and may be a deadlock's victim themselves.
func (w *world) insist(sql string) {
	w.Helper()
	var err error
	if _, ok := w.until(30*time.Second, func() bool { err = w.script(sql); return err == nil || !pgfault.Unavailable(err) }); !ok || err != nil {
		w.Fatal(err)
	}
}

// script runs statements as the superuser, all or none.
func (w *world) script(sql string) error {
	conn, err := pgx.Connect(w.Context(), w.url(devstack.Superuser))
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	_, err = conn.PgConn().Exec(w.Context(), sql).ReadAll()
	return err
}

// deadlock has a foreign session hold what an act needs, and want what it holds.
func (w *world) deadlock(c *crowd) {
	w.Helper()
	f := c.faces[0]
	s, err := c.begun(f, w.staff["amal"])
	w.must(err)
	w.must(c.request(f, s, w.staff["amal"], "connection"))
	conn, err := pgx.Connect(w.Context(), w.url(devstack.Superuser))
	w.must(err)
	defer conn.Close(context.Background())
	_, err = conn.Exec(w.Context(), `BEGIN`)
	w.must(err)
	_, err = conn.Exec(w.Context(), `SELECT 1 FROM sceau.escalations WHERE escalation_id = $1 FOR UPDATE`, s.esc)
	w.must(err)
	done := make(chan error, 1)
	go func() {
		k := pglog.Idempotency{Actor: w.staff["amal"].ID, Key: key(), Body: []byte("withdraw")}
		done <- c.escalate("withdraw", s, func(ctx context.Context) (escalationstore.Receipt, error) {
			return f.escalations.Withdraw(ctx, k, w.staff["amal"].Actor, s.esc)
		})
	}()
	w.until(2*time.Second, func() bool {
		row, err := w.ask(`SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE sceau.escalations%'`)
		return err == nil && row[0].(int64) > 0
	})
	_, err = conn.Exec(w.Context(), `SELECT 1 FROM sceau.log_head FOR UPDATE`)
	w.Logf("the foreign session: %v", err)
	w.count("deadlocks", 1)
	_, err = conn.Exec(w.Context(), `ROLLBACK`)
	w.must(err)
	if err := <-done; err != nil || s.state != escalation.Withdrawn {
		w.Errorf("after the deadlock: %v, %v", s.state, err)
	}
}
