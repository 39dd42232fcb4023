package devstack

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/migrations"
)

// Roles are the PostgreSQL roles of a Sceau installation, in the order in
// which they appear in migrations.Roles. The first owns the schema and runs
// the migrations; no serving process ever has its password.
var Roles = []string{"sceau_owner", "sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator"}

// NewPasswords draws a random password for each role.
func NewPasswords() map[string]string {
	m := make(map[string]string, len(Roles))
	for _, role := range Roles {
		m[role] = rand.Text()
	}
	return m
}

// CreateRoles makes the roles, or sets the passwords of existing ones, as the
// superuser behind url.
func CreateRoles(ctx context.Context, url string, passwords map[string]string) error {
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		return fmt.Errorf("connect to create roles: %w", err)
	}
	defer conn.Close(ctx)
	// Two at once would fail on each other's catalog rows. The lock ends with
	// the connection.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('sceau roles'))`); err != nil {
		return fmt.Errorf("create roles: %w", err)
	}
	if _, err := conn.Exec(ctx, migrations.Roles); err != nil {
		return fmt.Errorf("create roles: %w", err)
	}
	for role, password := range passwords {
		// ALTER ROLE takes no parameters; format quotes both.
		var sql string
		err := conn.QueryRow(ctx, `SELECT format('ALTER ROLE %I LOGIN PASSWORD %L', $1::text, $2::text)`, role, password).Scan(&sql)
		if err != nil {
			return fmt.Errorf("set the password of %s: %w", role, err)
		}
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("set the password of %s: %w", role, err)
		}
	}
	return nil
}

// CreateDatabase makes an empty database owned by sceau_owner that only the
// roles may connect to; one that exists keeps its contents. superURL is the superuser's, on any other database.
func CreateDatabase(ctx context.Context, superURL, name string) error {
	conn, err := pgx.Connect(ctx, superURL)
	if err != nil {
		return fmt.Errorf("connect to create database %s: %w", name, err)
	}
	defer conn.Close(ctx)
	db := pgx.Identifier{name}.Sanitize()
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, name).Scan(&there); err != nil {
		return fmt.Errorf("look for database %s: %w", name, err)
	}
	if !there {
		if _, err := conn.Exec(ctx, "CREATE DATABASE "+db+" OWNER sceau_owner"); err != nil {
			return fmt.Errorf("create database %s: %w", name, err)
		}
	}
	for _, sql := range []string{
		"REVOKE ALL ON DATABASE " + db + " FROM PUBLIC",
		"GRANT CONNECT ON DATABASE " + db + " TO sceau_public, sceau_staff, sceau_custodian, sceau_operator",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create database %s: %w", name, err)
		}
	}
	return nil
}
