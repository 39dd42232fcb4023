package custodian_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
)

// Whoever can append in the custodian's name destroys nothing by saying that it is
// destroyed: with no decision, with one that nobody made, under a hold, in the name of
// an erasure that nobody granted; nor when it is said to have been long ago.
func TestForgedDestructionsDestroyNothing(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	nora := w.hire("nora", "P-N", "privacy_officer")
	bare, decided, held, erased := w.open("a"), w.open("b"), w.open("c"), w.open("d")
	w.must(w.public.CloseAsMinor(ctx, decided.id, key()))
	_, err := w.keeping().Set(ctx, pglog.Idempotency{}, nora.Actor, held.id, "proceedings")
	w.must(err)
	forge := func(k talk, change func(*pglog.Draft)) {
		t.Helper()
		for _, class := range []string{"transcript", "identity"} {
			d := destroyed(k)
			d.Subject.ID = class
			change(&d)
			_, err := w.log(audit.ViaCustodian).Append(ctx, d)
			w.must(err)
		}
	}
	asked, err := w.public.RequestErasure(ctx, erased.id, key())
	w.must(err)
	forge(bare, func(d *pglog.Draft) { d.Decision = nil })
	forge(decided, func(*pglog.Draft) {})
	forge(held, func(*pglog.Draft) {})
	forge(erased, func(d *pglog.Draft) {
		d.Details = audit.Details{"reason": policy.DestroyErasure, "erasure": asked.ID}
	})
	all := func(when string) {
		t.Helper()
		w.eventually("the custodian disbelieves", func() bool { return w.gauge("sceau_custodian_destructions_unfounded") == 8 })
		time.Sleep(300 * time.Millisecond)
		for what, k := range map[string]talk{"bare": bare, "decided": decided, "held": held, "erased": erased} {
			if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
				t.Errorf("%s: a key was destroyed %s", what, when)
			}
		}
	}
	all("at once")
	// Nor at the next start, with or without its memory of what is destroyed.
	w.restart()
	w.ready()
	all("after a restart")
	w.stop()
	w.config.StateDir = t.TempDir()
	w.start()
	w.ready()
	all("in another state directory")
	// And one that is granted is destroyed all the same, beside them.
	k := w.open("e")
	w.grantErasure(nora, k)
	w.destroyedInVault(k)
	// What was believed once is believed by the log alone, too.
	w.stop()
	w.config.StateDir = t.TempDir()
	w.start()
	w.ready()
	all("in a third")
}

// gauge is a metric of the gate.
func (w *world) gauge(name string) float64 {
	w.t.Helper()
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(w.gate)
	families, err := registry.Gather()
	w.must(err)
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	w.t.Fatalf("no metric %s", name)
	return 0
}

// PostgreSQL's clock alone ends the time of nothing: here the process is a year behind
// it, as if the database had jumped.
func TestAClockThatJumpsDestroysNothing(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	apart := 400 * 24 * time.Hour
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		c.RetentionEvery = 100 * time.Millisecond
		c.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			return time.Now().Add(-apart)
		}
	})
	ctx := context.Background()
	k := w.open("Il m'a frappée")
	w.must(w.public.CloseAsMinor(ctx, k.id, key()))
	w.activateChanged(func(s policy.Sources) {
		all := s.Data["sceau"].(map[string]any)["numbers"].(map[string]any)["retention"].(map[string]any)
		all["identity_unreleased_s"], all["transcript_s"], all["openings_s"] = 1, 1, 2
	})
	time.Sleep(2500 * time.Millisecond)
	if got := w.actions(k, audit.ActionConversationClosed); strings.Contains(got, "destroyed") || !w.inVault(k, "identity") {
		t.Errorf("destroyed by the database's clock: %s", got)
	}
	mu.Lock()
	apart = 0
	mu.Unlock()
	w.destroyedInVault(k)
}
