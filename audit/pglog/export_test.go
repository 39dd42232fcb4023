package pglog_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

func export(t *testing.T, l *pglog.Log) (dir string, last pglog.Ref, err error) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "export")
	last, err = l.Export(t.Context(), pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator"}, Reason: "yearly inspection"})
	return dir, last, err
}

func TestExportVerifies(t *testing.T) {
	db := pgtest.New(t)
	staff, operator := open(t, db, audit.ViaStaff), open(t, db, audit.ViaOperator)
	_, err := staff.Do(t.Context(), pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
		for n := range 1200 { // three pages
			if _, err := turn.Append(signedIn(n)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, last, err := export(t, operator)
	if err != nil {
		t.Fatal(err)
	}
	report := audit.Verify(os.DirFS(dir), audit.Options{})
	if report.Damage != nil {
		t.Fatalf("the verifier refuses our own export: %v", report.Damage)
	}
	if last.Seq != 1200 {
		t.Errorf("the last entry is %d", last.Seq)
	}
	leaf, err := pglog.At(t.Context(), db.Super, last.Seq)
	if err != nil {
		t.Fatal(err)
	}
	if leaf.Action != audit.ActionLogExported || len(leaf.Details) != 0 {
		t.Errorf("the last entry is %+v: it must be the export's own and hold no free text", leaf.Entry)
	}
	if _, err := operator.Export(t.Context(), pglog.ExportRequest{Dir: dir, Actor: audit.Actor{ID: "operator"}, Reason: "again"}); err == nil {
		t.Error("an export was written over another")
	}
}

// An export carries what replaying its decisions takes, and what was erased is
// simply not there any more.
func TestExportCarriesBundlesAndOpenings(t *testing.T) {
	db := pgtest.New(t)
	staff, operator := open(t, db, audit.ViaStaff), open(t, db, audit.ViaOperator)
	bundle := []byte("a bundle")
	revision := fmt.Sprintf("sha256:%x", sha256.Sum256(bundle))
	_, err := operator.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		if _, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.policy_bundles (revision, bundle) VALUES ($1, $2)`, revision, bundle); err != nil {
			return nil, err
		}
		_, err := turn.Append(pglog.Draft{
			Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated,
			Subject: audit.Subject{Type: "policy", ID: revision}, Details: audit.Details{"policy": revision},
		})
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 3 {
		d := signedIn(n)
		d.Case, d.Action, d.Ground = caseA, audit.ActionEscalationRequested, "imminent_danger"
		d.Subject = audit.Subject{Type: "escalation", ID: "e-1"}
		input, result := []byte(`{"immediacy":"now"}`), []byte(`{"allow":true,"text":"a \"quoted\" line\nand \u2028 more"}`)
		salt := [][]byte{pglog.NewSalt(), pglog.NewSalt()}
		d.Decision = &audit.Decision{ID: "d-1", Path: "escalation.request", Policy: revision, Engine: "opa", Input: audit.Commit(salt[0], "input", caseA, input), Result: audit.ResultAllow}
		d.Commitments = audit.Commitments{"result": audit.Commit(salt[1], "result", caseA, result)}
		d.Openings = []pglog.Opening{{Field: "result", Salt: salt[1], Value: result}, {Field: "input", Salt: salt[0], Value: input, Case: caseA}}
		if _, err := staff.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	_, err = open(t, db, audit.ViaCustodian).Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		if _, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionOpeningsErased, Case: caseA}); err != nil {
			return nil, err
		}
		_, err := turn.Tx.Exec(ctx, `DELETE FROM sceau.openings WHERE seq = 2 AND field = 'input'`)
		return nil, err
	})
	if err != nil {
		t.Fatal(err)
	}
	dir, _, err := export(t, operator)
	if err != nil {
		t.Fatal(err)
	}
	r := audit.Verify(os.DirFS(dir), audit.Options{})
	if r.Damage != nil {
		t.Fatal(r.Damage)
	}
	// Three requests commit to two values each, the export to its reason.
	if r.Bundles != 1 || r.Policies != 1 || r.Committed != 7 || r.Opened != 6 {
		t.Errorf("%d bundles for %d policies, %d of %d values opened", r.Bundles, r.Policies, r.Opened, r.Committed)
	}
}

func TestOnlyTheOperatorExports(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	if dir, _, err := export(t, l); err == nil {
		t.Errorf("staff exported to %s", dir)
	} else if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was left in %s: %v", dir, err)
	}
}
