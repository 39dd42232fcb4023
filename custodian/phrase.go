package custodian

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/conversation/phrase"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
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
	file, err := c.readable(ctx, caseID)
	if err != nil {
		return order.Phrase{}, err
	}
	if err := ownToken(ctx, c.pool, who, file); err != nil {
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
	binding, err := c.phraseBinding(ctx, caseID, same)
	if err != nil {
		return order.Phrase{}, err
	}
	if _, err := c.pool.Exec(ctx, `
		INSERT INTO sceau.phrases (case_id, hmac, binding, issued_at) VALUES ($1, $2, $3, clock_timestamp())
		ON CONFLICT (case_id) DO UPDATE SET hmac = excluded.hmac, binding = excluded.binding, issued_at = excluded.issued_at`,
		caseID, mac, binding); err != nil {
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
	var caseID, bound string
	err = c.pool.QueryRow(ctx, `SELECT case_id::text, binding FROM sceau.phrases WHERE hmac = $1`, mac).Scan(&caseID, &bound)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return order.Returned{}, refuse(order.CodePhrase)
	case err != nil:
		return order.Returned{}, fmt.Errorf("%w: finding a phrase: %w", errDatabase, err)
	}
	binding, err := c.phraseBinding(ctx, caseID, words)
	if err != nil {
		return order.Returned{}, err
	}
	if subtle.ConstantTimeCompare([]byte(binding), []byte(bound)) != 1 {
		return order.Returned{}, fmt.Errorf("%w: a phrase was moved to another case", errAltered)
	}
	if _, err := c.readable(ctx, caseID); err != nil {
		if errors.Is(err, errDestroyed) {
			err = refuse(order.CodePhrase)
		}
		return order.Returned{}, err
	}
	token, hash, err := c.mint(ctx, caseID)
	if err != nil {
		return order.Returned{}, err
	}
	if _, err := c.pool.Exec(ctx, `
		INSERT INTO sceau.tokens (token_sha256, case_id, minted_at) VALUES ($1, $2, clock_timestamp())`, hash[:], caseID); err != nil {
		return order.Returned{}, fmt.Errorf("%w: keeping a token: %w", errDatabase, err)
	}
	return order.Returned{Token: token, Case: caseID}, nil
}

// readable opens the file of a conversation that the log knows and whose key
// exists, on a log that continues what was seen.
func (c *Custodian) readable(ctx context.Context, caseID string) (*escalation.Case, error) {
	if _, err := c.lookAround(ctx); err != nil {
		return nil, err
	}
	file, err := c.readCase(ctx, caseID)
	if err != nil {
		return nil, err
	}
	if file.Key(seal.Transcript).Destroyed {
		return nil, errDestroyed
	}
	return file, nil
}
