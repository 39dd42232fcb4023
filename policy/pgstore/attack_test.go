package pgstore_test

import (
	"errors"
	"maps"
	"strings"
	"sync"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
	"github.com/sceau-project/sceau/policy/pgstore"
)

// world is one in which the production policy is in force.
type world struct {
	*casetest.World
	t *testing.T
}

func newWorld(t *testing.T) world { return world{casetest.New(t, policy.Production), t} }

// inForce is the revision that this process believes, after a restart too.
func (w world) inForce() (string, error) {
	w.t.Helper()
	running, err := w.Policy.In(w.t.Context(), w.Super)
	restarted, errToo := pgstore.NewActive(w.Pinned()).In(w.t.Context(), w.Super)
	if (err == nil) != (errToo == nil) {
		w.t.Errorf("a process that runs says %v, and one that starts %v", err, errToo)
	}
	if err = errors.Join(err, errToo); err != nil {
		return "", err
	}
	if running.Revision() != restarted.Revision() {
		w.t.Errorf("a process that runs believes %s, and one that starts %s", running.Revision(), restarted.Revision())
	}
	return running.Revision(), nil
}

func (w world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w world) refused(what, why string) {
	w.t.Helper()
	revision, err := w.inForce()
	if !errors.Is(err, pgstore.ErrNone) || !strings.Contains(err.Error(), why) {
		w.t.Errorf("%s: %s, %v; it should say %q", what, revision, err, why)
	}
}

// laxer is a policy that somebody would rather have: its bundle lies ready.
func (w world) laxer() (bundle []byte, revision string) {
	w.t.Helper()
	bundle, err := devsigners.Bundle(policy.Demonstration)
	w.must(err)
	_, err = w.Super.Exec(w.t.Context(), `INSERT INTO sceau.policy_bundles (revision, bundle) VALUES ($1, $2)`, policy.Revision(bundle), bundle)
	w.must(err)
	return bundle, policy.Revision(bundle)
}

// write appends an activation as whoever has the password of the operator's role
// may, past the command.
func (w world) write(details audit.Details) {
	w.t.Helper()
	revision, _ := details["policy"].(string)
	_, err := w.Log(audit.ViaOperator).Append(w.t.Context(), pglog.Draft{
		Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated,
		Subject: audit.Subject{Type: activation.SubjectType, ID: revision}, Details: details,
	})
	w.must(err)
}

func (w world) latest() pglog.Record {
	w.t.Helper()
	r, err := pglog.LatestPolicyActivated(w.t.Context(), w.Super)
	w.must(err)
	return r
}

