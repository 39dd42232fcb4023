package pglog_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// TestOneRuleForOrigins: what audit accepts as the name of a log, and with it
// the configuration, PostgreSQL accepts too; nothing else.
func TestOneRuleForOrigins(t *testing.T) {
	db := pgtest.New(t)
	var check string
	if err := db.Super.QueryRow(context.Background(), `SELECT pg_get_expr(conbin, conrelid) FROM pg_constraint
		WHERE conrelid = 'sceau.log_head'::regclass AND conname = 'origin_is_a_line'`).Scan(&check); err != nil {
		t.Fatal(err)
	}
	names := []string{
		"", "a", "log.example.test/2026", strings.Repeat("a", 200), strings.Repeat("a", 201), strings.Repeat("a", 256),
		"two\nlines", "line\n", "é", strings.Repeat("é", 100), "\x7f", "\u2028", "a\u00a0b",
	}
	for c := rune(1); c < 128; c++ {
		names = append(names, "a"+string(c)+"b")
	}
	for _, name := range names {
		var accepted bool
		if err := db.Super.QueryRow(context.Background(), `SELECT `+check+` FROM (SELECT $1::text AS origin) x`, name).Scan(&accepted); err != nil {
			t.Fatal(err)
		}
		if accepted != audit.IsOrigin(name) {
			t.Errorf("%.20q: PostgreSQL says %t, audit %t", name, accepted, audit.IsOrigin(name))
		}
	}
}

// TestADatabaseThatWasNeverMigrated: whoever starts a process too early is told
// what to run.
func TestADatabaseThatWasNeverMigrated(t *testing.T) {
	db := pgtest.New(t)
	db.Tampered()
	pool := db.Pool(t, "sceau_operator")
	for _, missing := range []string{`DELETE FROM sceau.log_head`, `ALTER SCHEMA sceau RENAME TO elsewhere`} {
		if _, err := db.Super.Exec(t.Context(), `ALTER TABLE sceau.log_head DISABLE TRIGGER USER`); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Super.Exec(t.Context(), missing); err != nil {
			t.Fatal(err)
		}
		_, err := pglog.Open(t.Context(), pglog.Config{Pool: pool, Via: audit.ViaOperator})
		if err == nil || !strings.Contains(err.Error(), "sceau migrate") {
			t.Errorf("after %s: %v", missing, err)
		}
	}
}
