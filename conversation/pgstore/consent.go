package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
)

// Recorded is something that now stands in the log under an id of its own.
type Recorded struct {
	ID string    `json:"id"`
	At time.Time `json:"at"`
}

// GiveConsent records that the minor agrees to the opening of these facets, in their
// own words, which are sealed. It may name what was not entrusted yet, and the
// connection. Refusals: [conversation.ErrConsentFacets], those of [conversation.CheckWords],
// [conversation.ErrNotFound], [conversation.ErrClosed], [conversation.ErrErased],
// [conversation.ErrConsentTooMany].
func (s *Store) GiveConsent(ctx context.Context, caseID, key string, facets []conversation.Facet, words string) (Recorded, error) {
	names := conversation.FormatFacets(facets)
	if _, err := conversation.ParseFacets(names); err != nil || strings.Count(names, ",")+1 != len(facets) {
		return Recorded{}, conversation.ErrConsentFacets
	}
	if err := conversation.CheckWords(words); err != nil {
		return Recorded{}, err
	}
	to, err := s.cfg.Recipients.Of(ctx, caseID)
	if err != nil {
		return Recorded{}, err
	}
	id, said := uuid.NewString(), seal.NewText(words)
	ciphertext, header, err := said.Seal(to.Transcript, seal.Consent(caseID, id))
	if err != nil {
		return Recorded{}, err
	}
	draft := pglog.Draft{Actor: minorActor, Action: audit.ActionConsentGiven, Case: caseID,
		Subject:     audit.Subject{Type: "consent", ID: id},
		Details:     audit.Details{"facets": names, "words": header},
		Commitments: audit.Commitments{"words": audit.Commit(said.Salt, "words", caseID, []byte(said.Text))}}
	return s.record(ctx, idempotency(minorOf(caseID), key, "consent", names, words), caseID, func(ctx context.Context, turn *pglog.Turn, r row) (Recorded, error) {
		var given int
		if err := turn.Tx.QueryRow(ctx, `SELECT count(*) FROM sceau.consents WHERE case_id = $1`, caseID).Scan(&given); err != nil {
			return Recorded{}, fmt.Errorf("counting consents: %w", err)
		}
		switch {
		case r.erased:
			return Recorded{}, conversation.ErrErased
		case r.state == conversation.StateClosed:
			return Recorded{}, conversation.ErrClosed
		case given >= conversation.MaxConsents:
			return Recorded{}, conversation.ErrConsentTooMany
		}
		ref, err := turn.Append(draft)
		if err != nil {
			return Recorded{}, err
		}
		_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.consents (consent_id, case_id, facets, words, given_at, given_seq) VALUES ($1, $2, $3, $4, $5, $6)`,
			id, caseID, names, ciphertext, ref.At, ref.Seq)
		if err != nil {
			return Recorded{}, fmt.Errorf("keeping a consent: %w", err)
		}
		return Recorded{ID: id, At: ref.At}, nil
	})
}

// WithdrawConsent takes a consent back, at any time, also when the conversation is
// closed. What rests on it ends in the same transaction: a trigger closes those
// escalations, which this face may not even see. Withdrawing what is withdrawn succeeds.
// Refusals: [conversation.ErrNotFound], [conversation.ErrConsent].
func (s *Store) WithdrawConsent(ctx context.Context, caseID, key, consentID string) error {
	if !audit.IsUUID(consentID) {
		return conversation.ErrConsent
	}
	return s.act(ctx, idempotency(minorOf(caseID), key, "withdraw", consentID), caseID, func(ctx context.Context, turn *pglog.Turn, _ row) error {
		var stands bool
		err := turn.Tx.QueryRow(ctx, `SELECT withdrawn_seq IS NULL FROM sceau.consents WHERE consent_id = $1 AND case_id = $2`,
			consentID, caseID).Scan(&stands)
		switch {
		case errors.Is(err, pgx.ErrNoRows):
			return conversation.ErrConsent
		case err != nil:
			return fmt.Errorf("looking for a consent: %w", err)
		case !stands:
			return nil
		}
		ref, err := turn.Append(pglog.Draft{Actor: minorActor, Action: audit.ActionConsentWithdrawn, Case: caseID,
			Subject: audit.Subject{Type: "consent", ID: consentID}})
		if err != nil {
			return err
		}
		if _, err := turn.Tx.Exec(ctx, `UPDATE sceau.consents SET withdrawn_seq = $2 WHERE consent_id = $1`, consentID, ref.Seq); err != nil {
			return fmt.Errorf("withdrawing a consent: %w", err)
		}
		return nil
	})
}

// Consents lists the consents of a case in the order in which they were given. Whoever
// asks must have been let in by [Store.ByToken] or [Store.ViewAsStaff].
func (s *Store) Consents(ctx context.Context, caseID string) ([]conversation.SealedConsent, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT consent_id::text, facets, given_at, withdrawn_seq IS NOT NULL, words
		FROM sceau.consents WHERE case_id = $1 ORDER BY given_seq`, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading consents: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (conversation.SealedConsent, error) {
		var g conversation.SealedConsent
		var facets string
		err := row.Scan(&g.ID, &facets, &g.At, &g.Withdrawn, &g.Ciphertext)
		g.At = g.At.UTC()
		for name := range strings.SplitSeq(facets, ",") {
			g.Facets = append(g.Facets, conversation.Facet(name))
		}
		return g, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading consents: %w", err)
	}
	return list, nil
}

// RecordOpinion records what a psychologist of the conversation thinks of the danger,
// and why, sealed. The latest opinion is the one that counts. Refusals: [conversation.ErrRole],
// [conversation.ErrOpinion], those of [conversation.CheckText], [conversation.ErrNotFound],
// [conversation.ErrClosed], [conversation.ErrErased].
func (s *Store) RecordOpinion(ctx context.Context, who audit.Actor, caseID, key, opinion, note string) (Recorded, error) {
	if who.Role != conversation.RolePsychologist {
		return Recorded{}, conversation.ErrRole
	}
	if !slices.Contains(conversation.Opinions, opinion) {
		return Recorded{}, conversation.ErrOpinion
	}
	if err := conversation.CheckText(note); err != nil {
		return Recorded{}, err
	}
	switch in, err := s.takesPart(ctx, who, caseID); { // as in WriteAsStaff
	case err != nil:
		return Recorded{}, err
	case !in:
		return Recorded{}, conversation.ErrNotFound
	}
	to, err := s.cfg.Recipients.Of(ctx, caseID)
	if err != nil {
		return Recorded{}, err
	}
	id, said := uuid.NewString(), seal.NewText(note)
	ciphertext, header, err := said.Seal(to.Transcript, seal.Opinion(caseID, id))
	if err != nil {
		return Recorded{}, err
	}
	draft := pglog.Draft{Actor: who, Action: audit.ActionOpinionRecorded, Case: caseID,
		Subject:     audit.Subject{Type: "opinion", ID: id},
		Details:     audit.Details{"opinion": opinion, "note": header},
		Commitments: audit.Commitments{"note": audit.Commit(said.Salt, "note", caseID, []byte(said.Text))}}
	return s.record(ctx, idempotency(who.ID, key, "opinion", caseID, opinion, note), caseID, func(ctx context.Context, turn *pglog.Turn, r row) (Recorded, error) {
		in, err := present(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return Recorded{}, err
		case in.role[who.ID] != conversation.RolePsychologist:
			return Recorded{}, conversation.ErrNotFound
		case r.erased:
			return Recorded{}, conversation.ErrErased
		case r.state == conversation.StateClosed:
			return Recorded{}, conversation.ErrClosed
		}
		ref, err := turn.Append(draft)
		if err != nil {
			return Recorded{}, err
		}
		_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.opinions (opinion_id, case_id, staff_id, opinion, note, recorded_at, recorded_seq) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, caseID, who.ID, opinion, ciphertext, ref.At, ref.Seq)
		if err != nil {
			return Recorded{}, fmt.Errorf("keeping an opinion: %w", err)
		}
		return Recorded{ID: id, At: ref.At}, nil
	})
}

// Opinions lists the opinions of a case in the order in which they were recorded.
// Whoever asks must have been let in by [Store.ViewAsStaff]. The public face may not:
// what a psychologist thinks of a child is not told on its screen.
func (s *Store) Opinions(ctx context.Context, caseID string) ([]conversation.SealedOpinion, error) {
	rows, err := s.cfg.Pool.Query(ctx, `SELECT opinion_id::text, staff_id, opinion, recorded_at, note
		FROM sceau.opinions WHERE case_id = $1 ORDER BY recorded_seq`, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading opinions: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (conversation.SealedOpinion, error) {
		var o conversation.SealedOpinion
		err := row.Scan(&o.ID, &o.By, &o.Opinion, &o.At, &o.Ciphertext)
		o.At = o.At.UTC()
		return o, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading opinions: %w", err)
	}
	return list, nil
}
