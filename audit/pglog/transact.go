package pglog

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// warnedKey is where a connection keeps that PostgreSQL warned on it.
const warnedKey = "sceau.warned"

// HearWarnings makes the connections of cfg remember PostgreSQL's warnings, as
// [Transact] wants it. Whatever cfg did with notices it does still.
func HearWarnings(cfg *pgx.ConnConfig) {
	tell := cfg.OnNotice
	cfg.OnNotice = func(on *pgconn.PgConn, n *pgconn.Notice) {
		if n.SeverityUnlocalized == "WARNING" {
			on.CustomData()[warnedKey] = true
		}
		if tell != nil {
			tell(on, n)
		}
	}
}

// forgetWarnings is what comes before a COMMIT.
func forgetWarnings(conn *pgx.Conn) { delete(conn.PgConn().CustomData(), warnedKey) }

// errUnconfirmed: PostgreSQL answered COMMIT, and warned that it stopped waiting
// for its standbys.
var errUnconfirmed = errors.New("committed, with a warning")

// unconfirmed is an error when PostgreSQL warned since forgetWarnings. An
// administrator who cancels a wait for standbys is told so, and COMMIT succeeds:
// without an error, but without the standby either.
func unconfirmed(conn *pgx.Conn) error {
	if conn.PgConn().CustomData()[warnedKey] != nil {
		return errUnconfirmed
	}
	return nil
}

// Transact runs do in a transaction of its own, for what is no entry and is
// acknowledged to a person all the same. When it returns nil, what do wrote is as
// durable as synchronous_commit says: on the standbys too, which PostgreSQL's own
// answer to COMMIT leaves open. An error of do's comes back as it is; what it did is
// undone. When it is not known whether the transaction came through, or will last,
// the error is [ErrUnknownOutcome]: it must be safe to repeat, and a repeat that
// finds all done must write or lock something, so that it waits for the standbys
// again.
//
// The pool's connections must have been made with [HearWarnings].
func Transact(ctx context.Context, pool *pgxpool.Pool, do func(pgx.Tx) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer conn.Release()
	if conn.Conn().Config().OnNotice == nil {
		return errors.New("begin a transaction: this pool does not hear PostgreSQL's warnings")
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return fmt.Errorf("begin a transaction: %w", err)
	}
	defer tx.Rollback(context.WithoutCancel(ctx)) //nolint:errcheck // after COMMIT there is nothing to undo
	if err := do(tx); err != nil {
		return err
	}
	forgetWarnings(conn.Conn())
	err = tx.Commit(ctx)
	switch {
	case err == nil:
		err = unconfirmed(conn.Conn())
	case errors.Is(err, pgx.ErrTxCommitRollback), !broken(conn.Conn(), err):
		return fmt.Errorf("commit: %w", err) // PostgreSQL says that it did not
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnknownOutcome, err)
	}
	return nil
}