// One operator has the password of the database's role, one signing key, and all
// that others have signed before. It is not enough.
func TestOneOperatorAloneChangesNothing(t *testing.T) {
	w := newWorld(t)
	bundle, laxer := w.laxer()
	production, err := w.inForce()
	w.must(err)
	one := w.Signers.Two[0]
	signatures := func(origin string, serial int64) string {
		note, err := policy.Sign(policy.Statement{Origin: origin, Serial: serial, Revision: laxer}, nil, one.Private)
		w.must(err)
		_, line, _ := strings.Cut(string(note), "\n\n")
		fields := strings.Fields(line)
		return fields[1] + "=" + fields[2]
	}
	mine := signatures(pgtest.Origin, 2)
	genuine, _ := w.latest().Details["signatures"].(string)
	for _, attack := range []struct {
		what, why string
		details   audit.Details
	}{
		{"without signatures", "nobody signed it", audit.Details{"policy": laxer}},
		{"with one's own", "1 of 2 different persons", audit.Details{"policy": laxer, "serial": int64(2), "signers": "dev-one,dev-two", "signatures": mine}},
		{"with one's own twice", "1 of 2 different persons",
			audit.Details{"policy": laxer, "serial": int64(2), "signers": "dev-one,dev-two", "signatures": mine + "," + mine}},
		{"with the other's of before", "is not of this text",
			audit.Details{"policy": laxer, "serial": int64(2), "signers": "dev-one,dev-two", "signatures": genuine}},
		{"with all of before, once more", "is an old activation, replayed", w.latest().Details},
		{"with a serial that leaves none", "1 of 2 different persons", audit.Details{"policy": laxer, "serial": int64(policy.MaxSerial),
			"signers": "dev-one,dev-two", "signatures": signatures(pgtest.Origin, policy.MaxSerial)}},
	} {
		w.write(attack.details)
		w.refused(attack.what, attack.why)
		// Two people put it right, and nothing that was forged stands in their way.
		w.Activate(policy.Production)
		if revision, err := w.inForce(); err != nil || revision != production {
			t.Fatalf("after %s: %s, %v", attack.what, revision, err)
		}
	}

	// And by the command.
	history, err := pgstore.History(t.Context(), w.Super, w.Pinned())
	w.must(err)
	before := w.latest().Seq
	sign := func(origin string, serial int64, bundle []byte) []byte {
		note, err := w.Signers.Sign(origin, serial, bundle)
		w.must(err)
		return note
	}
	alone, err := policy.Sign(policy.Statement{Origin: pgtest.Origin, Serial: history.Next(), Revision: laxer}, nil, one.Private)
	w.must(err)
	other, err := devsigners.Bundle(policy.Production)
	w.must(err)
	strangers, err := devsigners.New()
	w.must(err)
	foreign, err := strangers.Sign(pgtest.Origin, history.Next(), bundle)
	w.must(err)
	for what, note := range map[string][]byte{
		"signed by one":        alone,
		"signed for a log":     sign("sceau.test/other", history.Next(), bundle),
		"signed for a bundle":  sign(pgtest.Origin, history.Next(), other),
		"signed long ago":      sign(pgtest.Origin, history.Next()-1, bundle),
		"signed by strangers":  foreign,
		"signed by nobody":     nil,
		"something else":       []byte("note\n\n— dev-one AAAAAAAA\n"),
		"a bundle for a note":  bundle,
		"signed, then altered": []byte(strings.Replace(string(sign(pgtest.Origin, history.Next(), other)), policy.Revision(other), laxer, 1)),
	} {
		if ref, err := pgstore.Activate(t.Context(), w.Log(audit.ViaOperator), bundle, note, w.Pinned()); err == nil {
			t.Errorf("%s: activated by entry %d", what, ref.Seq)
		}
	}
	if _, err := pgstore.Activate(t.Context(), w.Log(audit.ViaOperator), []byte("no bundle"), sign(pgtest.Origin, history.Next(), []byte("no bundle")), w.Pinned()); err == nil {
		t.Error("what does not load was activated")
	}
	if now := w.latest().Seq; now != before {
		t.Errorf("what was refused left entry %d", now)
	}
}

// A superuser swaps what lies beside the entries.
func TestASuperuserSwapsNoBundle(t *testing.T) {
	w := newWorld(t)
	bundle, _ := w.laxer()
	production, err := w.inForce()
	w.must(err)
	_, err = w.Super.Exec(t.Context(), `ALTER TABLE sceau.policy_bundles DROP CONSTRAINT revision_names_the_bytes`)
	w.must(err)
	_, err = w.Super.Exec(t.Context(), `UPDATE sceau.policy_bundles SET bundle = $1 WHERE revision = $2`, bundle, production)
	w.must(err)
	if p, err := pgstore.NewActive(w.Pinned()).In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) {
		t.Errorf("another bundle under its name: %v, %v", p, err)
	}
	_, err = w.Super.Exec(t.Context(), `DELETE FROM sceau.policy_bundles WHERE revision = $1`, production)
	w.must(err)
	if p, err := pgstore.NewActive(w.Pinned()).In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) || !strings.Contains(err.Error(), "is missing") {
		t.Errorf("no bundle: %v, %v", p, err)
	}
}

// rewrite replaces the latest activation with a leaf of the superuser's making.
func (w world) rewrite(change func(*audit.Entry)) {
	w.t.Helper()
	w.Tampered()
	r := w.latest()
	e := r.Entry
	e.Details = maps.Clone(e.Details)
	change(&e)
	leaf, err := audit.Marshal(e)
	w.must(err)
	hash := audit.LeafHash(leaf)
	conn, err := w.Super.Acquire(w.t.Context())
	w.must(err)
	defer conn.Release()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`ALTER TABLE sceau.entries DISABLE TRIGGER ALL`, `ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`,
	} {
		_, err := conn.Exec(w.t.Context(), sql)
		w.must(err)
	}
	_, err = conn.Exec(w.t.Context(), `UPDATE sceau.entries SET leaf = $1, hash = $2, subject_id = $3 WHERE seq = $4`, leaf, hash[:], e.Subject.ID, r.Seq)
	w.must(err)
}

