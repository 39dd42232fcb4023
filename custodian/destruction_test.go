package custodian_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
)

// often lets a custodian look for granted erasures all the time.
func often(c *custodian.Config) { c.ErasureEvery = 20 * time.Millisecond }

func (w *world) keeping() *retentionstore.Store {
	w.t.Helper()
	s, err := retentionstore.New(retentionstore.Config{
		Pool: w.Pool(w.t, "sceau_staff"), Log: w.staffLog, Policy: policystore.NewActive(w.verification()),
	})
	w.must(err)
	return s
}

// grantErasure has the minor ask, and a privacy officer grant it.
func (w *world) grantErasure(officer person, k talk) {
	w.t.Helper()
	ctx := context.Background()
	asked, err := w.public.RequestErasure(ctx, k.id, key())
	w.must(err)
	_, err = w.keeping().Decide(ctx, pglog.Idempotency{}, officer.Actor, asked.ID, policy.VerdictGranted, "")
	w.must(err)
}

// inVault says whether Vault holds the key, without reading it: that would be a
// reading without an entry, which the end of each test looks for.
func (w *world) inVault(k talk, class string) bool {
	w.t.Helper()
	s, err := w.vault.Root.Logical().Read("sceau-cases/metadata/" + k.id + "/" + class)
	w.must(err)
	if s == nil {
		return false
	}
	for _, v := range s.Data["versions"].(map[string]any) {
		if v.(map[string]any)["destroyed"] != true {
			return true
		}
	}
	return false
}

func (w *world) destroyedInVault(k talk) {
	w.t.Helper()
	w.eventually("both keys are destroyed in Vault", func() bool {
		return !w.inVault(k, "transcript") && !w.inVault(k, "identity")
	})
}

func (w *world) count(sql string, args ...any) (n int) {
	w.t.Helper()
	w.must(w.Super.QueryRow(context.Background(), sql, args...).Scan(&n))
	return n
}

func TestAnErasureDestroysEverything(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	amal, nora := w.hire("amal", "P-A", "agent"), w.hire("nora", "P-N", "privacy_officer")
	k, other := w.open("Il m'a frappée"), w.open("Bonjour")
	w.join(amal, k)
	w.join(amal, other)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	_, own, err := w.read(k.caller(), k)
	w.must(err)
	phrase, err := w.client.Phrase(ctx, order.NewPhrase{Caller: k.caller()})
	w.must(err)
	if w.count(`SELECT count(*) FROM sceau.openings WHERE case_id = $1`, k.id) == 0 {
		t.Fatal("there are no openings to erase")
	}
	before := w.count(`SELECT max(seq) FROM sceau.entries`)
	w.grantErasure(nora, k)
	w.destroyedInVault(k)

	if got := w.actions(k, audit.ActionErasureDecided); got != "erasure.decided key.destroyed key.destroyed openings.erased" {
		t.Errorf("the log says %s", got)
	}
	if n := w.count(`SELECT count(*) FROM sceau.openings WHERE case_id = $1 AND seq <= $2`, k.id, before); n != 0 {
		t.Errorf("%d openings are left", n)
	}
	if n := w.count(`SELECT count(*) FROM sceau.cases WHERE case_id = $1 AND transcript_destroyed_seq IS NOT NULL AND identity_destroyed_seq IS NOT NULL`, k.id); n != 1 {
		t.Error("the rows do not say so")
	}
	_, err = w.unwrap(amal.caller(), k, session.Session, 0, 1)
	w.refused("the agent's open session", err, order.CodeSession)
	_, err = w.unwrap(k.caller(), k, own.Session, 0, 1)
	w.refused("the minor's open session", err, order.CodeSession)
	_, _, err = w.read(k.caller(), k)
	w.refused("the minor reads", err, order.CodeDestroyed)
	_, err = w.client.Return(ctx, order.Return{Phrase: phrase.Phrase})
	w.refused("coming back", err, order.CodePhrase)
	_, err = w.client.Receipt(ctx, order.AskReceipt{Caller: k.caller()})
	w.refused("a receipt", err, order.CodeDestroyed)
	// Nobody can put a key where it was, the custodian least of all.
	for _, class := range []string{"transcript", "identity"} {
		if err := w.config.Vault.Create(ctx, k.id, class, "AGE-SECRET-KEY-1"); err == nil {
			t.Errorf("the %s key was made again", class)
		}
	}
	// The other child's conversation is as it was.
	texts, _, err := w.read(amal.caller(), other)
	w.must(err)
	if strings.Join(texts, "|") != "35000|Bonjour" {
		t.Errorf("the other conversation says %q", texts)
	}
}

