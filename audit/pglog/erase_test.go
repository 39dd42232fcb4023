package pglog_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// Not even the custodian makes a decision impossible to replay without an entry that
// says so, of the same case, in the same transaction; and only of what came before it.
func TestOpeningsAreErasedWithAnEntry(t *testing.T) {
	db := pgtest.New(t)
	staff, custodian := open(t, db, audit.ViaStaff), open(t, db, audit.ViaCustodian)
	const caseB = "7f1cce14-0000-4000-8000-0000000000bb"
	laid := func(caseID string) pglog.Ref {
		t.Helper()
		salt := pglog.NewSalt()
		ref, err := staff.Append(t.Context(), pglog.Draft{Actor: audit.Actor{ID: "s-1"}, Action: audit.ActionConversationJoined, Case: caseID,
			Commitments: audit.Commitments{"why": audit.Commit(salt, "why", caseID, []byte("a reason"))},
			Openings:    []pglog.Opening{{Field: "why", Salt: salt, Value: []byte("a reason")}}})
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	laid(caseA)
	laid(caseB)
	left := func() (cases []string) {
		t.Helper()
		rows, err := db.Super.Query(t.Context(), `SELECT right(case_id::text, 2) FROM sceau.openings ORDER BY seq`)
		if err != nil {
			t.Fatal(err)
		}
		if cases, err = pgx.CollectRows(rows, pgx.RowTo[string]); err != nil {
			t.Fatal(err)
		}
		return cases
	}
	erase := func(action audit.Action, caseID, sql string) error {
		_, err := custodian.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if _, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: action, Case: caseID}); err != nil {
				return nil, err
			}
			_, err := turn.Tx.Exec(ctx, sql)
			return nil, err
		})
		return err
	}
	const all, oneCase = `DELETE FROM sceau.openings`, `DELETE FROM sceau.openings WHERE case_id = '` + caseA + `'`
	if _, err := db.Pool(t, "sceau_custodian").Exec(t.Context(), oneCase); code(err) != unlinked {
		t.Errorf("erased without an entry: %v", err)
	}
	for name, err := range map[string]error{
		"with an entry of another action":  erase(audit.ActionKeyDestroyed, caseA, oneCase),
		"with an entry of another case":    erase(audit.ActionOpeningsErased, caseB, oneCase),
		"with an entry of no case":         erase(audit.ActionOpeningsErased, "", oneCase),
		"two cases with one entry":         erase(audit.ActionOpeningsErased, caseA, all),
		"changed with an entry of erasing": erase(audit.ActionOpeningsErased, caseA, `UPDATE sceau.openings SET value = ''`),
	} {
		if err == nil {
			t.Errorf("erased %s", name)
		}
	}
	if got := left(); len(got) != 2 {
		t.Fatalf("left are %v", got)
	}
	if err := erase(audit.ActionOpeningsErased, caseA, oneCase); err != nil {
		t.Fatal(err)
	}
	if got := left(); len(got) != 1 || got[0] != "bb" {
		t.Errorf("left are %v", got)
	}
	laid(caseA)
	if _, err := db.Pool(t, "sceau_custodian").Exec(t.Context(), oneCase); code(err) != unlinked {
		t.Errorf("erased with an entry of before: %v", err)
	}
}