// A superuser rewrites the entry itself, hash and columns included.
func TestASuperuserRewritesNoActivation(t *testing.T) {
	w := newWorld(t)
	first := w.latest()
	w.Activate(policy.Demonstration)
	second := w.latest()
	laxer := second.Subject.ID
	for what, attack := range map[string]struct {
		why    string
		change func(*audit.Entry)
	}{
		"the activation of before": {"replayed", func(e *audit.Entry) { e.Subject, e.Details = first.Subject, first.Details }},
		"its bundle":               {"is not of this text", func(e *audit.Entry) { e.Subject.ID, e.Details["policy"] = first.Subject.ID, first.Subject.ID }},
		"its signatures":           {"is not of this text", func(e *audit.Entry) { e.Details["signatures"] = first.Details["signatures"] }},
		"its serial":               {"is not of this text", func(e *audit.Entry) { e.Details["serial"] = int64(3) }},
		"who signed":               {"does not name everybody", func(e *audit.Entry) { e.Details["signers"] = "dev-one,dev-six" }},
	} {
		w.rewrite(attack.change)
		if p, err := pgstore.NewActive(w.Pinned()).In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) || !strings.Contains(err.Error(), attack.why) {
			t.Errorf("%s: %v, %v; it should say %q", what, p, err, attack.why)
		}
		w.rewrite(func(e *audit.Entry) { *e = second.Entry })
		if revision, err := w.inForce(); err != nil || revision != laxer {
			t.Fatalf("put back: %s, %v", revision, err)
		}
	}

	// To a process that saw it, another entry in its place is no activation at all,
	// were it signed by everybody.
	if _, err := w.Policy.In(t.Context(), w.Super); err != nil {
		t.Fatal(err)
	}
	w.rewrite(func(e *audit.Entry) { e.Actor.Unit = "u-1" })
	if p, err := w.Policy.In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) || !strings.Contains(err.Error(), "missing or another") {
		t.Errorf("another entry in its place: %v, %v", p, err)
	}
	_, err := w.Super.Exec(t.Context(), `DELETE FROM sceau.entries WHERE seq = $1`, second.Seq)
	w.must(err)
	if p, err := w.Policy.In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) || !strings.Contains(err.Error(), "missing or another") {
		t.Errorf("the entry removed: %v, %v", p, err)
	}
}

// Everybody sees an activation from its entry on, whoever asks at the same time.
func TestActivationsTakeEffectAtOnce(t *testing.T) {
	w := newWorld(t)
	stop := make(chan struct{})
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				before, err := pglog.LatestPolicyActivated(t.Context(), w.Super)
				if err != nil {
					t.Error(err)
					return
				}
				p, err := w.Policy.In(t.Context(), w.Super)
				after, errAfter := pglog.LatestPolicyActivated(t.Context(), w.Super)
				if err = errors.Join(err, errAfter); err != nil {
					t.Error(err)
					return
				}
				if before.Seq == after.Seq && p.Revision() != before.Subject.ID {
					t.Errorf("%s is in force, and entry %d activated %s", p.Revision(), before.Seq, before.Subject.ID)
					return
				}
			}
		})
	}
	for i := range 4 {
		v := []policy.Variant{policy.Demonstration, policy.Production}[i%2]
		w.Activate(v)
		p, err := w.Policy.In(t.Context(), w.Super)
		w.must(err)
		if p.Variant() != v {
			t.Errorf("%s was activated, and %s is in force", v, p.Variant())
		}
	}
	close(stop)
	asking.Wait()
}

// Of two operators who activate with one serial at the same time, one does.
func TestASerialIsSpentOnce(t *testing.T) {
	w := newWorld(t)
	bundles := map[policy.Variant][]byte{}
	for _, v := range []policy.Variant{policy.Production, policy.Demonstration} {
		var err error
		bundles[v], err = devsigners.Bundle(v)
		w.must(err)
	}
	for serial := int64(2); serial < 5; serial++ {
		answers := make(chan error, len(bundles))
		for _, bundle := range bundles {
			note, err := w.Signers.Sign(pgtest.Origin, serial, bundle)
			w.must(err)
			log, err := pglog.Open(t.Context(), pglog.Config{Pool: w.Pool(t, "sceau_operator"), Via: audit.ViaOperator})
			w.must(err)
			t.Cleanup(log.Close)
			go func() {
				_, err := pgstore.Activate(t.Context(), log, bundle, note, w.Pinned())
				answers <- err
			}()
		}
		var refused int
		for range bundles {
			if err := <-answers; err != nil {
				refused++
				if !strings.Contains(err.Error(), "is the lowest that is left") {
					t.Error(err)
				}
			}
		}
		if refused != 1 {
			t.Errorf("serial %d: %d of 2 were refused", serial, refused)
		}
	}
	if _, err := w.inForce(); err != nil {
		t.Error(err)
	}
}
