package custodian

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation/phrase"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
)

// phraseEvery is how often a conversation may be given another phrase: whoever
// holds a token must not use up what all others have for theirs.
const phraseEvery = time.Minute

// newPhrase issues the recovery phrase of a minor's conversation, and writes
// that it did. Only its HMAC is kept, under a pepper that never leaves Vault:
// neither PostgreSQL nor a backup of it can be searched for phrases.
func (c *Custodian) newPhrase(ctx context.Context, o order.NewPhrase) (order.Phrase, error) {
	who, err := c.authenticateMinor(ctx, o.Caller)
	if err != nil {
		return order.Phrase{}, err
	}
	caseID, err := c.ownCase(ctx, who)
	if err != nil {
		return order.Phrase{}, err
	}
	at, err := c.lookAround(ctx)
	if err != nil {
		return order.Phrase{}, err
	}
	// Looked at before the common bucket, and again when it is written.
	if err := c.issuedLately(ctx, c.pool, caseID, at); err != nil {
		return order.Phrase{}, err
	}
	if !c.issuing.Allow() {
		return order.Phrase{}, refuse(order.CodeRate)
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
	err = c.recordMinor(ctx, caseID, audit.ActionPhraseIssued, func(turn *pglog.Turn, file *escalation.Case) error {
		if err := ownToken(ctx, turn.Tx, who, file); err != nil {
			return err
		}
		if err := c.issuedLately(ctx, turn.Tx, caseID, turn.At); err != nil {
			return err
		}
		_, err := turn.Tx.Exec(ctx, `
			INSERT INTO sceau.phrases (case_id, hmac, binding, issued_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (case_id) DO UPDATE SET hmac = excluded.hmac, binding = excluded.binding, issued_at = excluded.issued_at`,
			caseID, mac, binding, turn.At)
		if err != nil {
			return fmt.Errorf("%w: keeping a phrase: %w", errDatabase, err)
		}
		return nil
	})
	if err != nil {
		return order.Phrase{}, err
	}
	return order.Phrase{Phrase: order.Secret(words)}, nil
}

// issuedLately refuses when the conversation was given a phrase a moment ago.
// The row says it, which only the custodian writes: whoever else could is told
// nothing by it.
func (c *Custodian) issuedLately(ctx context.Context, q querier, caseID string, now time.Time) error {
	var last time.Time
	err := q.QueryRow(ctx, `SELECT issued_at FROM sceau.phrases WHERE case_id = $1`, caseID).Scan(&last)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil
	case err != nil:
		return fmt.Errorf("%w: looking for a phrase: %w", errDatabase, err)
	case now.Before(last.Add(c.config.PhraseEvery)):
		return refuse(order.CodeRate)
	}
	return nil
}

// returnWith trades a phrase for a token, which ends those before, and writes that it
// did. What is no phrase, a phrase of nobody, and one of a conversation that was erased answer
// alike.
func (c *Custodian) returnWith(ctx context.Context, o order.Return) (order.Returned, error) {
	if !c.returning.Allow() {
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
	caseID, bound, err := phraseOf(ctx, c.pool, mac)
	if err != nil {
		return order.Returned{}, err
	}
	binding, err := c.phraseBinding(ctx, caseID, words)
	if err != nil {
		return order.Returned{}, err
	}
	if subtle.ConstantTimeCompare([]byte(binding), []byte(bound)) != 1 {
		return order.Returned{}, fmt.Errorf("%w: a phrase was moved to another case", errAltered)
	}
	token, hash, err := c.mint(ctx, caseID)
	if err != nil {
		return order.Returned{}, err
	}
	err = c.recordMinor(ctx, caseID, audit.ActionPhraseReturned, func(turn *pglog.Turn, _ *escalation.Case) error {
		// Another may have replaced it since it was found.
		if now, still, err := phraseOf(ctx, turn.Tx, mac); err != nil || now != caseID || still != bound {
			return cmp.Or(err, error(refuse(order.CodePhrase)))
		}
		// Who has the phrase is the child; whoever else holds a token copied it.
		_, err := turn.Tx.Exec(ctx, `
			INSERT INTO sceau.ended_tokens
			SELECT token_sha256 FROM sceau.conversations WHERE case_id = $1
			UNION ALL SELECT token_sha256 FROM sceau.tokens WHERE case_id = $1
			ON CONFLICT DO NOTHING`, caseID)
		if err != nil {
			return fmt.Errorf("%w: ending the tokens before: %w", errDatabase, err)
		}
		_, err = turn.Tx.Exec(ctx, `
			INSERT INTO sceau.tokens (token_sha256, case_id, minted_at) VALUES ($1, $2, $3)`, hash[:], caseID, turn.At)
		if err != nil {
			return fmt.Errorf("%w: keeping a token: %w", errDatabase, err)
		}
		return nil
	})
	if errors.Is(err, errDestroyed) {
		err = refuse(order.CodePhrase)
	}
	if err != nil {
		return order.Returned{}, err
	}
	return order.Returned{Token: token, Case: caseID}, nil
}

func phraseOf(ctx context.Context, q querier, mac string) (caseID, binding string, err error) {
	err = q.QueryRow(ctx, `SELECT case_id::text, binding FROM sceau.phrases WHERE hmac = $1`, mac).Scan(&caseID, &binding)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return "", "", refuse(order.CodePhrase)
	case err != nil:
		return "", "", fmt.Errorf("%w: finding a phrase: %w", errDatabase, err)
	}
	return caseID, binding, nil
}

// recordMinor writes what a minor did to their access, together with the rows
// that it changes, when the conversation can still be read.
func (c *Custodian) recordMinor(ctx context.Context, caseID string, action audit.Action,
	change func(*pglog.Turn, *escalation.Case) error,
) error {
	_, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		docket, err := c.openDocket(ctx, turn, caseID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		if docket.Case.Key(seal.Transcript).Destroyed {
			return "", pglog.Ref{}, errDestroyed
		}
		if err := change(turn, docket.Case); err != nil {
			return "", pglog.Ref{}, err
		}
		ref, err := docket.Append(audit.Entry{Action: action, Case: caseID}, minorActor, nil, nil)
		return caseID, ref, err
	})
	return err
}
