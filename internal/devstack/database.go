package devstack

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/migrations"
)

// Roles are the PostgreSQL roles of a Sceau installation, in the order in
// which they appear in migrations.Roles. The first owns the schema and runs
// the migrations; no serving process ever has its password.
var Roles = []string{"sceau_owner", "sceau_public", "sceau_staff", "sceau_custodian", "sceau_operator"}

// Provision makes the roles and the database, migrates it and gives its log an
// origin, and returns each role's connection string. It may be repeated: the
// passwords are kept beside the cluster (mode 0600), and only what is missing
// is done.
func (p *Postgres) Provision(ctx context.Context, database, origin string) (map[string]string, error) {
	passwords, err := keptPasswords(filepath.Join(p.Dir, "DEVELOPMENT-ONLY-passwords.json"))
	if err != nil {
		return nil, err
	}
	super := p.SuperuserURL("postgres")
	if err := CreateRoles(ctx, super, passwords); err != nil {
		return nil, err
	}
	if err := CreateDatabase(ctx, super, database); err != nil {
		return nil, err
	}
	urls := make(map[string]string, len(Roles))
	for role, password := range passwords {
		urls[role] = p.URL(role, password, database)
	}
	if err := migrations.Up(ctx, urls["sceau_owner"]); err != nil {
		return nil, err
	}
	return urls, migrations.InitLog(ctx, urls["sceau_owner"], origin)
}

// keptPasswords reads the roles' passwords, or draws and keeps them.
func keptPasswords(path string) (map[string]string, error) {
	b, err := os.ReadFile(path)
	if err == nil {
		kept := map[string]string{}
		if err := json.Unmarshal(b, &kept); err != nil {
			return nil, fmt.Errorf("read the roles' passwords: %w", err)
		}
		return kept, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the roles' passwords: %w", err)
	}
	drawn := NewPasswords()
	if b, err = json.MarshalIndent(drawn, "", "  "); err != nil {
		return nil, fmt.Errorf("encode the roles' passwords: %w", err)
	}
	if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
		return nil, fmt.Errorf("keep the roles' passwords: %w", err)
	}
	return drawn, nil
}

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
	// Two at once would stumble over each other's catalog rows. The lock is
	// let go of with the connection.
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
