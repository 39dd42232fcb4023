package pgtest_test

import (
	"context"
	"testing"

	"github.com/sceau-project/sceau/internal/pgtest"
)

func TestDatabasesAreSeparate(t *testing.T) {
	ctx := context.Background()
	a, b := pgtest.New(t), pgtest.New(t)
	for _, d := range []*pgtest.DB{a, b} {
		if _, err := d.Super.Exec(ctx, `CREATE TABLE mine ()`); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
	}
}

func TestSettingsAreProductionLike(t *testing.T) {
	ctx := context.Background()
	d := pgtest.New(t)
	for name, want := range map[string]string{
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "listen_addresses": "",
		"log_error_verbosity": "terse", "password_encryption": "scram-sha-256", "data_checksums": "on",
	} {
		var got string
		if err := d.Super.QueryRow(ctx, `SELECT current_setting($1)`, name).Scan(&got); err != nil || got != want {
			t.Errorf("%s = %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestRolesSignInWithTheirOwnPasswordOnly(t *testing.T) {
	ctx := context.Background()
	d := pgtest.New(t)
	for _, role := range []string{"sceau_owner", "sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator"} {
		var got string
		if err := d.Pool(t, role).QueryRow(ctx, `SELECT session_user`).Scan(&got); err != nil || got != role {
			t.Errorf("%s: signed in as %q, %v", role, got, err)
		}
	}
}

func TestAServerOfOnesOwnSurvivesACrash(t *testing.T) {
	ctx := context.Background()
	s := pgtest.NewServer(t)
	if _, err := s.Super.Exec(ctx, `CREATE TABLE kept AS SELECT 42 AS n`); err != nil {
		t.Fatal(err)
	}
	s.Postgres.Kill()
	if _, err := s.Super.Exec(ctx, `SELECT`); err == nil {
		t.Error("a killed server answered")
	}
	if err := s.Postgres.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	var n int
	if err := s.Pool(t, "postgres").QueryRow(ctx, `SELECT n FROM kept`).Scan(&n); err != nil || n != 42 {
		t.Errorf("kept %d, %v", n, err)
	}
}
