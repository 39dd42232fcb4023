package migrations

import (
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

// queueSchema holds the tables of the queue of notices, apart from ours: they
// are the library's, and so are their migrations.
const queueSchema = "sceau_queue"

//go:embed queue.sql
var queueGrants string

// upQueue brings the tables of the queue of notices up to date, and says who may
// use them.
func upQueue(ctx context.Context, ownerURL string) error {
	cfg, err := pgxpool.ParseConfig(ownerURL)
	if err != nil {
		// The parser's error can quote the string, and with it the password.
		return errors.New("migrate the queue: not a connection string of PostgreSQL")
	}
	cfg.MaxConns = 2
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	defer pool.Close()
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	defer conn.Release()
	// Some of the library's migrations need several transactions, so the lock is
	// a session's. It ends with the connection when the process does.
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('sceau_queue'))`); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	defer func() {
		_, _ = conn.Exec(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(hashtext('sceau_queue'))`)
	}()
	if _, err := conn.Exec(ctx, `CREATE SCHEMA IF NOT EXISTS `+queueSchema); err != nil {
		return fmt.Errorf("migrate the queue: create its schema: %w", err)
	}
	migrator, err := queueMigrator(pool)
	if err != nil {
		return err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("migrate the queue: %w", err)
	}
	if _, err := conn.Exec(ctx, queueGrants); err != nil {
		return fmt.Errorf("migrate the queue: grant its use: %w", err)
	}
	return nil
}

func queueMigrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	migrator, err := rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{
		Schema: queueSchema, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)),
	})
	if err != nil {
		return nil, fmt.Errorf("migrate the queue: %w", err)
	}
	return migrator, nil
}

// queueVersion names the state of the queue's tables.
func queueVersion() string {
	migrator, err := queueMigrator(nil)
	if err != nil {
		return err.Error()
	}
	return queueGrants + "\x00" + strconv.Itoa(len(migrator.AllVersions()))
}
