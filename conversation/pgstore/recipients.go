package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
)

// ErrRecipient means that a case's recipient is not one that the custodian made:
// somebody wrote to the database. Nothing is sealed to it.
var ErrRecipient = errors.New("the recipient is not the custodian's")

// A Recipient pair is what a case's content is sealed to.
type Recipient struct{ Transcript, Identity string }

// Recipients finds what cases are sealed to. Its methods may be called from any
// goroutine.
type Recipients struct {
	pool    *pgxpool.Pool
	keys    seal.RecipientKeys
	logger  *slog.Logger
	refused atomic.Uint64

	mu    sync.Mutex
	known map[string]Recipient // verified; public values only
}

// NewRecipients believes what one of the keys has signed, and refuses to work
// without any. The logger is slog.Default when nil.
func NewRecipients(pool *pgxpool.Pool, keys seal.RecipientKeys, logger *slog.Logger) (*Recipients, error) {
	if pool == nil || len(keys) == 0 {
		return nil, errors.New("recipients need a database and a key that signs them")
	}
	if logger == nil {
		logger = slog.Default()
	}
	return &Recipients{pool: pool, keys: keys, logger: logger, known: map[string]Recipient{}}, nil
}

// maxKnown bounds the memory of verified recipients: 4 kB each when hybrid.
const maxKnown = 4096

// Of reads a case's recipients and holds each to the custodian's signature and
// to the key.created entry of its class. The signature is what counts against
// whoever writes to the database, who can write the entry too; the entry makes
// everybody see which key is in use. The error is [conversation.ErrNotFound],
// [ErrRecipient], or the database's.
func (r *Recipients) Of(ctx context.Context, caseID string) (Recipient, error) {
	if !audit.IsUUID(caseID) {
		return Recipient{}, conversation.ErrNotFound
	}
	r.mu.Lock()
	to, ok := r.known[caseID]
	r.mu.Unlock()
	if ok {
		return to, nil
	}
	var signed struct{ transcript, identity []byte }
	err := r.pool.QueryRow(ctx, `
		SELECT transcript_recipient, identity_recipient, transcript_signature, identity_signature
		FROM sceau.cases WHERE case_id = $1`,
		caseID).Scan(&to.Transcript, &to.Identity, &signed.transcript, &signed.identity)
	if errors.Is(err, pgx.ErrNoRows) {
		return Recipient{}, conversation.ErrNotFound
	}
	if err != nil {
		return Recipient{}, fmt.Errorf("reading the recipients of case %s: %w", caseID, err)
	}
	err = errors.Join(
		r.keys.Verify(caseID, seal.Transcript, to.Transcript, signed.transcript),
		r.keys.Verify(caseID, seal.Identity, to.Identity, signed.identity))
	if err != nil {
		return Recipient{}, r.refuse(caseID, err)
	}
	if err := r.logged(ctx, caseID, to); err != nil {
		return Recipient{}, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.known) >= maxKnown {
		clear(r.known) // rare, and cheap to learn again
	}
	r.known[caseID] = to
	return to, nil
}

// Refused is how often a recipient was refused since the start: anything above
// zero means that somebody writes to the database, or that a wrong key is pinned.
func (r *Recipients) Refused() uint64 { return r.refused.Load() }

// logged compares with the log.
func (r *Recipients) logged(ctx context.Context, caseID string, to Recipient) error {
	entries, err := pglog.KeysOfCase(ctx, r.pool, caseID)
	if err != nil {
		return fmt.Errorf("reading the keys of case %s: %w", caseID, err)
	}
	created := map[string]string{}
	for _, e := range entries {
		if e.Action == audit.ActionKeyCreated && e.Via == audit.ViaCustodian && e.Subject.Type == "key" {
			if _, twice := created[e.Subject.ID]; !twice { // a key is created once
				created[e.Subject.ID], _ = e.Details["recipient"].(string)
			}
		}
	}
	if created[seal.Transcript] != seal.Fingerprint(to.Transcript) || created[seal.Identity] != seal.Fingerprint(to.Identity) {
		return r.refuse(caseID, errors.New("the log names another"))
	}
	return nil
}

// refuse raises the alarm.
func (r *Recipients) refuse(caseID string, why error) error {
	r.refused.Add(1)
	r.logger.Error("a case's recipient is refused: somebody wrote to the database, or seal.recipients_public_keys is not the custodian's key",
		"case", caseID, "cause", why.Error())
	return fmt.Errorf("case %s: %w: %w", caseID, ErrRecipient, why)
}
