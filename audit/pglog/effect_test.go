package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

func impatient(cfg *pglog.Config) {
	cfg.EffectTimeout = 300 * time.Millisecond
	cfg.LockTimeout = 500 * time.Millisecond
}

// note is state that effects of these tests change: a unit named text.
func note(ctx context.Context, turn *pglog.Turn, text string) error {
	_, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.units (unit_id, issuer, claim) VALUES ($1, 'test', $1)`, text)
	return err
}

func noted(t *testing.T, db *pgtest.DB, text string) bool {
	t.Helper()
	var there bool
	if err := db.Super.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM sceau.units WHERE unit_id = $1)`, text).Scan(&there); err != nil {
		t.Fatal(err)
	}
	return there
}

func entries(t *testing.T, db *pgtest.DB) int64 {
	t.Helper()
	h, err := pglog.ReadHead(t.Context(), db.Super)
	if err != nil {
		t.Fatal(err)
	}
	return h.Next
}

var errRefused = errors.New("refused")

// Each of these turns goes wrong in its own way, among neighbours that do not:
// it must leave nothing behind, and its neighbours must not notice.
func TestOneBadEffectAmongGoodOnes(t *testing.T) {
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	bad := map[string]struct {
		effect pglog.Effect
		want   error  // or
		text   string // in the error
	}{
		"returns an error": {want: errRefused, effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			if _, err := turn.Append(signedIn(666)); err != nil {
				return nil, err
			}
			return nil, errRefused
		}},
		"breaks a constraint": {text: "duplicate key", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			return nil, note(ctx, turn, "bad")
		}},
		"passes over a broken constraint": {text: "passed over", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			_ = note(ctx, turn, "bad")
			_ = note(ctx, turn, "bad")
			_, err := turn.Append(signedIn(666))
			return nil, err
		}},
		"waits in SQL": {want: pglog.ErrEffectTimeout, effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			_, err := turn.Tx.Exec(ctx, `SELECT pg_sleep(60)`)
			return nil, err
		}},
		"waits in many small steps": {want: pglog.ErrEffectTimeout, effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			for range 600 {
				if _, err := turn.Tx.Exec(ctx, `SELECT pg_sleep(0.1)`); err != nil {
					return nil, errRefused
				}
			}
			return nil, errRefused
		}},
		"never comes back": {want: pglog.ErrEffectTimeout, effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			<-block
			return nil, nil
		}},
		"leaves a query half read": {text: "half read", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			_, err := turn.Tx.Query(ctx, `SELECT generate_series(1, 100000)`)
			return nil, err
		}},
		"changes state without an entry": {effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			return "nothing happened", note(ctx, turn, "bad")
		}},
		"commits by itself": {text: "commits by returning nil", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			return nil, turn.Tx.Commit(ctx)
		}},
		"appends another's action": {text: "not for staff", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			d := signedIn(666)
			d.Action = audit.ActionIdentityReleased
			_, err := turn.Append(d)
			return nil, err
		}},
		"appends an action the database does not know": {text: "may not append", effect: func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if err := note(ctx, turn, "bad"); err != nil {
				return nil, err
			}
			d := signedIn(666)
			d.Action = "staff.promoted"
			_, err := turn.Append(d)
			return nil, err
		}},
	}
	for name, c := range bad {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.New(t)
			l := open(t, db, audit.ViaStaff, impatient)

			var wg sync.WaitGroup
			for n, who := range []string{"one", "two", "three", "four"} {
				wg.Go(func() {
					_, err := l.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
						if err := note(ctx, turn, who); err != nil {
							return nil, err
						}
						_, err := turn.Append(signedIn(n))
						return nil, err
					})
					if err != nil {
						t.Errorf("neighbour %s: %v", who, err)
					}
				})
			}
			_, err := l.Do(t.Context(), pglog.Idempotency{}, c.effect)
			switch {
			case c.want != nil && !errors.Is(err, c.want):
				t.Errorf("got %v, want %v", err, c.want)
			case c.text != "" && (err == nil || !strings.Contains(err.Error(), c.text)):
				t.Errorf("got %v, want something with %q", err, c.text)
			case c.want == nil && c.text == "" && err != nil:
				t.Error(err)
			}
			wg.Wait()
			if noted(t, db, "bad") {
				t.Error("the bad effect's change of state is there")
			}
			if got := entries(t, db); got != 4 {
				t.Errorf("%d entries, want those of the four neighbours", got)
			}
		})
	}
}

