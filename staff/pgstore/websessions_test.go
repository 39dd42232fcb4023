package pgstore_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/staff/pgstore"
)

func TestAWebSessionLastsWhileSomebodyIsThere(t *testing.T) {
	ctx, db := t.Context(), pgtest.New(t)
	web, id := pgstore.NewWebSessions(db.Pool(t, "sceau_staff")), sha256.Sum256([]byte("cookie"))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	later := func(column, by string) {
		t.Helper()
		_, err := db.Super.Exec(ctx, fmt.Sprintf(`UPDATE sceau.web_sessions SET %s = %[1]s - interval '%s'`, column, by))
		must(err)
	}
	const idle = 15 * time.Minute
	must(web.Begin(ctx, id, []byte("sealed"), time.Now().Add(10*time.Hour)))
	later("active_at", "14 minutes")
	got, err := web.Find(ctx, id, idle)
	must(err)
	if string(got.Sealed) != "sealed" || got.Generation != 1 || got.Idle < 14*time.Minute || got.Idle > 15*time.Minute {
		t.Errorf("got %+v", got)
	}
	must(web.Active(ctx, id, idle))
	later("active_at", "14 minutes")
	_, err = web.Find(ctx, id, idle)
	must(err)
	later("active_at", "1 minute")
	if _, err := web.Find(ctx, id, idle); !errors.Is(err, pgstore.ErrNoWebSession) {
		t.Errorf("nobody was there for a quarter of an hour: %v", err)
	}
	must(web.Active(ctx, id, idle))
	if _, err := web.Find(ctx, id, idle); !errors.Is(err, pgstore.ErrNoWebSession) {
		t.Errorf("what had ended came back: %v", err)
	}
	must(web.Prune(ctx, idle))
	if n := count(t, db, `SELECT count(*) FROM sceau.web_sessions`); n != 0 {
		t.Errorf("%d are kept though over", n)
	}

	must(web.Begin(ctx, id, []byte("sealed"), time.Now().Add(time.Hour)))
	later("expires_at", "1 hour")
	if _, err := web.Find(ctx, id, idle); !errors.Is(err, pgstore.ErrNoWebSession) {
		t.Errorf("after its absolute end: %v", err)
	}
	must(web.Prune(ctx, idle))
	if n := count(t, db, `SELECT count(*) FROM sceau.web_sessions`); n != 0 {
		t.Errorf("%d are kept though over", n)
	}
}

// Whoever renews replaces what was read; what has ended meanwhile stays ended.
func TestOneRenewsAWebSession(t *testing.T) {
	ctx, db := t.Context(), pgtest.New(t)
	web, id := pgstore.NewWebSessions(db.Pool(t, "sceau_staff")), sha256.Sum256([]byte("cookie"))
	if err := web.Begin(ctx, id, []byte("one"), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	var mine atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			is, err := web.Renewing(ctx, id, 1, time.Minute)
			if err != nil {
				t.Error(err)
			}
			if is {
				mine.Add(1)
			}
		})
	}
	all.Wait()
	if n := mine.Load(); n != 1 {
		t.Fatalf("%d renew at the same time", n)
	}
	if err := web.Replace(ctx, id, 1, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if err := web.Replace(ctx, id, 1, []byte("again")); !errors.Is(err, pgstore.ErrNoWebSession) {
		t.Errorf("replaced what was replaced: %v", err)
	}
	if is, err := web.Renewing(ctx, id, 1, time.Minute); is || err != nil {
		t.Errorf("renews what was renewed: %v, %v", is, err)
	}
	if is, err := web.Renewing(ctx, id, 2, time.Minute); !is || err != nil {
		t.Errorf("the next renewal: %v, %v", is, err)
	}
	if err := web.End(ctx, id); err != nil {
		t.Fatal(err)
	}
	if err := web.Replace(ctx, id, 2, []byte("three")); !errors.Is(err, pgstore.ErrNoWebSession) {
		t.Errorf("a session that was ended came back: %v", err)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.web_sessions`); n != 0 {
		t.Error("a session that was ended is there")
	}
}

func TestSignedOutEverywhere(t *testing.T) {
	ctx := t.Context()
	sessions, db := newSessions(t)
	first, err := sessions.Of(ctx, amal("s0"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	const more = 60 // more than one turn of the log ends
	for i := 1; i <= more; i++ {
		if _, err := sessions.Of(ctx, amal(fmt.Sprintf("s%d", i)), []string{"agent", "supervisor"}[i%2]); err != nil {
			t.Fatal(err)
		}
	}
	twin := amal("twin")
	twin.Subject = "amal-mobile"
	if _, err := sessions.Of(ctx, twin, "agent"); err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignOutEverywhere(ctx, first.Actor); err != nil {
		t.Fatal(err)
	}
	for i := range more + 1 {
		if _, err := sessions.Of(ctx, amal(fmt.Sprintf("s%d", i)), ""); !errors.Is(err, pgstore.ErrEnded) {
			t.Errorf("session %d: %v", i, err)
		}
	}
	if _, err := sessions.Of(ctx, twin, ""); err != nil {
		t.Errorf("another account: %v", err)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.entries e JOIN sceau.staff_sessions s
		ON s.session_id = convert_from(e.leaf, 'UTF8')::jsonb->'actor'->>'session' AND s.role = convert_from(e.leaf, 'UTF8')::jsonb->'actor'->>'role'
		WHERE e.action = 'staff.signed_out'`); n != more+1 {
		t.Errorf("%d entries for %d sessions", n, more+1)
	}
	if err := sessions.SignOutEverywhere(ctx, first.Actor); err != nil {
		t.Errorf("signed out already: %v", err)
	}
}
