package custodian

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
)

// A minor's token is 32 bytes that PostgreSQL keeps the hash of. A row alone
// proves nothing, since whoever has the database could put the hash of a token
// of their own beside a child's case. So:
//
//   - the token of the opening has its hash in the entry conversation.opened;
//   - a token minted on return is 16 random bytes and 16 that only Vault can
//     compute from them and the case;
//   - a phrase's row has an HMAC of phrase and case together.

const nonceSize = 16

// tokenMAC is the second half of a minted token.
func (c *Custodian) tokenMAC(ctx context.Context, caseID string, nonce []byte) ([]byte, error) {
	// Phrases have letters and spaces only: no phrase is one of these.
	mac, err := c.vault.HMAC(ctx, "sceau.token/v1\n"+caseID+"\n"+hex.EncodeToString(nonce))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(mac))
	return sum[:nonceSize], nil
}

// phraseBinding is what ties a phrase to its case.
func (c *Custodian) phraseBinding(ctx context.Context, caseID, words string) (string, error) {
	return c.vault.HMAC(ctx, "sceau.phrase/v1\n"+caseID+"\n"+words)
}

// mint makes a token of a case, and the hash to keep of it.
func (c *Custodian) mint(ctx context.Context, caseID string) (order.Secret, [32]byte, error) {
	nonce := make([]byte, nonceSize)
	if _, err := io.ReadFull(c.random, nonce); err != nil {
		return "", [32]byte{}, fmt.Errorf("drawing a token: %w", err)
	}
	mac, err := c.tokenMAC(ctx, caseID, nonce)
	if err != nil {
		return "", [32]byte{}, err
	}
	token := base64.RawURLEncoding.EncodeToString(append(nonce, mac...))
	hash, ok := conversation.HashToken(token)
	if !ok {
		return "", [32]byte{}, errors.New("a minted token has the wrong form")
	}
	return order.Secret(token), hash, nil
}

// minorCase finds the case that a minor's token opens, and says whether the
// token was minted on a return.
func minorCase(ctx context.Context, q querier, hash [32]byte) (caseID string, minted bool, err error) {
	caseID, minted, err = conversationstore.CaseOfToken(ctx, q, hash)
	switch {
	case errors.Is(err, conversation.ErrNotFound):
		return "", false, refuse(order.CodeTokenInvalid)
	case err != nil:
		return "", false, fmt.Errorf("%w: %w", errDatabase, err)
	}
	return caseID, minted, nil
}

// ownCase finds the case of a minor and holds a minted token to what Vault
// says of it. The token of the opening is held to its entry, by ownToken.
func (c *Custodian) ownCase(ctx context.Context, who bearer) (string, error) {
	caseID, minted, err := minorCase(ctx, c.pool, who.minor)
	if err != nil || !minted {
		return caseID, err
	}
	token, err := base64.RawURLEncoding.DecodeString(string(who.token))
	if err != nil || len(token) != 2*nonceSize {
		return "", refuse(order.CodeTokenInvalid)
	}
	defer clear(token)
	mac, err := c.tokenMAC(ctx, caseID, token[:nonceSize])
	if err != nil {
		return "", err
	}
	if subtle.ConstantTimeCompare(mac, token[nonceSize:]) != 1 {
		return "", fmt.Errorf("%w: a token of this case was minted by somebody else", errAltered)
	}
	return caseID, nil
}

// ownToken says whether a token is one of the case in this file.
func ownToken(ctx context.Context, q querier, who bearer, file *escalation.Case) error {
	own, minted, err := minorCase(ctx, q, who.minor)
	switch {
	case err != nil:
		return err
	case own != file.Case:
		return refuse(order.CodeConversation)
	case !minted && file.Token != "sha256:"+hex.EncodeToString(who.minor[:]):
		return fmt.Errorf("%w: the token is not the one that opened the conversation", errAltered)
	}
	return nil
}
