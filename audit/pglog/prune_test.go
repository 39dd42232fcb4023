package pglog_test

import (
	"context"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// An answer is forgotten when nobody can be asking again, not before, and each process
// forgets its own; even one that asks nobody cannot forget a fresh one.
func TestOldAnswersArePruned(t *testing.T) {
	db := pgtest.New(t)
	staff, operator := open(t, db, audit.ViaStaff), open(t, db, audit.ViaOperator)
	ask := func(l *pglog.Log, key string, d pglog.Draft) (replayed bool) {
		t.Helper()
		a, err := l.Do(t.Context(), pglog.Idempotency{Actor: "a", Key: key}, func(_ context.Context, turn *pglog.Turn) (any, error) {
			_, err := turn.Append(d)
			return nil, err
		})
		if err != nil {
			t.Fatal(err)
		}
		return a.Replayed
	}
	exported := pglog.Draft{Actor: audit.Actor{ID: "operator"}, Action: audit.ActionLogExported}
	const old, fresh = "an old request's key", "a fresh request's key"
	ask(staff, old, signedIn(1))
	ask(operator, old, exported)
	if _, err := db.Super.Exec(t.Context(), `UPDATE sceau.idempotency SET at = at - interval '25 hours'`); err != nil {
		t.Fatal(err)
	}
	ask(staff, fresh, signedIn(2))
	count := func() (n int) {
		if err := db.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.idempotency`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n, err := staff.PruneAnswers(t.Context(), 26*time.Hour); err != nil || n != 0 {
		t.Errorf("too early: %d, %v", n, err)
	}
	for _, keep := range []time.Duration{time.Minute, 0, -time.Hour} {
		if n, err := staff.PruneAnswers(t.Context(), keep); err == nil || n != 0 {
			t.Errorf("answers of %s ago are pruned: %d", keep, n)
		}
	}
	if _, err := db.Pool(t, "sceau_staff").Exec(t.Context(), `DELETE FROM sceau.idempotency WHERE at > now() - interval '59 minutes'`); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 3 {
		t.Errorf("%d answers are left of 3", n)
	}
	if n, err := staff.PruneAnswers(t.Context(), pglog.KeepAnswers); err != nil || n != 1 || count() != 2 {
		t.Errorf("pruned %d, %v; %d are left", n, err, count())
	}
	if !ask(staff, fresh, signedIn(2)) || !ask(operator, old, exported) {
		t.Error("an answer was forgotten that was to be kept")
	}
	if ask(staff, old, signedIn(3)) {
		t.Error("an answer was kept that was to be forgotten")
	}
	// What a process asks for at least, and what the database holds it to, is one time.
	var held time.Duration
	if err := db.Super.QueryRow(t.Context(), `SELECT (regexp_match(qual, '''([^'']+)''::interval'))[1]::interval
		FROM pg_policies WHERE policyname = 'kept_for_an_hour'`).Scan(&held); err != nil {
		t.Fatal(err)
	}
	_, sooner := staff.PruneAnswers(t.Context(), held-time.Microsecond)
	if _, err := staff.PruneAnswers(t.Context(), held); err != nil || sooner == nil {
		t.Errorf("the database keeps answers for %s; to prune after that: %v, and sooner: %v", held, err, sooner)
	}
}
