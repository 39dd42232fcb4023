package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/conversation"
)

// ByToken returns the case that a conversation token opens. Refusal: [conversation.ErrNotFound].
func (s *Store) ByToken(ctx context.Context, token string) (caseID string, err error) {
	hash, ok := conversation.HashToken(token)
	if !ok {
		return "", conversation.ErrNotFound
	}
	caseID, _, err = CaseOfToken(ctx, s.cfg.Pool, hash)
	return caseID, err
}

// CaseOfToken finds the case that the rows give a minor's token, by its hash, and says
// whether the token was minted on a return. A token that was ended opens none. A row alone
// proves nothing: the custodian holds both kinds of token to more. Refusal:
// [conversation.ErrNotFound].
func CaseOfToken(ctx context.Context, q Querier, hash [32]byte) (caseID string, minted bool, err error) {
	err = q.QueryRow(ctx, `SELECT t.case_id::text, t.minted
		FROM (SELECT case_id, false AS minted FROM sceau.conversations WHERE token_sha256 = $1
			UNION ALL SELECT case_id, true FROM sceau.tokens WHERE token_sha256 = $1) t
		WHERE NOT EXISTS (SELECT FROM sceau.ended_tokens e WHERE e.token_sha256 = $1)`, hash[:]).Scan(&caseID, &minted)
	if errors.Is(err, pgx.ErrNoRows) {
		return "", false, conversation.ErrNotFound
	}
	if err != nil {
		return "", false, fmt.Errorf("looking for a token: %w", err)
	}
	return caseID, minted, nil
}

// EndToken makes a token open nothing, for good: whoever copied it from the browser that
// held it has nothing either. Ending it again changes nothing.
func (s *Store) EndToken(ctx context.Context, token string) error {
	hash, ok := conversation.HashToken(token)
	if !ok {
		return conversation.ErrNotFound
	}
	_, err := s.cfg.Pool.Exec(ctx, `INSERT INTO sceau.ended_tokens VALUES ($1) ON CONFLICT DO NOTHING`, hash[:])
	if err != nil {
		return fmt.Errorf("ending a token: %w", err)
	}
	return nil
}
