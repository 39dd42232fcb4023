package faults_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// A bentClock is PostgreSQL's, as far as its processes can tell.
type bentClock struct {
	*trial
	file string
}

// bend has a server started with a clock that can be stepped while it runs.
func bend(r *trial, cfg *devstack.PostgresConfig) *bentClock {
	r.Helper()
	found, err := filepath.Glob("/usr/lib/*/faketime/libfaketime.so.1")
	r.must(err)
	if len(found) == 0 {
		if os.Getenv("CI") != "" {
			r.Fatal("no libfaketime: install faketime")
		}
		r.Skip("skipped: no libfaketime: install faketime")
	}
	b := &bentClock{trial: r, file: filepath.Join(filepath.Dir(cfg.Dir), "clock")}
	b.step(0)
	cfg.Env = []string{"LD_PRELOAD=" + found[0], "FAKETIME_TIMESTAMP_FILE=" + b.file, "FAKETIME_NO_CACHE=1",
		"DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_FAKE_MONOTONIC=1"}
	return b
}

// step sets how far PostgreSQL's clock is from the machine's.
func (b *bentClock) step(by time.Duration) {
	b.Helper()
	b.must(os.WriteFile(b.file+".new", fmt.Appendf(nil, "%+.3f\n", by.Seconds()), 0o644))
	b.must(os.Rename(b.file+".new", b.file))
}

// TestClockStepping: PostgreSQL's clock steps back under load. No entry is ever
// earlier than the one before; while the clock trails the log no identity is
// opened, which is refused with that reason, and the log says that it stepped;
// the rest goes on; and when the clock has caught up so does all.
func TestClockStepping(t *testing.T) {
	needServers(t)
	r := begin(t)
	var clock *bentClock
	w := newWorld(r, func(cfg *devstack.PostgresConfig) { clock = bend(r, cfg) }, nil)
	c := newCrowd(w, 2)
	f := c.faces[0]
	held, err := c.granted(f)
	r.must(err)
	waiting, err := c.begun(f, w.staff["amal"])
	r.must(err)
	r.must(c.request(f, waiting, w.staff["amal"], "connection"))
	c.come(3, 2)
	r.rounds(2, func(int) {
		c.wait(time.Duration(300+r.rng.IntN(700)) * time.Millisecond)
		// A little is no reason to refuse.
		clock.step(-time.Duration(1+r.rng.IntN(2)) * time.Second)
		r.must(c.release(held, w.staff["amal"], "connection"))
		back := time.Duration(30+r.rng.IntN(3600)) * time.Second
		clock.step(-back)
		r.count("steps", 2)
		for range 3 {
			_, err := w.gate.client.Release(r.Context(), order.Release{Caller: w.staff["amal"].caller, Escalation: held.esc,
				Facets: []string{"connection"}, IdempotencyKey: order.Secret(key())})
			if reason(err) != order.CodeClock {
				r.Errorf("%v behind, a release: %v, want %s", back, err, order.CodeClock)
			}
		}
		// Nor is the glass broken, whatever its time.
		request, err := audit.ParseHash(waiting.request)
		r.must(err)
		_, err = f.escalations.BreakGlass(r.Context(), pglog.Idempotency{}, w.staff["amal"].Actor, waiting.esc, request)
		var refused *policystore.Refused
		if !errors.As(err, &refused) || !slices.Contains(refused.Reasons, policy.ReasonClockTrails) {
			r.Errorf("%v behind, breaking the glass: %v, want %s", back, err, policy.ReasonClockTrails)
		}
		stepped := w.stepped()
		if len(stepped) == 0 {
			r.Fatal("the log does not say that the clock stepped")
		}
		last := stepped[len(stepped)-1]
		if behind, _ := last.Details["behind_ms"].(int64); time.Duration(behind)*time.Millisecond < back-10*time.Second {
			r.Errorf("the log says %d ms behind, it is %v", behind, back)
		}
		// Chat and what opens nothing go on.
		for range 3 {
			began := time.Now()
			r.must(c.say(f, held, nil, "Vous êtes là ?"))
			_, err := c.begun(f, w.staff["chloe"])
			r.must(err)
			if took := time.Since(began); took > recovery/2 {
				r.Errorf("while the clock trails, a conversation took %v", took)
			}
		}
		if _, err := w.gate.client.OpenSession(r.Context(), order.OpenSession{Caller: w.staff["amal"].caller, Case: held.id}); err != nil {
			r.Logf("while the clock trails, reading is refused too: %v", err)
		}
		clock.step(0)
		c.recovers(f)
	})
	c.check()
	r.count("said", int64(len(w.stepped())))
}

// stepped are the entries that say so.
func (w *world) stepped() (all []pglog.Record) {
	w.Helper()
	for e, err := range pglog.Entries(w.Context(), w.db.Super, pglog.Filter{Actions: []audit.Action{audit.ActionClockStepped}}) {
		w.must(err)
		all = append(all, e)
	}
	return all
}
