package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
)

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Recipients are what a case's content is sealed to.
type Recipients struct{ Transcript, Identity string }

// ErrRecipient means that a case's recipient is not the one that the custodian
// created: the database was changed behind the log's back. Nothing is sealed to it.
var ErrRecipient = errors.New("the recipient is not the one in the log")

// ReadRecipients reads a case's recipients and holds each to the key.created entry
// of its class: whoever could change the row in sceau.cases would otherwise read
// everything sealed from then on. The error is [ErrRecipient] then, and
// [conversation.ErrNotFound] when there is no such case.
func ReadRecipients(ctx context.Context, q Querier, caseID string) (Recipients, error) {
	var r Recipients
	if !isUUID(caseID) {
		return r, conversation.ErrNotFound
	}
	err := q.QueryRow(ctx, `SELECT transcript_recipient, identity_recipient FROM sceau.cases WHERE case_id = $1`,
		caseID).Scan(&r.Transcript, &r.Identity)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recipients{}, conversation.ErrNotFound
	}
	if err != nil {
		return Recipients{}, fmt.Errorf("reading the recipients of case %s: %w", caseID, err)
	}
	entries, err := pglog.KeysOfCase(ctx, q, caseID)
	if err != nil {
		return Recipients{}, fmt.Errorf("reading the keys of case %s: %w", caseID, err)
	}
	logged := map[string]string{}
	for _, e := range entries {
		if e.Action == audit.ActionKeyCreated && e.Via == audit.ViaCustodian && e.Subject.Type == "key" {
			if _, twice := logged[e.Subject.ID]; !twice { // a key is created once
				logged[e.Subject.ID], _ = e.Details["recipient"].(string)
			}
		}
	}
	if logged[seal.Transcript] != seal.Fingerprint(r.Transcript) || logged[seal.Identity] != seal.Fingerprint(r.Identity) {
		return Recipients{}, fmt.Errorf("case %s: %w", caseID, ErrRecipient)
	}
	return r, nil
}

// maxKnown bounds the memory of verified recipients: 4 kB each when hybrid.
const maxKnown = 4096

// recipients remembers what was verified: a case's keys never change.
func (s *Store) recipients(ctx context.Context, caseID string) (Recipients, error) {
	s.mu.Lock()
	r, ok := s.known[caseID]
	s.mu.Unlock()
	if ok {
		return r, nil
	}
	r, err := ReadRecipients(ctx, s.cfg.Pool, caseID)
	if err != nil {
		return Recipients{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.known) >= maxKnown {
		clear(s.known) // rare, and cheap to learn again
	}
	s.known[caseID] = r
	return r, nil
}
