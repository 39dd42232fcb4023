package custodian_test

import (
	"context"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// Vault is restored while the custodian lives on: it is seen to, and meanwhile nobody
// is told that something waits.
func TestAVaultRestoredMeanwhileForgetsAgain(t *testing.T) {
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		often(c)
		c.RetentionEvery = 200 * time.Millisecond
	})
	nora, k := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée")
	restore := w.snapshot()
	w.grantErasure(nora, k)
	w.destroyedInVault(k)
	restore()
	w.destroyedInVault(k)
	if n := w.metric("sceau_custodian_destruction_backlog"); n != 0 {
		t.Errorf("%v keys wait", n)
	}
}

// An erasure that was granted and is not carried out is seen to wait; one that a hold
// keeps does not wait.
func TestAnErasureThatIsNotCarriedOutIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) { c.ErasureEvery = time.Hour })
	ctx := context.Background()
	nora, k := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée")
	const waits = "sceau_custodian_erasures_due_oldest_seconds"
	if oldest := w.metric(waits); oldest != 0 {
		t.Errorf("without any, %v s", oldest)
	}
	w.grantErasure(nora, k)
	w.exec(`UPDATE sceau.erasures SET decided_at = decided_at - interval '1 hour'`)
	if oldest := w.metric(waits); oldest < 3600 || oldest > 3660 {
		t.Errorf("it waits for %v s, want an hour", oldest)
	}
	if _, err := w.config.Pool.Exec(ctx, `UPDATE sceau.erasures SET destroyed_seq = decided_seq + 1`); err == nil {
		t.Error("noted as carried out, without an entry")
	}
	_, err := w.keeping().Set(ctx, pglog.Idempotency{}, nora.Actor, k.id, "proceedings")
	w.must(err)
	if oldest := w.metric(waits); oldest != 0 {
		t.Errorf("what a hold keeps waits for %v s", oldest)
	}
}
