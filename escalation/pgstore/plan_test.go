package pgstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// What runs every few seconds, and what runs under the head lock, looks at what is due
// and at nothing else, however long the service has run. A condition that no index can
// answer (a volatile clock, for one) is found here: PostgreSQL is told to read no table
// whole if it can help it, and must not have to.
func TestScansAreIndexed(t *testing.T) {
	db := pgtest.New(t)
	tx, err := db.Super.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_hashjoin = off;
		SET LOCAL enable_mergejoin = off; SET LOCAL plan_cache_mode = force_generic_plan`); err != nil {
		t.Fatal(err)
	}
	args := map[string][]any{
		"what is unanswered": {},
		"who is on duty":     {time.Now(), time.Now(), []string{"p-x"}},
	}
	for what, query := range pgstore.Scans() {
		given, ok := args[what]
		if !ok {
			given = []any{200}
		}
		rows, err := tx.Query(t.Context(), `EXPLAIN (COSTS OFF) `+query, given...)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		for i, line := range plan {
			for table, by := range map[string]string{"escalations": "escalations_", "staff_sessions": "staff_sessions_seen"} {
				if !strings.Contains(line, " on "+table) {
					continue
				}
				if !strings.Contains(line, by) || i+1 == len(plan) || !strings.Contains(plan[i+1], "Index Cond") {
					t.Errorf("%s is looked for by\n%s", what, strings.Join(plan, "\n"))
				}
			}
		}
	}
}
