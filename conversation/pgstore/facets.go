package pgstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
)

// Entrust seals what the minor tells of who they are: a facet of their choice, as
// often as they like. It opens only with their consent or under another ground.
// Refusals: [conversation.ErrFacet], [conversation.ErrFacetEmpty], [conversation.ErrFacetTooLong], [conversation.ErrFacetNotText],
// [conversation.ErrFacetTooMany], [conversation.ErrNotFound], [conversation.ErrClosed], [conversation.ErrErased].
func (s *Store) Entrust(ctx context.Context, caseID, key string, f conversation.Facet, value string) error {
	if !f.Entrusted() {
		return conversation.ErrFacet
	}
	if err := conversation.CheckFacet(value); err != nil {
		return err
	}
	return s.sealFacet(ctx, caseID, idempotency(minorOf(caseID), key, "entrust", f, value), f,
		func(to string, number int) ([]byte, error) {
			return seal.Seal(to, seal.Facet(caseID, string(f), number), []byte(value))
		})
}

// Returned seals where a minor came back from, after the custodian has traded a
// recovery phrase for a new token; of a closed conversation too. Without it the
// token must not be given out. Once the key to identities is destroyed there is nothing
// to seal to, and the minor comes in without. Refusals: [conversation.ErrNotFound],
// [conversation.ErrErased] when there is nothing left to come back to.
func (s *Store) Returned(ctx context.Context, caseID string, from conversation.Connection) error {
	from.At = s.cfg.Now()
	return s.sealFacet(ctx, caseID, pglog.Idempotency{}, conversation.FacetConnection,
		func(to string, number int) ([]byte, error) {
			return conversation.SealConnection(to, caseID, number, from)
		})
}

var errNumberTaken = errors.New("another item of the facet was sealed meanwhile")

// sealFacet seals the next item of a facet. Its number is part of what is sealed, and
// sealing must not happen under the head's lock: so the number is guessed, and
// the guess checked under the lock.
func (s *Store) sealFacet(ctx context.Context, caseID string, idem pglog.Idempotency, f conversation.Facet, content func(to string, number int) ([]byte, error)) error {
	to, err := s.cfg.Recipients.Of(ctx, caseID)
	if err != nil {
		return err
	}
	for range 10 {
		var number int
		if err := s.cfg.Pool.QueryRow(ctx, countFacet, caseID, string(f)).Scan(&number); err != nil {
			return fmt.Errorf("counting what was sealed: %w", err)
		}
		ciphertext, err := content(to.Identity, number)
		if err != nil {
			return err
		}
		header, err := headerSum(ciphertext)
		if err != nil {
			return err
		}
		item := sealedItem{caseID: caseID, facet: f, number: number, header: header, ciphertext: ciphertext}
		if _, err = s.cfg.Log.Do(ctx, idem, item.write); !errors.Is(err, errNumberTaken) {
			return err
		}
	}
	return fmt.Errorf("sealing a facet: %w", errNumberTaken)
}

const countFacet = `SELECT count(*) FROM sceau.facets WHERE case_id = $1 AND facet = $2`

type sealedItem struct {
	caseID     string
	facet      conversation.Facet
	number     int
	header     string
	ciphertext []byte
}

func (i sealedItem) write(ctx context.Context, turn *pglog.Turn) (any, error) {
	var state conversation.State
	var number int
	var readable, nameable bool
	err := turn.Tx.QueryRow(ctx, `SELECT c.state, (`+countFacet+`), k.transcript_destroyed_seq IS NULL, k.identity_destroyed_seq IS NULL
		FROM sceau.conversations c JOIN sceau.cases k USING (case_id) WHERE c.case_id = $1`,
		i.caseID, string(i.facet)).Scan(&state, &number, &readable, &nameable)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return nil, conversation.ErrNotFound
	case err != nil:
		return nil, fmt.Errorf("sealing a facet: %w", err)
	case !readable, !nameable && i.facet.Entrusted():
		return nil, conversation.ErrErased
	case !nameable:
		// The minor may still read what they wrote, and have it erased. Nothing can be
		// written any more, so nothing can call for knowing where they came from.
		return nil, nil
	case i.facet.Entrusted() && state == conversation.StateClosed:
		return nil, conversation.ErrClosed
	case i.facet.Entrusted() && number >= conversation.MaxItems:
		return nil, conversation.ErrFacetTooMany
	case number != i.number:
		return nil, errNumberTaken
	}
	ref, err := turn.Append(sealedEntry(i.caseID, i.facet, i.number, i.header))
	if err != nil {
		return nil, err
	}
	if _, err := turn.Tx.Exec(ctx, insertFacet, i.caseID, string(i.facet), i.number, i.ciphertext, ref.Seq); err != nil {
		return nil, fmt.Errorf("sealing a facet: %w", err)
	}
	return nil, nil
}
