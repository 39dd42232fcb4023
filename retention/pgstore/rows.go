package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
)

// How the case is found that an act is about. What the row says is not believed
// beyond that: the case is folded, and what is not in it is not pending, or unknown.
const (
	caseItself    = `SELECT case_id::text FROM sceau.conversations WHERE case_id = $1`
	caseOfErasure = `SELECT case_id::text FROM sceau.erasures WHERE erasure_id = $1`
	caseOfHold    = `SELECT case_id::text FROM sceau.holds WHERE hold_id = $1`
)

func findCase(ctx context.Context, tx pgx.Tx, query, id string) (caseID string, err error) {
	if !audit.IsUUID(id) {
		return "", conversation.ErrNotFound
	}
	err = tx.QueryRow(ctx, query, id).Scan(&caseID)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", conversation.ErrNotFound
	}
	if err != nil {
		return "", fmt.Errorf("find the case: %w", err)
	}
	return caseID, nil
}

// CaseOfErasure finds the case of a request for erasure; without one it is
// [conversation.ErrNotFound].
func CaseOfErasure(ctx context.Context, tx pgx.Tx, erasure string) (string, error) {
	return findCase(ctx, tx, caseOfErasure, erasure)
}

// CaseOfHold finds the case of a hold; without one it is [conversation.ErrNotFound].
func CaseOfHold(ctx context.Context, tx pgx.Tx, hold string) (string, error) {
	return findCase(ctx, tx, caseOfHold, hold)
}

// ProjectDecided keeps in its row what the entry at ref says of a request. The
// custodian alone may.
func ProjectDecided(ctx context.Context, tx pgx.Tx, erasure, verdict, reason string, ref pglog.Ref) error {
	return one(ctx, tx, `UPDATE sceau.erasures SET verdict = $2, reason = nullif($3, ''), decided_at = $4, decided_seq = $5
		WHERE erasure_id = $1`, erasure, verdict, reason, ref.At, ref.Seq)
}

// ProjectLifted keeps in its row that the entry at ref lifted a hold. The custodian
// alone may.
func ProjectLifted(ctx context.Context, tx pgx.Tx, hold string, ref pglog.Ref) error {
	return one(ctx, tx, `UPDATE sceau.holds SET lifted_at = $2, lifted_seq = $3 WHERE hold_id = $1`, hold, ref.At, ref.Seq)
}

// one changes exactly one row.
func one(ctx context.Context, tx pgx.Tx, sql string, args ...any) error {
	tag, err := tx.Exec(ctx, sql, args...)
	if err != nil {
		return fmt.Errorf("keep what was decided: %w", err)
	}
	if tag.RowsAffected() != 1 {
		return fmt.Errorf("%d rows keep what was decided", tag.RowsAffected())
	}
	return nil
}
