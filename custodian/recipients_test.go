package custodian_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
)

// Whoever has sceau_custodian's password, or is a superuser, has everything in
// PostgreSQL that the custodian has, and no AppRole: what they make ready, no
// face seals to, and the custodian goes on making genuine cases.
func TestAForgedReadyCaseOpensNothing(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	opening := conversationstore.Opening{
		PostalCode: "35000", Topic: conversation.TopicThreats,
		From: conversation.Connection{Address: netip.MustParseAddr("2001:db8::7"), Port: 40123},
	}
	w.stop()
	w.exec(`UPDATE sceau.cases SET opened = true`) // theirs is the only one
	transcript, err := seal.NewKey(false)
	w.must(err)
	identity, err := seal.NewKey(false)
	w.must(err)
	log := w.log(audit.ViaCustodian)
	forge := func(row func(ctx context.Context, turn *pglog.Turn, id string, seqs map[string]int64) error) string {
		id := uuid.NewString()
		seqs := map[string]int64{}
		_, err := log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			for class, key := range map[string]*seal.Key{seal.Transcript: transcript, seal.Identity: identity} {
				ref, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "custodian", Role: "custodian"}, Action: audit.ActionKeyCreated, Case: id,
					Subject: audit.Subject{Type: "key", ID: class}, Details: audit.Details{"recipient": seal.Fingerprint(key.Recipient)}})
				if err != nil {
					return nil, err
				}
				seqs[class] = ref.Seq
			}
			if row != nil {
				return nil, row(ctx, turn, id, seqs)
			}
			return nil, nil
		})
		w.must(err)
		if row == nil {
			w.exec(insertCase, id, transcript.Recipient, identity.Recipient, seqs[seal.Transcript], seqs[seal.Identity])
		}
		return id
	}
	forged := []string{
		forge(func(ctx context.Context, turn *pglog.Turn, id string, seqs map[string]int64) error {
			_, err := turn.Tx.Exec(ctx, insertCase, id, transcript.Recipient, identity.Recipient, seqs[seal.Transcript], seqs[seal.Identity])
			return err
		}),
		forge(nil), // the row by a superuser, with triggers off
	}

	_, err = w.public.Open(ctx, key(), opening)
	if !errors.Is(err, conversation.ErrNoReadyKey) {
		t.Errorf("a conversation opens on a forged case: %v", err)
	}
	w.start()
	var opened conversationstore.Opened
	w.eventually("children open conversations again", func() bool {
		opened, err = w.public.Open(ctx, key(), opening)
		return err == nil
	})
	var sealed int
	w.must(w.Super.QueryRow(ctx, `SELECT count(*) FROM (SELECT case_id FROM sceau.messages UNION ALL SELECT case_id FROM sceau.facets) s
		WHERE case_id = ANY($1::uuid[])`, forged).Scan(&sealed))
	if sealed != 0 {
		t.Errorf("%d were sealed to forged cases", sealed)
	}
	public := w.recipients(audit.ViaPublic)
	if _, err := public.Of(ctx, opened.Case); err != nil {
		t.Error(err)
	}
	for _, id := range forged {
		if _, err := public.Of(ctx, id); !errors.Is(err, conversationstore.ErrRecipient) {
			t.Errorf("a forged case's recipients: %v", err)
		}
	}
}

const insertCase = `INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq,
		transcript_signature, identity_signature)
	VALUES ($1, $2, $3, $4, $5, decode(repeat('00', 64), 'hex'), decode(repeat('00', 64), 'hex'))`