// What a hold keeps is not destroyed, though the staff face, broken into, says that
// an erasure was granted, and the database says that there is no hold.
func TestAHoldKeeps(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	nora, k := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée")
	asked, err := w.public.RequestErasure(ctx, k.id, key())
	w.must(err)
	_, err = w.keeping().Set(ctx, pglog.Idempotency{}, nora.Actor, k.id, "proceedings")
	w.must(err)
	w.exec(`DELETE FROM sceau.holds`)
	_, err = w.staffLog.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		ref, err := turn.Append(pglog.Draft{Actor: nora.Actor, Action: audit.ActionErasureDecided, Case: k.id,
			Subject: audit.Subject{Type: "erasure", ID: asked.ID}, Details: audit.Details{"verdict": "granted"},
			Decision: destroyed(k).Decision})
		if err != nil {
			return nil, err
		}
		_, err = turn.Tx.Exec(ctx, `UPDATE sceau.erasures SET verdict = 'granted', decided_at = $2, decided_seq = $3 WHERE erasure_id = $1`, asked.ID, turn.At, ref.Seq)
		return nil, err
	})
	w.must(err)
	time.Sleep(500 * time.Millisecond) // some twenty sweeps
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Error("a key was destroyed")
	}
	if _, _, err := w.read(k.caller(), k); err != nil {
		t.Errorf("the minor cannot read: %v", err)
	}
}

// snapshot copies Vault's storage, and returns what puts it back.
func (w *world) snapshot() (restore func()) {
	w.t.Helper()
	storage := filepath.Join(w.vault.Dir, "storage")
	saved := filepath.Join(w.t.TempDir(), "storage")
	w.vault.Kill(w.t)
	w.must(os.CopyFS(saved, os.DirFS(storage)))
	w.vault.Restart(w.t)
	return func() {
		w.t.Helper()
		w.vault.Kill(w.t)
		w.must(os.RemoveAll(storage))
		w.must(os.CopyFS(storage, os.DirFS(saved)))
		w.vault.Restart(w.t)
	}
}

// Vault comes back from a snapshot of before the erasure: nothing is served until
// the keys are destroyed again.
func TestARestoredVaultForgetsAgain(t *testing.T) {
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	nora, k, other := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée"), w.open("Bonjour")
	restore := w.snapshot()
	w.grantErasure(nora, k)
	w.destroyedInVault(k)
	w.stop()
	restore()
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Fatal("the snapshot does not hold the keys: this test shows nothing")
	}
	let := make(chan struct{})
	w.config.Reached = func(s custodian.Step) {
		if s == custodian.StepDestroying {
			<-let
		}
	}
	w.start()
	w.eventually("the custodian has followed the log", func() bool {
		ready, err := w.client.Ready(ctx)
		return err == nil && ready.Progress != nil && ready.Progress.Doing == order.ProgressDestroying && ready.Progress.Of == 2
	})
	if ready, err := w.client.Ready(ctx); err != nil || ready.Ready || !strings.Contains(strings.Join(ready.Down, ","), "destruction") || ready.Progress.Done != 0 {
		t.Errorf("before: %+v, %v", ready, err)
	}
	_, _, err := w.read(other.caller(), other)
	w.refused("an order before", err, order.CodeStarting)
	w.vault.Seal(t)
	close(let)
	_, _, err = w.read(other.caller(), other)
	w.refused("an order while Vault is sealed", err, order.CodeVaultDown)
	w.vault.Unseal(t)
	w.eventually("the custodian is ready", func() bool {
		ready, err := w.client.Ready(ctx)
		return err == nil && ready.Ready && ready.Progress == nil
	})
	if w.inVault(k, "transcript") || w.inVault(k, "identity") {
		t.Error("it serves, and the keys are there")
	}
	if _, _, err := w.read(other.caller(), other); err != nil {
		t.Errorf("another child's conversation: %v", err)
	}
}

// The process dies between key.destroyed and Vault: here it stands still there, and
// another begins with the state directory as it was then.
func TestACrashBeforeVaultDestroysAfter(t *testing.T) {
	t.Parallel()
	var died atomic.Bool
	hold := make(chan struct{})
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		often(c)
		c.Reached = func(s custodian.Step) {
			if s == custodian.StepDestroyDurable {
				died.Store(true)
			}
			if died.Load() {
				<-hold
			}
		}
	})
	nora, k := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée")
	w.grantErasure(nora, k)
	w.eventually("the entry is there", died.Load)
	dead := w.stopped
	t.Cleanup(func() { close(hold); dead() })
	state := t.TempDir()
	for _, name := range []string{"head.json", "destroyed"} {
		raw, err := os.ReadFile(filepath.Join(w.config.StateDir, name))
		w.must(err)
		if strings.Contains(string(raw), k.id) {
			t.Errorf("%s knows of it already", name)
		}
		w.must(os.WriteFile(filepath.Join(state, name), raw, 0o600))
	}
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Fatal("a key was destroyed before the crash: this test shows nothing")
	}
	if got := w.actions(k, audit.ActionErasureDecided); got != "erasure.decided key.destroyed key.destroyed openings.erased" {
		t.Errorf("the log says %s", got)
	}
	w.config.StateDir, w.config.Reached = state, nil
	w.start()
	w.ready()
	if w.inVault(k, "transcript") || w.inVault(k, "identity") {
		t.Error("it serves, and the keys are there")
	}
}

