package pglog_test

import (
	"context"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
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
