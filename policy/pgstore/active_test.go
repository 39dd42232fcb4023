package pgstore_test

import (
	"errors"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/casetest"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/pgstore"
)

// A superuser who changes the column beside the latest activation brings no
// earlier, laxer policy back: what the leaf says is in force, or nothing is.
func TestAColumnPutsNoPolicyInForce(t *testing.T) {
	w := casetest.New(t, policy.Demonstration)
	w.Activate(policy.Production)
	inForce := func() (string, error) {
		p, err := w.Policy.In(t.Context(), w.Super)
		if err != nil {
			return "", err
		}
		return p.Revision(), nil
	}
	production, err := inForce()
	if err != nil {
		t.Fatal(err)
	}
	latest, err := pglog.LatestPolicyActivated(t.Context(), w.Super)
	if err != nil || latest.Subject.ID != production || latest.Via != audit.ViaOperator {
		t.Fatalf("in force is %s, the log says %+v, %v", production, latest.Entry, err)
	}
	w.Tampered()
	conn, err := w.Super.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`ALTER TABLE sceau.entries DISABLE TRIGGER ALL`,
		`ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`,
		`UPDATE sceau.entries SET subject_id = (SELECT subject_id FROM sceau.entries WHERE action = 'policy.activated' ORDER BY seq LIMIT 1)
			WHERE seq = (SELECT max(seq) FROM sceau.entries WHERE action = 'policy.activated')`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	if revision, err := inForce(); err == nil {
		t.Errorf("%s is in force, by a column that its leaf contradicts", revision)
	}
}

// Nothing was activated, so nothing is allowed.
func TestNoPolicy(t *testing.T) {
	w := casetest.New(t, policy.Production)
	w.Tampered()
	if _, err := w.Super.Exec(t.Context(), `ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL; ALTER TABLE sceau.entries DISABLE TRIGGER ALL; DELETE FROM sceau.entries`); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Policy.In(t.Context(), w.Super); !errors.Is(err, pgstore.ErrNone) {
		t.Errorf("answered %v", err)
	}
}
