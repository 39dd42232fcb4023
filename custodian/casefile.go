package custodian

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
)

// readCase folds the committed entries of a case, as far as the log was
// followed. A history that cannot have happened is an error: nothing is decided
// from it.
func (c *Custodian) readCase(ctx context.Context, caseID string) (*escalation.Case, error) {
	records, err := c.held(ctx, c.pool, caseID)
	if err != nil {
		return nil, err
	}
	file, err := pgstore.FoldRecords(records)
	if err == nil && file.State == "" {
		err = refuse(order.CodeConversation)
	}
	return file, err
}

// openDocket is readCase during a turn, with what the turn's batch is about to
// write. Entries about the case can be appended to it.
func (c *Custodian) openDocket(ctx context.Context, turn *pglog.Turn, caseID string) (*pgstore.Docket, error) {
	records, err := c.held(ctx, turn.Tx, caseID)
	if err != nil {
		return nil, err
	}
	pending, err := turn.Pending(caseID)
	if err != nil {
		return nil, err
	}
	docket, err := pgstore.DocketOf(turn, audit.ViaCustodian, append(records, pending...))
	if err == nil && docket.Case.State == "" {
		err = refuse(order.CodeConversation)
	}
	return docket, err
}

// caseOf finds the case of an escalation by its escalation.requested entry.
func caseOf(ctx context.Context, q querier, escalationID string) (string, error) {
	var caseID string
	err := q.QueryRow(ctx, `
		SELECT case_id::text FROM sceau.entries
		WHERE subject_id = $1 AND subject_type = 'escalation' AND action = 'escalation.requested'
		ORDER BY seq LIMIT 1`, escalationID).Scan(&caseID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", refuse(order.CodeEscalation)
	case err != nil:
		return "", fmt.Errorf("%w: finding an escalation: %w", errDatabase, err)
	}
	return caseID, nil
}

// sealedMessage is what the custodian takes of a message: enough to verify and
// to unwrap, and no author or time.
type sealedMessage struct {
	position int
	sum      [32]byte // SHA-256 of the whole ciphertext
	header   []byte
}

// messagesFrom reads the messages of a case from a position on. Gaps show,
// since positions must follow each other.
func messagesFrom(ctx context.Context, q querier, caseID string, from, to int) ([]sealedMessage, error) {
	rows, err := q.Query(ctx, `
		SELECT position, ciphertext FROM sceau.messages
		WHERE case_id = $1 AND position >= $2 AND position < $3 ORDER BY position`, caseID, from, to)
	if err != nil {
		return nil, fmt.Errorf("%w: reading messages: %w", errDatabase, err)
	}
	defer rows.Close()
	var all []sealedMessage
	for rows.Next() {
		m := sealedMessage{}
		var ciphertext []byte
		if err := rows.Scan(&m.position, &ciphertext); err != nil {
			return nil, fmt.Errorf("%w: reading messages: %w", errDatabase, err)
		}
		if m.position != from+len(all) {
			return nil, fmt.Errorf("%w: message %d is missing", errAltered, from+len(all))
		}
		m.sum = sha256.Sum256(ciphertext)
		if m.header, err = seal.Header(ciphertext); err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("%w: reading messages: %w", errDatabase, err)
	}
	return all, nil
}

// allMessages stands for no limit.
const allMessages = 1 << 30
