package faults_test

import (
	"encoding/hex"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
)

// TestPausedBetweenEntryAndKey: the custodian's whole process stands still after
// an entry that allows a key is durable, for longer than such an entry is good
// for: 7 s, in the long form a minute. What the entry rests on may have changed
// since: it must not read the key, and must say that it did not. Vault's own
// record is what tells.
func TestPausedBetweenEntryAndKey(t *testing.T) {
	needServers(t)
	r := begin(t)
	w := newWorld(r, func(*devstack.PostgresConfig) {}, nil)
	c := newCrowd(w, 1)
	pause := 7 * time.Second
	if r.long > 0 {
		pause = time.Minute
	}
	r.rounds(1, func(int) {
		story, err := c.granted(c.faces[0])
		r.must(err)
		w.gate.pauseAt(custodian.StepIntentDurable)
		answered := make(chan error, 1)
		go func() {
			_, err := w.gate.client.Release(r.Context(), order.Release{Caller: w.staff["amal"].caller, Escalation: story.esc,
				Facets: []string{"connection"}, IdempotencyKey: order.Secret(key())})
			answered <- err
		}()
		if _, ok := r.until(recovery, w.gate.paused); !ok {
			r.Fatal("the custodian does not stop")
		}
		intent := w.last(story, audit.ActionIdentityReleaseOrdered)
		if intent == nil {
			r.Fatal("it stopped, and there is no intent")
		}
		r.wait(pause)
		r.must(syscall.Kill(w.gate.proc.PID(), syscall.SIGCONT))
		err = <-answered
		if want := order.CodeTooLate; reason(err) != want && (pause < order.Timeout || reason(err) != "custodian.unavailable") {
			r.Errorf("the order that was paused: %v, want %s", err, want)
		}
		var outcome *pglog.Record
		if _, ok := r.until(recovery, func() bool { outcome = w.last(story, audit.ActionIdentityReleaseFailed); return outcome != nil }); !ok {
			r.Fatal("the intent has no outcome")
		}
		if outcome.Details["intent"] != intent.Hash.String() || outcome.Details["code"] != order.CodeTooLate {
			r.Errorf("the outcome is %v of %v", outcome.Details["code"], outcome.Details["intent"])
		}
		for _, a := range w.vault.Audit(t) {
			if a.CorrelationID() == hex.EncodeToString(intent.Hash[:]) || a.Request.Operation == "read" && strings.HasSuffix(a.Request.Path, story.id+"/identity") {
				r.Errorf("Vault was asked for %s", a.Request.Path)
			}
		}
		// The use came back: the same grant opens, under an intent of its own.
		r.must(c.release(story, w.staff["amal"], "connection"))
		r.count("paused_s", int64(pause.Seconds()))
	})
	c.recovers(c.faces[0])
	c.check()
}

// last is the last entry of a case with an action, nil when there is none.
func (w *world) last(s *story, action audit.Action) (last *pglog.Record) {
	w.Helper()
	records, err := pglog.ByCase(w.Context(), w.db.Super, s.id, 0)
	w.must(err)
	for i, e := range records {
		if e.Action == action {
			last = &records[i]
		}
	}
	return last
}
