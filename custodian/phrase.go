package custodian

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/phrase"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
)

// newPhrase issues the recovery phrase of a minor's conversation. Only its
// HMAC is kept, under a pepper that never leaves Vault: neither PostgreSQL nor
// a backup of it can be searched for phrases.
func (c *Custodian) newPhrase(ctx context.Context, o order.NewPhrase) (order.Phrase, error) {
	who, err := c.authenticateMinor(ctx, o.Caller)
	if err != nil {
		return order.Phrase{}, err
	}
	if !c.phrases.Allow() {
		return order.Phrase{}, refuse(order.CodeRate)
	}
	caseID, err := c.ownCase(ctx, who)
	if err != nil {
		return order.Phrase{}, err
	}
	words, err := phrase.New(c.random)
	if err != nil {
		return order.Phrase{}, err
	}
	same, err := phrase.Normalise(words)
	if err != nil {
		return order.Phrase{}, err
	}
	mac, err := c.vault.HMAC(ctx, same)
	if err != nil {
		return order.Phrase{}, err
	}
	if _, err := c.pool.Exec(ctx, `
		INSERT INTO sceau.phrases (case_id, hmac, issued_at) VALUES ($1, $2, clock_timestamp())
		ON CONFLICT (case_id) DO UPDATE SET hmac = excluded.hmac, issued_at = excluded.issued_at`, caseID, mac); err != nil {
		return order.Phrase{}, fmt.Errorf("%w: keeping a phrase: %w", errDatabase, err)
	}
	return order.Phrase{Phrase: order.Secret(words)}, nil
}

// returnWith trades a phrase for a token. What is no phrase, a phrase of
// nobody, and one of a conversation that was erased answer alike.
func (c *Custodian) returnWith(ctx context.Context, o order.Return) (order.Returned, error) {
	if !c.phrases.Allow() {
		return order.Returned{}, refuse(order.CodeRate)
	}
	words, err := phrase.Normalise(string(o.Phrase))
	if err != nil {
		return order.Returned{}, refuse(order.CodePhrase)
	}
	mac, err := c.vault.HMAC(ctx, words)
	if err != nil {
		return order.Returned{}, err
	}
	var caseID string
	err = c.pool.QueryRow(ctx, `SELECT case_id::text FROM sceau.phrases WHERE hmac = $1`, mac).Scan(&caseID)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return order.Returned{}, refuse(order.CodePhrase)
	case err != nil:
		return order.Returned{}, fmt.Errorf("%w: finding a phrase: %w", errDatabase, err)
	}
	if err := c.readable(ctx, caseID); err != nil {
		if errors.Is(err, errDestroyed) {
			err = refuse(order.CodePhrase)
		}
		return order.Returned{}, err
	}
	token, hash, err := conversation.NewToken(c.random)
	if err != nil {
		return order.Returned{}, err
	}
	if _, err := c.pool.Exec(ctx, `
		INSERT INTO sceau.tokens (token_sha256, case_id, minted_at) VALUES ($1, $2, clock_timestamp())`, hash[:], caseID); err != nil {
		return order.Returned{}, fmt.Errorf("%w: keeping a token: %w", errDatabase, err)
	}
	return order.Returned{Token: order.Secret(token), Case: caseID}, nil
}

// ownCase finds the case of a minor who calls, as long as it can be read.
func (c *Custodian) ownCase(ctx context.Context, who bearer) (string, error) {
	caseID, err := minorCase(ctx, c.pool, who.minor)
	if err != nil {
		return "", err
	}
	return caseID, c.readable(ctx, caseID)
}

// readable says whether the log knows the conversation and its key exists, on
// a log that continues what was seen.
func (c *Custodian) readable(ctx context.Context, caseID string) error {
	if _, err := c.lookAround(ctx, c.pool); err != nil {
		return err
	}
	file, err := openCase(ctx, c.committed, caseID)
	if err != nil {
		return err
	}
	if file.talk.Key(seal.Transcript).Destroyed {
		return errDestroyed
	}
	return nil
}
