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
	return s.opened(ctx, e, "input", func(l audit.Entry) string {
		if l.Decision == nil {
			return ""
		}
		return l.Decision.Input
	})
}

// Reference returns the reference of the order that e rests on, held to the commitment
// in the request's own leaf; "" for another ground than judicial_requisition.
func (s *Store) Reference(ctx context.Context, e *escalation.Escalation) (string, error) {
	if e.Ground != escalation.GroundJudicialRequisition {
		return "", nil
	}
	value, err := s.opened(ctx, e, "reference", func(l audit.Entry) string { return l.Commitments["reference"] })
	return string(value), err
}

// opened reads what was laid open beside the request, and holds it to its commitment.
func (s *Store) opened(ctx context.Context, e *escalation.Escalation, field string, commitment func(audit.Entry) string) ([]byte, error) {
	record, err := pglog.At(ctx, s.pool, e.RequestSeq)
	if err != nil {
		return nil, err
	}
	var salt, value []byte
	err = s.pool.QueryRow(ctx, `SELECT salt, value FROM sceau.openings WHERE seq = $1 AND field = $2`, e.RequestSeq, field).Scan(&salt, &value)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("read the %s of a request: %w", field, err)
	}
	if record.Hash != e.RequestHash || !hmac.Equal([]byte(audit.Commit(salt, field, e.Case, value)), []byte(commitment(record.Entry))) {
		return nil, fmt.Errorf("%w: the %s of %s", ErrAltered, field, e.ID)
	}
	return value, nil
}
