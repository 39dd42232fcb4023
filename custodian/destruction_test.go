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
	_, err = w.decides(officer, asked.ID, policy.VerdictGranted)
	w.must(err)
}

func (w *world) decides(officer person, erasure, verdict string) (order.Kept, error) {
	return w.client.DecideErasure(context.Background(), order.DecideErasure{
		Caller: officer.caller(), Erasure: erasure, Verdict: verdict, IdempotencyKey: order.Secret(key()),
	})
}

func (w *world) lifts(officer person, hold, reason string) (order.Kept, error) {
	return w.client.LiftHold(context.Background(), order.LiftHold{
		Caller: officer.caller(), Hold: hold, Reason: reason, IdempotencyKey: order.Secret(key()),
	})
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
	if n := w.count(`SELECT count(*) FROM sceau.erasures x JOIN sceau.entries e ON e.seq = x.destroyed_seq
		WHERE x.case_id = $1 AND e.action = 'openings.erased' AND e.case_id = x.case_id`, k.id); n != 1 {
		t.Error("the erasure is looked for for ever")
	}
	if oldest := w.metric("sceau_custodian_erasures_due_oldest_seconds"); oldest != 0 {
		t.Errorf("an erasure waits for %v s", oldest)
	}
	_, err = w.unwrap(amal.caller(), k, session.Session, 0, 1)
	w.refused("the agent's open session", err, order.CodeSession)
	_, err = w.unwrap(k.caller(), k, own.Session, 0, 1)
	w.refused("the minor's open session", err, order.CodeSession)
	_, _, err = w.read(k.caller(), k)
	w.refused("the minor reads", err, order.CodeDestroyed)
	_, err = w.client.Return(ctx, order.Return(phrase))
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

// What a hold keeps is not destroyed, though whoever has the database password of the
// custodian says that an erasure was granted, and the database says that there is no hold.
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
	w.must(w.forgeGrant(audit.ViaCustodian, nora.Actor, k, asked.ID))
	time.Sleep(500 * time.Millisecond) // some twenty sweeps
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Error("a key was destroyed")
	}
}

// forgeGrant appends, as a process that asks nobody, that an erasure was granted.
func (w *world) forgeGrant(via audit.Via, officer audit.Actor, k talk, erasure string) error {
	w.t.Helper()
	_, err := w.log(via).Do(context.Background(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		ref, err := turn.Append(pglog.Draft{Actor: officer, Action: audit.ActionErasureDecided, Case: k.id,
			Subject: audit.Subject{Type: "erasure", ID: erasure}, Details: audit.Details{"verdict": "granted"},
			Decision: decidedAt(k, policy.PointErasureDecide)})
		if err != nil {
			return nil, err
		}
		_, err = turn.Tx.Exec(ctx, `UPDATE sceau.erasures SET verdict = 'granted', decided_at = $2, decided_seq = $3 WHERE erasure_id = $1`, erasure, turn.At, ref.Seq)
		return nil, err
	})
	return err
}

// decidedAt is a decision that nobody made.
func decidedAt(k talk, p policy.Point) *audit.Decision {
	d := *destroyed(k).Decision
	d.Path = string(p)
	return &d
}

