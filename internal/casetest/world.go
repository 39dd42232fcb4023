// Package casetest gives tests a world in which cases happen: both faces and a
// custodian's hands on one real database, staff, and a policy in force. What it
// does, it does with the role and through the code that a service would use;
// only case keys stay in its memory, where a test can look at them.
package casetest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/netip"
	"testing"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// A World is one database and everything that writes to it.
type World struct {
	*pgtest.DB
	t testing.TB

	Public, Staff *conversationstore.Store
	Policy        *policystore.Active
	Keys          map[string]Keys    // by case
	Signers       *devsigners.People // who change the policy in force

	logs     map[audit.Via]*pglog.Log
	vouching ed25519.PrivateKey // signs recipients, as Vault would
}

// Keys are what a custodian would keep in Vault.
type Keys struct{ Transcript, Identity *seal.Key }

// New makes a world in which this variant of the embedded policy is in force.
func New(t testing.TB, v policy.Variant) *World {
	t.Helper()
	w := &World{DB: pgtest.New(t), t: t, Keys: map[string]Keys{}, logs: map[audit.Via]*pglog.Log{}}
	var err error
	if w.Signers, err = devsigners.New(); err != nil {
		t.Fatal(err)
	}
	if _, w.vouching, err = ed25519.GenerateKey(nil); err != nil {
		t.Fatal(err)
	}
	w.Policy = policystore.NewActive(w.Pinned())
	w.Public, w.Staff = w.store(audit.ViaPublic), w.store(audit.ViaStaff)
	w.Activate(v)
	return w
}

// Log writes via the given process.
func (w *World) Log(via audit.Via) *pglog.Log {
	w.t.Helper()
	if l := w.logs[via]; l != nil {
		return l
	}
	l, err := pglog.Open(w.t.Context(), pglog.Config{Pool: w.Pool(w.t, "sceau_"+string(via)), Via: via})
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(l.Close)
	w.logs[via] = l
	return l
}

func (w *World) store(via audit.Via) *conversationstore.Store {
	w.t.Helper()
	s, err := conversationstore.NewStore(conversationstore.Config{
		Pool: w.Pool(w.t, "sceau_"+string(via)), Log: w.Log(via), Recipients: w.Recipients(via),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// Recipients finds what is sealed to, as the given process does.
func (w *World) Recipients(via audit.Via) *conversationstore.Recipients {
	w.t.Helper()
	public := seal.RecipientKeys{w.vouching.Public().(ed25519.PublicKey)}
	r, err := conversationstore.NewRecipients(w.Pool(w.t, "sceau_"+string(via)), public, slog.New(slog.DiscardHandler))
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// Activate puts this variant of the embedded policy in force.
func (w *World) Activate(v policy.Variant) {
	w.t.Helper()
	if _, err := w.Signers.Activate(w.t.Context(), w.Log(audit.ViaOperator), v); err != nil {
		w.t.Fatal(err)
	}
}

// Pinned believes the two people who change this world's policy.
func (w *World) Pinned() policy.Verification {
	w.t.Helper()
	pinned, err := w.Signers.Pin(pgtest.Origin)
	if err != nil {
		w.t.Fatal(err)
	}
	return pinned
}

// Hire makes accounts with a session in their role.
func (w *World) Hire(who ...audit.Actor) {
	w.t.Helper()
	pool := w.Pool(w.t, "sceau_staff")
	for _, a := range who {
		for _, insert := range []struct {
			sql  string
			args []any
		}{
			{`INSERT INTO sceau.persons VALUES ($1, 'https://issuer', $1) ON CONFLICT DO NOTHING`, []any{a.Person}},
			{`INSERT INTO sceau.staff (staff_id, issuer, subject, person_id) VALUES ($1, 'https://issuer', $1, $2) ON CONFLICT DO NOTHING`, []any{a.ID, a.Person}},
			{`INSERT INTO sceau.staff_sessions (session_id, issuer, sid_sha256, staff_id, role, signed_in_seq)
			VALUES ($1, 'https://issuer', sha256(convert_to($1, 'UTF8')), $2, $3, 0)`, []any{a.Session, a.ID, a.Role}},
		} {
			if _, err := pool.Exec(w.t.Context(), insert.sql, insert.args...); err != nil {
				w.t.Fatal(err)
			}
		}
	}
}

// Member makes a member of staff with one account, hired.
func (w *World) Member(id, person, role string) audit.Actor {
	w.t.Helper()
	a := audit.Actor{ID: "s-" + id, Person: "p-" + person, Role: role, Unit: "u-1", Session: "x-" + id + "-" + role}
	w.Hire(a)
	return a
}

// Ready makes a ready case as the custodian does, with X25519 keys for speed.
func (w *World) Ready() string {
	w.t.Helper()
	id, k := uuid.NewString(), Keys{newKey(w.t), newKey(w.t)}
	_, err := w.Log(audit.ViaCustodian).Do(w.t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		var seqs [2]int64
		for i, key := range []*seal.Key{k.Transcript, k.Identity} {
			ref, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionKeyCreated, Case: id,
				Subject: audit.Subject{Type: "key", ID: []string{seal.Transcript, seal.Identity}[i]},
				Details: audit.Details{"recipient": seal.Fingerprint(key.Recipient)}})
			if err != nil {
				return nil, err
			}
			seqs[i] = ref.Seq
		}
		_, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq,
				transcript_signature, identity_signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, id, k.Transcript.Recipient, k.Identity.Recipient, seqs[0], seqs[1],
			w.vouch(id, seal.Transcript, k.Transcript), w.vouch(id, seal.Identity, k.Identity))
		return nil, err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.Keys[id] = k
	return id
}

// vouch signs a recipient.
func (w *World) vouch(id, class string, k *seal.Key) []byte {
	w.t.Helper()
	statement, err := seal.RecipientStatement(id, class, k.Recipient)
	if err != nil {
		w.t.Fatal(err)
	}
	return ed25519.Sign(w.vouching, statement)
}

// Opened opens a conversation, lets agent join it, and writes texts as the minor.
func (w *World) Opened(agent audit.Actor, texts ...string) (caseID string) {
	w.t.Helper()
	w.Ready()
	o, err := w.Public.Open(w.t.Context(), ClientKey(), conversationstore.Opening{
		PostalCode: "59000", Topic: conversation.TopicThreats,
		From: conversation.Connection{Address: netip.MustParseAddr("2001:db8::7"), Port: 40123},
	})
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.Staff.Join(w.t.Context(), agent, o.Case, ClientKey()); err != nil {
		w.t.Fatal(err)
	}
	for _, text := range texts {
		if _, err := w.Public.WriteAsMinor(w.t.Context(), o.Case, ClientKey(), text); err != nil {
			w.t.Fatal(err)
		}
	}
	return o.Case
}

// ClientKey is a fresh idempotency key.
func ClientKey() string {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

func newKey(t testing.TB) *seal.Key {
	t.Helper()
	k, err := seal.NewKey(false)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