// PostgreSQL comes back from a backup of before the erasure, the operator goes on
// with it, and Vault is restored too: what was promised still holds.
func TestWhatTheLogForgotStaysDestroyed(t *testing.T) {
	w := newWorldOn(t, pgtest.New(t), often)
	nora, k := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée")
	restore := w.snapshot()
	w.grantErasure(nora, k)
	w.destroyedInVault(k)
	w.stop()
	restore()
	w.cut("erasure.requested")
	w.exec(`DELETE FROM sceau.erasures`)
	w.exec(`UPDATE sceau.cases SET transcript_destroyed_seq = NULL, identity_destroyed_seq = NULL`)
	w.must(os.Remove(filepath.Join(w.config.StateDir, "head.json"))) // as the log of the custodian tells the operator to
	w.start()
	w.ready()
	if w.inVault(k, "transcript") || w.inVault(k, "identity") {
		t.Error("it serves, and the keys are there")
	}
	_, _, err := w.read(k.caller(), k)
	w.refused("reading by the older log", err, order.CodeDestroyed)
}

// Whoever steals a snapshot of Vault after an erasure, and can unseal it, opens
// nothing with it.
func TestAStolenSnapshotOpensNothingErased(t *testing.T) {
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	nora, k, other := w.hire("nora", "P-N", "privacy_officer"), w.open("Il m'a frappée"), w.open("Bonjour")
	w.grantErasure(nora, k)
	w.destroyedInVault(k)
	w.vault.Kill(t)
	stolen := t.TempDir()
	w.must(os.CopyFS(stolen, os.DirFS(w.vault.Dir)))
	w.vault.Restart(t)
	binary, err := devstack.VaultBinary(ctx, nil)
	w.must(err)
	thief, err := devstack.StartVault(ctx, devstack.VaultConfig{Dir: stolen, Binary: binary})
	w.must(err)
	t.Cleanup(thief.Kill)
	w.must(thief.Root.Sys().DisableAudit("file")) // it would write into the file of the other
	has := func(k talk, class string) bool {
		s, err := thief.Root.Logical().Read("sceau-cases/data/" + k.id + "/" + class)
		w.must(err)
		return s != nil && s.Data["data"] != nil
	}
	if !has(other, "transcript") {
		t.Fatal("the thief does not even have the other keys: this test shows nothing")
	}
	for _, class := range []string{"transcript", "identity"} {
		if has(k, class) {
			t.Errorf("the thief has the %s key", class)
		}
	}
}

// Time alone destroys too, and under a hold it does not.
func TestRetentionDestroys(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) { c.RetentionEvery = 200 * time.Millisecond })
	ctx := context.Background()
	nora := w.hire("nora", "P-N", "privacy_officer")
	k, held := w.open("Il m'a frappée"), w.open("Lui aussi")
	_, err := w.keeping().Set(ctx, pglog.Idempotency{}, nora.Actor, held.id, "complaint")
	w.must(err)
	w.must(w.public.CloseAsMinor(ctx, k.id, key()))
	w.must(w.public.CloseAsMinor(ctx, held.id, key()))
	time.Sleep(600 * time.Millisecond)
	if !w.inVault(k, "identity") {
		t.Fatal("a key was destroyed before its time")
	}
	w.activateChanged(func(s policy.Sources) {
		all := s.Data["sceau"].(map[string]any)["numbers"].(map[string]any)["retention"].(map[string]any)
		all["identity_unreleased_s"], all["transcript_s"], all["openings_s"] = 1, 3, 5
	})
	w.destroyedInVault(k)
	w.eventually("the openings are erased", func() bool {
		return strings.HasSuffix(w.actions(k, audit.ActionConversationClosed), "conversation.closed key.destroyed key.destroyed openings.erased")
	})
	if !w.inVault(held, "identity") || !w.inVault(held, "transcript") {
		t.Error("what a hold keeps was destroyed")
	}
}

// ready waits until the custodian serves.
func (w *world) ready() {
	w.t.Helper()
	w.eventually("the custodian is ready", func() bool {
		ready, err := w.client.Ready(context.Background())
		return err == nil && ready.Ready
	})
}
