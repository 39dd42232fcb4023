package pgstore_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
)

// forge puts a ready case with these recipients into the database as only the
// custodian's role can, entries and all, with signatures as given.
func (w *world) forge(logged, used keys, sign func(id string) (transcript, identity []byte)) (id string) {
	w.t.Helper()
	id = uuid.NewString()
	w.do(func(ctx context.Context, turn *pglog.Turn) (any, error) {
		seqs := map[string]int64{}
		for class, key := range map[string]*seal.Key{seal.Transcript: logged.transcript, seal.Identity: logged.identity} {
			ref, err := turn.Append(pglog.Draft{Actor: custodian, Action: audit.ActionKeyCreated, Case: id,
				Subject: audit.Subject{Type: "key", ID: class}, Details: audit.Details{"recipient": seal.Fingerprint(key.Recipient)}})
			if err != nil {
				return nil, err
			}
			seqs[class] = ref.Seq
		}
		transcript, identity := sign(id)
		_, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq,
				transcript_signature, identity_signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, used.transcript.Recipient, used.identity.Recipient,
			seqs[seal.Transcript], seqs[seal.Identity], transcript, identity)
		return nil, err
	})
	return id
}

// Whoever has the password of sceau_custodian makes ready cases to keys of their
// own, which come first in the queue. Nothing is sealed to them, the alarm is
// raised for each, and children go on opening conversations on genuine ones.
func TestNothingIsSealedToAForgedReadyCase(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	theirs := keys{newKey(t), newKey(t)}
	_, stranger, err := ed25519.GenerateKey(nil)
	w.ok(err)
	w.ready(1)
	var genuine string
	var lent struct{ transcript, identity []byte } // signatures of a genuine case
	w.ok(w.Super.QueryRow(ctx, `UPDATE sceau.cases SET opened = true RETURNING case_id::text, transcript_signature, identity_signature`).
		Scan(&genuine, &lent.transcript, &lent.identity))
	own := w.keys[genuine]

	signed := func(key ed25519.PrivateKey, transcript, identity *seal.Key) func(string) ([]byte, []byte) {
		return func(id string) ([]byte, []byte) {
			return vouch(t, key, id, seal.Transcript, transcript), vouch(t, key, id, seal.Identity, identity)
		}
	}
	forged := map[string]string{
		"unsigned":                         w.forge(theirs, theirs, func(string) ([]byte, []byte) { return nil, nil }),
		"signed by themselves":             w.forge(theirs, theirs, signed(stranger, theirs.transcript, theirs.identity)),
		"with the signatures of a genuine": w.forge(theirs, theirs, func(string) ([]byte, []byte) { return lent.transcript, lent.identity }),
		"with the recipients of a genuine": w.forge(own, own, func(string) ([]byte, []byte) { return lent.transcript, lent.identity }),
		"with one class's for both":        w.forge(theirs, keys{own.transcript, own.transcript}, signed(vouching, own.transcript, own.identity)),
		"of which only the identity is not": w.forge(theirs, theirs, func(id string) ([]byte, []byte) {
			return vouch(t, vouching, id, seal.Transcript, theirs.transcript), nil
		}),
		"of which only the transcript is not": w.forge(theirs, theirs, func(id string) ([]byte, []byte) { return nil, vouch(t, vouching, id, seal.Identity, theirs.identity) }),
		"signed, while the log names another": w.forge(own, theirs, signed(vouching, theirs.transcript, theirs.identity)),
	}

	var told bytes.Buffer
	pool := w.Pool(t, "sceau_public")
	recipients, err := pgstore.NewRecipients(pool, seal.RecipientKeys{vouching.Public().(ed25519.PublicKey)}, slog.New(slog.NewTextHandler(&told, nil)))
	w.ok(err)
	face, err := pgstore.NewStore(pgstore.Config{Pool: pool, Log: w.log(audit.ViaPublic), Recipients: recipients})
	w.ok(err)
	opening := pgstore.Opening{PostalCode: "59000", Topic: conversation.TopicThreats, From: somewhere}
	_, err = face.Open(ctx, clientKey(), opening)
	w.refused("opening where only forged cases are ready", err, conversation.ErrNoReadyKey)
	if got := recipients.Refused(); got != uint64(len(forged)) {
		t.Errorf("%d recipients refused, want %d", got, len(forged))
	}
	for what, id := range forged {
		if strings.Count(told.String(), "level=ERROR") != len(forged) || !strings.Contains(told.String(), "case="+id) {
			t.Errorf("%s: no alarm in %s", what, &told)
		}
	}

	// They are out of the way now, for faces and for the custodian's count.
	w.exec(`UPDATE sceau.cases SET reserved_until = NULL WHERE case_id = $1`, forged["unsigned"])
	w.ready(1)
	o, err := face.Open(ctx, clientKey(), opening)
	w.ok(err)
	_, err = face.WriteAsMinor(ctx, o.Case, clientKey(), "Bonjour")
	w.ok(err)
	var sealed, waiting int
	w.ok(w.Super.QueryRow(ctx, `SELECT count(*) FROM (SELECT case_id FROM sceau.messages UNION ALL SELECT case_id FROM sceau.facets) s
		WHERE case_id <> $1`, o.Case).Scan(&sealed))
	w.ok(w.Super.QueryRow(ctx, `SELECT count(*) FROM sceau.cases WHERE NOT opened AND coalesce(reserved_until < clock_timestamp(), true)`).Scan(&waiting))
	if sealed != 0 || waiting != 0 {
		t.Errorf("%d were sealed to them, and %d are still ready", sealed, waiting)
	}
	for what, id := range forged {
		if id == o.Case {
			t.Errorf("a conversation was opened on a case %s", what)
		}
	}
}

// Recipients need a key to be believed by.
func TestNoRecipientsWithoutAKey(t *testing.T) {
	w := newWorld(t)
	if _, err := pgstore.NewRecipients(w.Pool(t, "sceau_public"), nil, nil); err == nil {
		t.Error("believing anybody")
	}
	if _, err := pgstore.NewStore(pgstore.Config{Pool: w.Pool(t, "sceau_public"), Log: w.log(audit.ViaPublic)}); err == nil {
		t.Error("conversations sealed to nobody knows whom")
	}
}