// The staff face alone, broken into, destroys nothing: it can neither lift a hold nor
// grant an erasure, in the name of an officer who exists or of one who does not.
func TestAFaceErasesNothing(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), often)
	ctx := context.Background()
	nora, amal := w.hire("nora", "P-N", "privacy_officer"), w.hire("amal", "P-A", "agent")
	diane := w.hire("diane", "P-D", "supervisor")
	k := w.open("Il m'a frappée")
	w.join(amal, k)
	asked, err := w.public.RequestErasure(ctx, k.id, key())
	w.must(err)
	h, err := w.keeping().Set(ctx, pglog.Idempotency{}, nora.Actor, k.id, "proceedings")
	w.must(err)
	nobody := audit.Actor{ID: "s-nobody", Person: "p-nobody", Role: "privacy_officer", Session: "x-never"}
	for _, officer := range []audit.Actor{nora.Actor, nobody} {
		if err := w.forgeGrant(audit.ViaStaff, officer, k, asked.ID); err == nil {
			t.Errorf("the staff face grants as %s", officer.ID)
		}
		_, err = w.staffLog.Append(ctx, pglog.Draft{Actor: officer, Action: audit.ActionHoldLifted, Case: k.id,
			Subject: audit.Subject{Type: "hold", ID: h.ID}, Details: audit.Details{"reason": "proceedings"}, Decision: decidedAt(k, policy.PointHoldLift)})
		if err == nil {
			t.Errorf("the staff face lifts as %s", officer.ID)
		}
	}
	// Nor does the custodian, for anybody else than a privacy officer who signed in.
	for what, c := range map[string]struct {
		caller order.Caller
		code   string
	}{
		"an agent":                           {amal.caller(), policy.ReasonRoleNotAllowed},
		"a supervisor":                       {diane.caller(), policy.ReasonRoleNotAllowed},
		"the minor":                          {k.caller(), order.CodeTokenInvalid},
		"nobody":                             {order.Caller{}, order.CodeTokenInvalid},
		"an agent who says to be an officer": {order.Caller{StaffToken: order.Secret(amal.token), Role: "privacy_officer"}, order.CodeRoleInvalid},
		"an officer with a token of another audience":  {w.changed(nora, func(c map[string]any) { c["aud"] = "sceau-staff" }), order.CodeTokenInvalid},
		"an officer of another session than signed in": {w.changed(nora, func(c map[string]any) { c["sid"] = "another" }), order.CodeTokenInvalid},
		"an officer whose token names another person":  {w.changed(nora, func(c map[string]any) { c["person"] = "P-X" }), order.CodeTokenInvalid},
	} {
		_, err := w.client.DecideErasure(ctx, order.DecideErasure{Caller: c.caller, Erasure: asked.ID, Verdict: "granted", IdempotencyKey: order.Secret(key())})
		w.refused(what+" grants", err, c.code)
		_, err = w.client.LiftHold(ctx, order.LiftHold{Caller: c.caller, Hold: h.ID, Reason: "proceedings", IdempotencyKey: order.Secret(key())})
		w.refused(what+" lifts", err, c.code)
	}
	_, err = w.client.DecideErasure(ctx, order.DecideErasure{Caller: nora.caller(), Erasure: asked.ID, Verdict: "granted"})
	w.refused("without an idempotency key", err, order.CodeMalformed)
	for _, id := range []string{k.id, "", "x"} {
		_, err = w.decides(nora, id, "granted")
		w.refused("no erasure", err, policy.ReasonErasureNotPending)
		_, err = w.lifts(nora, id, "proceedings")
		w.refused("no hold", err, policy.ReasonHoldUnknown)
	}
	_, err = w.decides(nora, asked.ID, "granted")
	w.refused("under the hold", err, policy.ReasonHoldSet)
	// A repeat is the same answer, and another request under its key is refused.
	o := order.DecideErasure{Caller: nora.caller(), Erasure: asked.ID, Verdict: "refused", Reason: "danger_persists", IdempotencyKey: order.Secret(key())}
	first, err := w.client.DecideErasure(ctx, o)
	w.must(err)
	again, err := w.client.DecideErasure(ctx, o)
	if w.must(err); first.Seq != again.Seq || first.Case != k.id || !first.At.Equal(again.At) || again.Case != k.id {
		t.Errorf("first %+v, again %+v", first, again)
	}
	o.Reason = "legal_hold"
	_, err = w.client.DecideErasure(ctx, o)
	w.refused("another answer under the key", err, order.CodeIdempotency)
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Error("a key was destroyed")
	}
}

// Whatever policy says, and whoever the officer: what a review must look into is kept.
func TestNobodyGrantsWhileAnEscalationIsOpen(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, pgtest.New(t), often)
	amal, nora := w.hire("amal", "P-A", "agent"), w.hire("nora", "P-N", "privacy_officer")
	w.hire("diane", "P-D", "supervisor")
	k := w.open("Il m'a frappée")
	w.join(amal, k)
	w.request(amal, k, "name")
	asked, err := w.public.RequestErasure(context.Background(), k.id, key())
	w.must(err)
	_, err = w.decides(nora, asked.ID, "granted")
	w.refused("granted", err, policy.ReasonErasureEscalationOpen)
	w.must(w.forgeGrant(audit.ViaCustodian, nora.Actor, k, asked.ID))
	time.Sleep(500 * time.Millisecond)
	if !w.inVault(k, "transcript") || !w.inVault(k, "identity") {
		t.Error("a key was destroyed")
	}
	_, _, err = w.read(amal.caller(), k)
	w.refused("reading on a history that cannot have happened", err, order.CodeLogAltered)
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
