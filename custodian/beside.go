package custodian

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
)

// What is sealed to the transcript key beside the messages: the words of a
// consent, the note of an opinion. The log holds the hash of each header.

const (
	consentWords = `SELECT words FROM sceau.consents WHERE consent_id = $1 AND case_id = $2`
	opinionNote  = `SELECT note FROM sceau.opinions WHERE opinion_id = $1 AND case_id = $2`
)

// sealedBeside reads one header with its row's query, and holds it to the log.
// It is errAltered when there is no such row, or other bytes.
func sealedBeside(ctx context.Context, q querier, row, id, caseID, sum string) (header []byte, err error) {
	var ciphertext []byte
	switch err := q.QueryRow(ctx, row, id, caseID).Scan(&ciphertext); {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, fmt.Errorf("%w: %s is missing", errAltered, id)
	case err != nil:
		return nil, fmt.Errorf("%w: reading what is sealed beside the messages: %w", errDatabase, err)
	}
	if header, err = seal.Header(ciphertext); err != nil || seal.HeaderSum(header) != sum {
		return nil, fmt.Errorf("%w: %s is not what was sealed", errAltered, id)
	}
	return header, nil
}

// keyBeside unwraps one of them.
func (c *Custodian) keyBeside(ctx context.Context, key *seal.Key, row, id, caseID, sum string) (order.SealedKey, error) {
	header, err := sealedBeside(ctx, c.pool, row, id, caseID, sum)
	if err != nil {
		return order.SealedKey{}, err
	}
	fileKey, err := key.FileKey(header)
	if err != nil {
		return order.SealedKey{}, fmt.Errorf("%w: %s: %w", errAltered, id, err)
	}
	return order.SealedKey{ID: id, Key: fileKey}, nil
}

// unwrapBeside unwraps the words and notes asked for. A compromised face can write
// an entry of words that nobody can open: that must not keep anybody from the
// others, so these are named and left out.
func (c *Custodian) unwrapBeside(ctx context.Context, s *readingSession, o order.Unwrap, keys *order.MessageKeys) error {
	one := func(row, id, sum string, into *[]order.SealedKey) error {
		k, err := c.keyBeside(ctx, s.key, row, id, s.caseID, sum)
		switch {
		case err == nil:
			*into = append(*into, k)
		case errors.Is(err, errAltered):
			c.logger.WarnContext(ctx, "what is sealed beside the messages was altered, or sealed to another key", "cause", err)
			keys.Altered = append(keys.Altered, id)
		default:
			return err
		}
		return nil
	}
	for _, g := range s.file.Consents {
		if slices.Contains(o.Consents, g.ID) {
			if err := one(consentWords, g.ID, g.Words, &keys.Words); err != nil {
				return err
			}
		}
	}
	for _, p := range s.file.Opinions {
		if slices.Contains(o.Opinions, p.ID) {
			if err := one(opinionNote, p.ID, p.Note, &keys.Notes); err != nil {
				return err
			}
		}
	}
	return nil
}

// latestNote is the latest psychologist's opinion, nil without any.
func latestNote(talk *conversation.Conversation) *conversation.Opinion {
	if n := len(talk.Opinions); n > 0 {
		return &talk.Opinions[n-1]
	}
	return nil
}
