package pglog_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

const key = "6f1d1c1e-6a0b-4d8e-8d53-000000000001"

type reply struct{ Token string }

func TestARequestIsDoneOnce(t *testing.T) {
	db := pgtest.New(t)
	processes := []*pglog.Log{open(t, db, audit.ViaStaff), open(t, db, audit.ViaStaff)}
	var replayed, fresh atomic.Int32
	var wg sync.WaitGroup
	for n := range 40 {
		wg.Go(func() {
			idem := pglog.Idempotency{Actor: "s-1", Key: key, Body: []byte("the body")}
			a, err := processes[n%2].Do(t.Context(), idem, func(ctx context.Context, turn *pglog.Turn) (any, error) {
				if err := note(ctx, turn, "once"); err != nil { // twice would break a constraint
					return nil, err
				}
				_, err := turn.Append(signedIn(n))
				return reply{Token: "the token"}, err
			})
			var r reply
			if err == nil {
				err = a.Decode(&r)
			}
			if err != nil || r.Token != "the token" {
				t.Errorf("answered %+v, %v", r, err)
			}
			if a.Replayed {
				replayed.Add(1)
			} else {
				fresh.Add(1)
			}
		})
	}
	wg.Wait()
	if fresh.Load() != 1 || replayed.Load() != 39 || entries(t, db) != 1 {
		t.Errorf("%d fresh answers, %d replayed, %d entries", fresh.Load(), replayed.Load(), entries(t, db))
	}
}

func TestWhichRequestsAreTheSame(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	ask := func(l *pglog.Log, d pglog.Draft, actor, key, body string) (pglog.Answer, error) {
		return l.Do(t.Context(), pglog.Idempotency{Actor: actor, Key: key, Body: []byte(body)},
			func(_ context.Context, turn *pglog.Turn) (any, error) {
				_, err := turn.Append(d)
				return reply{"t"}, err
			})
	}
	if _, err := ask(l, signedIn(1), "s-1", key, "body"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		actor, key, body string
		replayed         bool
		err              error
	}{
		{"s-1", key, "body", true, nil},
		{"s-1", key, "other", false, pglog.ErrIdempotencyMismatch},
		{"s-1", key, "", false, pglog.ErrIdempotencyMismatch},
		{"s-2", key, "body", false, nil},
		{"s-1", key + "0", "body", false, nil},
		{"s-1", "short", "body", false, pglog.ErrIdempotencyKey},
		{"s-1", strings.Repeat("x", 256), "body", false, pglog.ErrIdempotencyKey},
		{"s-1", strings.Repeat("é", 16), "body", false, pglog.ErrIdempotencyKey},
		{"s-1", "", "body", false, nil}, // no key: a new request each time
		{"s-1", "", "body", false, nil},
	} {
		a, err := ask(l, signedIn(1), c.actor, c.key, c.body)
		if a.Replayed != c.replayed || !errors.Is(err, c.err) {
			t.Errorf("%s %s %q: replayed %v, %v", c.actor, c.key, c.body, a.Replayed, err)
		}
	}
	// Another process's keys are its own.
	d := pglog.Draft{Actor: audit.Actor{ID: "s-1"}, Action: audit.ActionKeyCreated, Case: caseA}
	if a, err := ask(open(t, db, audit.ViaCustodian), d, "s-1", key, "body"); err != nil || a.Replayed {
		t.Errorf("the custodian was answered from another's keys: %v, %v", a.Replayed, err)
	}
}

// A request that failed was not done: its repeat is.
func TestARefusalIsNotRemembered(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	idem := pglog.Idempotency{Actor: "s-1", Key: key}
	_, err := l.Do(t.Context(), idem, func(_ context.Context, turn *pglog.Turn) (any, error) {
		if _, err := turn.Append(signedIn(1)); err != nil {
			return nil, err
		}
		return nil, errRefused
	})
	if !errors.Is(err, errRefused) {
		t.Fatal(err)
	}
	a, err := l.Do(t.Context(), idem, func(_ context.Context, turn *pglog.Turn) (any, error) {
		_, err := turn.Append(signedIn(2))
		return reply{"second"}, err
	})
	var r reply
	if err != nil || a.Replayed || a.Decode(&r) != nil || r.Token != "second" {
		t.Errorf("answered %+v, replayed %v, %v", r, a.Replayed, err)
	}
}

// The table must help nobody who has not made the request: neither the answer
// nor the body, nor a hash that would confirm a guess at either.
func TestStoredAnswersAreSealed(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	body := []byte("Lucie, 14 ans")
	_, err := l.Do(t.Context(), pglog.Idempotency{Actor: "s-1", Key: key, Body: body}, func(_ context.Context, turn *pglog.Turn) (any, error) {
		_, err := turn.Append(signedIn(1))
		return reply{"a secret token"}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	var row string
	var mac, plain []byte
	if err := db.Super.QueryRow(t.Context(), `SELECT i::text, body_mac, sha256($1) FROM sceau.idempotency i`, body).Scan(&row, &mac, &plain); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(row, "secret") || strings.Contains(row, key) || bytes.Equal(mac, plain) {
		t.Errorf("stored: %s", row)
	}
	for role, want := range map[string]int{"sceau_staff": 1, "sceau_public": 0, "sceau_custodian": 0} {
		var n int
		if err := db.Pool(t, role).QueryRow(t.Context(), `SELECT count(*) FROM sceau.idempotency`).Scan(&n); err != nil || n != want {
			t.Errorf("%s sees %d rows, %v", role, n, err)
		}
	}
	_, err = db.Pool(t, "sceau_public").Exec(t.Context(), `INSERT INTO sceau.idempotency SELECT 'staff', sha256('x'), sha256('y'), '', now()`)
	if code(err) != denied {
		t.Errorf("the public face planted an answer for staff: %v", err)
	}
}
