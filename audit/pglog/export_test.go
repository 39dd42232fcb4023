package pglog_test

import (
	"context"
	"errors"
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

func TestOnlyTheOperatorExports(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	if dir, _, err := export(t, l); err == nil {
		t.Errorf("staff exported to %s", dir)
	} else if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("something was left in %s: %v", dir, err)
	}
}
