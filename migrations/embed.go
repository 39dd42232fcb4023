// Package migrations holds the database's schema: numbered SQL files, applied in
// order by [Up], and the login roles they grant privileges to ([Roles]).
//
// A superuser runs [Roles] once and creates a database owned by sceau_owner; that
// role then calls [Up] and, once in the life of a log, [InitLog].
package migrations

import (
	"context"
	"database/sql"
	"embed"
	"fmt"

	_ "github.com/jackc/pgx/v5/stdlib" // goose speaks database/sql
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Roles is SQL that creates the login roles, without passwords. It needs a
// superuser, may run on any database of the cluster, and can be repeated.
//
//go:embed roles.sql
var Roles string

//go:embed 0*.sql
var files embed.FS

// Up brings the schema up to date. ownerURL signs in as sceau_owner, on a
// database it owns. Several processes may call it at once: a session lock lets
// one work and the others wait. With nothing to do it changes nothing.
func Up(ctx context.Context, ownerURL string) error {
	db, err := sql.Open("pgx", ownerURL)
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	defer db.Close()
	// The table of applied versions lives in the schema too, so the schema comes first.
	// Two first runs at once can both find it missing; the loser's second try finds it.
	const schema = `CREATE SCHEMA IF NOT EXISTS sceau AUTHORIZATION sceau_owner`
	if _, err := db.ExecContext(ctx, schema); err != nil {
		if _, err = db.ExecContext(ctx, schema); err != nil {
			return fmt.Errorf("migrate: create the schema: %w", err)
		}
	}
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, db, files,
		goose.WithTableName("sceau.schema_version"),
		goose.WithSessionLocker(locker),
		goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return upQueue(ctx, ownerURL)
}

// InitLog gives the log its origin: a name such as "sceau.example.fr/2026", in
// the form that audit.IsOrigin accepts, never to be given to another log.
// Repeating it with the same origin changes nothing; with another it fails.
func InitLog(ctx context.Context, ownerURL, origin string) error {
	db, err := sql.Open("pgx", ownerURL)
	if err != nil {
		return fmt.Errorf("name the log: %w", err)
	}
	defer db.Close()
	if _, err := db.ExecContext(ctx, `SELECT sceau.init_log($1)`, origin); err != nil {
		return fmt.Errorf("name the log: %w", err)
	}
	return nil
}
