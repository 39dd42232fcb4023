package faults_test

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
)

// TestRestoredFromAnOlderBackup: an operator puts a backup of yesterday in place.
// A grant that was used up since is open again in it: the custodian opens
// nothing, says why, and goes on by itself when the right data is back.
func TestRestoredFromAnOlderBackup(t *testing.T) {
	needServers(t)
	begin(t).anew(restoredFromAnOlderBackup)
}

func restoredFromAnOlderBackup(r *trial) {
	w := newWorld(r, func(*devstack.PostgresConfig) {}, nil)
	w.allowReplication()
	c := newCrowd(w, 1)
	f := c.faces[0]
	story, err := c.granted(f)
	r.must(err)
	backup := w.backup("backup")
	r.must(c.release(story, w.staff["amal"], "connection"))

	// The backup takes the server's place.
	pg := w.server.Postgres
	r.must(pg.Stop(r.Context()))
	data, aside := filepath.Join(pg.Dir, "data"), filepath.Join(pg.Dir, "data.aside")
	r.must(os.Rename(data, aside))
	r.must(os.Rename(filepath.Join(backup, "data"), data))
	r.must(pg.Restart(r.Context()))
	w.refusesALogThatLostEntries(c, story)
	w.gate.stop()
	w.gate.start()
	w.refusesALogThatLostEntries(c, story)

	// The right data is found again.
	r.must(pg.Stop(r.Context()))
	r.must(os.RemoveAll(data))
	r.must(os.Rename(aside, data))
	r.must(pg.Restart(r.Context()))
	c.recovers(f)
	c.check()
}

// refusesALogThatLostEntries: every order is refused for that reason, Vault is
// not asked, and the operator is told.
func (w *world) refusesALogThatLostEntries(c *crowd, s *story) {
	w.Helper()
	if _, ok := w.until(recovery, func() bool { return slices.Contains(strings.Split(w.gate.down(), ","), "head") }); !ok {
		w.Errorf("the custodian waits for %q, want head", w.gate.down())
	}
	before := w.keyReads(s)
	ctx := context.Background()
	for what, try := range map[string]func() error{
		"release": func() error {
			_, err := w.gate.client.Release(ctx, order.Release{Caller: w.staff["amal"].caller, Escalation: s.esc, Facets: []string{"connection"}, IdempotencyKey: order.Secret(key())})
			return err
		},
		"reading": func() error {
			_, err := w.gate.client.OpenSession(ctx, order.OpenSession{Caller: w.staff["amal"].caller, Case: s.id})
			return err
		},
		"evidence": func() error {
			_, err := w.gate.client.Evidence(ctx, order.ReadEvidence{Caller: w.staff["diane"].caller, Escalation: s.esc})
			return err
		},
	} {
		if err := try(); err == nil || reason(err) != order.CodeRolledBack {
			w.Errorf("%s: %v, want %s", what, err, order.CodeRolledBack)
		}
	}
	if after := w.keyReads(s); after != before {
		w.Errorf("Vault was asked for %d keys all the same", after-before)
	}
	if _, ok := w.until(recovery, func() bool { return w.gate.said("PostgreSQL lost or replaced entries") }); !ok {
		w.Error("the operator was not told")
	}
}

// keyReads is how often Vault was asked for a key of a case so far.
func (w *world) keyReads(s *story) (n int) {
	w.Helper()
	for _, a := range w.vault.Audit(w.T) {
		if a.Type == "request" && a.Request.Operation == "read" && strings.HasPrefix(a.Request.Path, devstack.CasesMount+"/data/"+s.id) {
			n++
		}
	}
	return n
}