// What the database finds wrong only at COMMIT breaks the batch: each caller then
// gets one of its own, and only the one at fault fails.
func TestAFaultFoundAtCommitIsItsOwnersAlone(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaCustodian)
	key := func(id, class string) pglog.Draft {
		return pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionKeyCreated, Case: id, Subject: audit.Subject{Type: "key", ID: class}}
	}
	newCase := func(id string, honest bool) pglog.Effect {
		return func(ctx context.Context, turn *pglog.Turn) (any, error) {
			ref, err := turn.Append(key(id, "transcript"))
			if err != nil {
				return nil, err
			}
			if _, err := turn.Append(key(id, "identity")); err != nil {
				return nil, err
			}
			seq := ref.Seq
			if !honest {
				seq++ // another's entry, or none
			}
			_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq)
				VALUES ($1, '', '', $2, $3)`, id, seq, ref.Seq+1)
			return nil, err
		}
	}
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			id := fmt.Sprintf("0b7b4b44-7a3b-4b43-9d2f-%012d", n)
			_, err := l.Do(t.Context(), pglog.Idempotency{}, newCase(id, n != 7))
			if (err != nil) != (n == 7) {
				t.Errorf("case %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	if n := entries(t, db); n != 2*19 {
		t.Errorf("%d entries of 19 honest callers", n)
	}
}

func TestAPanicReachesItsCallerAlone(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	func() {
		defer func() {
			if p := recover(); p == nil || !strings.Contains(p.(string), "from the effect") {
				t.Errorf("recovered %v", p)
			}
		}()
		_, _ = l.Do(t.Context(), pglog.Idempotency{}, func(context.Context, *pglog.Turn) (any, error) { panic("from the effect") })
	}()
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Errorf("the log stopped: %v", err)
	}
}

// An effect must judge by all that is before it in the log, also by what its
// batch has not written yet.
func TestEffectsOfOneBatchSeeEachOther(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	joined := func(n int) pglog.Draft {
		d := signedIn(n)
		d.Action, d.Case = audit.ActionConversationJoined, caseA
		return d
	}
	const callers = 40
	var mu sync.Mutex
	won := 0
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			a, err := l.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
				there, err := turn.ByCase(ctx, caseA, 0)
				if err != nil {
					return false, err
				}
				for _, r := range there {
					if r.Action == audit.ActionConversationJoined {
						return false, nil
					}
				}
				_, err = turn.Append(joined(n))
				return true, err
			})
			var first bool
			if err == nil {
				err = a.Decode(&first)
			}
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if first {
				won++
			}
		})
	}
	wg.Wait()
	if won != 1 || entries(t, db) != 1 {
		t.Errorf("%d were first, %d entries", won, entries(t, db))
	}
}

// A turn that kept its transaction must not reach into its neighbours'.
func TestATurnThatIsOverDoesNothing(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	var kept *pglog.Turn
	_, err := l.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		kept = turn
		_, err := turn.Append(signedIn(1))
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := kept.Tx.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("its transaction still takes statements")
	}
	if _, err := kept.Append(signedIn(2)); err == nil {
		t.Error("it still takes entries")
	}
	if n := entries(t, db); n != 1 {
		t.Errorf("%d entries", n)
	}
}

// A clock that was set back must be seen, and no deadline judged by it.
func TestAClockThatTrailsIsSaidOnce(t *testing.T) {
	db := pgtest.New(t)
	ahead := time.Now().Add(time.Hour).UTC().Truncate(time.Microsecond)
	attack(t, db.Super, `ALTER TABLE sceau.log_head DISABLE TRIGGER ALL`)
	attack(t, db.Super, `UPDATE sceau.log_head SET at = $1`, ahead)
	attack(t, db.Super, `ALTER TABLE sceau.log_head ENABLE ALWAYS TRIGGER moved_by_entries_only`)
	attack(t, db.Super, `ALTER TABLE sceau.log_head ENABLE ALWAYS TRIGGER never_removed`)
	l := open(t, db, audit.ViaCustodian)
	for range 3 {
		_, err := l.Do(t.Context(), pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
			if !turn.ClockTrails {
				t.Error("the turn was not told")
			}
			if !turn.At.Equal(ahead) {
				t.Errorf("its time is %v: before the head's, %v", turn.At, ahead)
			}
			_, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionConversationRead, Case: caseA})
			return nil, err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	said := 0
	for r, err := range pglog.Entries(t.Context(), db.Super, pglog.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Action == audit.ActionClockStepped {
			said++
		}
	}
	if said != 1 || entries(t, db) != 4 {
		t.Errorf("clock.stepped %d times among %d entries", said, entries(t, db))
	}
}
