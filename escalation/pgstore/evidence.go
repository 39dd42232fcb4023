package pgstore

import (
	"context"
	"crypto/hmac"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
)

// ErrAltered: what is stored beside the log is not what the log committed to.
var ErrAltered = errors.New("what is stored is not what the log recorded")

// ErrNoEntry: an escalation has a row, and the entries of its case know nothing
// of it. Rows and entries are written together, so somebody else wrote it.
var ErrNoEntry = errors.New("an escalation has a row and no entry")

// Narrative returns the sealed narrative of a request. Only the custodian's
// file key opens it: see [ReadNarrative].
func (s *Store) Narrative(ctx context.Context, id string) ([]byte, error) {
	var ciphertext []byte
	err := s.pool.QueryRow(ctx, `SELECT ciphertext FROM sceau.narratives WHERE escalation_id = $1`, id).Scan(&ciphertext)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("%w: the narrative of %s is missing", ErrAltered, id)
	}
	if err != nil {
		return nil, fmt.Errorf("read the narrative: %w", err)
	}
	return ciphertext, nil
}

// DecisionInput returns what policy was asked when e was requested, the danger
// assessment included, held to the commitment in the request's own leaf.
func (s *Store) DecisionInput(ctx context.Context, e *escalation.Escalation) ([]byte, error) {
	record, err := pglog.At(ctx, s.pool, e.RequestSeq)
	if err != nil {
		return nil, err
	}
	var salt, value []byte
	err = s.pool.QueryRow(ctx, `SELECT salt, value FROM sceau.openings WHERE seq = $1 AND field = 'input'`, e.RequestSeq).Scan(&salt, &value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read what policy was asked: %w", err)
	}
	if record.Hash != e.RequestHash || record.Decision == nil ||
		!hmac.Equal([]byte(audit.Commit(salt, "input", e.Case, value)), []byte(record.Decision.Input)) {
		return nil, fmt.Errorf("%w: what policy was asked for %s", ErrAltered, e.ID)
	}
	return value, nil
}
