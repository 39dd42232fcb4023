package custodian_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation/pgstore"
)

// A leaf that is JSON, and not as the verifier spells it, would take its case out of
// use, and every export with it: PostgreSQL lets no process write one.
func TestNoFaceWritesALeafThatNobodyCanRead(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	amal := w.hire("amal", "P-A", "agent")
	k := w.open("Au secours")
	w.join(amal, k)
	for _, rest := range []string{
		`,"details":{"x":1.5}}`, `,"details":{"x":null}}`, `,"details":{"x":{}}}`, `,"details":{"b":1,"a":1}}`,
		`,"details":{"x":"deux mots"}}`, `,"details":{"x":1},"x":1}`, `,"details":{"x":1,"x":2}}`, `, "details":{"x":1}}`,
		`,"details":{"x":12345678901234567}}`, `,"ground":""}`,
	} {
		tx, err := w.Pool(t, "sceau_staff").Begin(ctx)
		w.must(err)
		var seq int64
		var prev []byte
		var at, clock time.Time
		w.must(tx.QueryRow(ctx, `SELECT seq, hash, at, clock FROM sceau.lock_head()`).Scan(&seq, &prev, &at, &clock))
		if clock.After(at) {
			at = clock
		}
		leaf := fmt.Sprintf(`{"v":1,"seq":%d,"at":"%s","prev":"%s","via":"staff","actor":{"id":"x"},"action":"escalation.widened","case":"%s"%s`,
			seq, audit.FormatTime(at), base64.StdEncoding.EncodeToString(prev), k.id, rest)
		sum := sha256.Sum256(append([]byte{0}, leaf...))
		_, err = tx.Exec(ctx, `INSERT INTO sceau.entries (seq, at, case_id, hash, leaf, via, action, actor_id)
			VALUES ($1, $2, $3, $4, $5, 'staff', 'escalation.widened', 'x')`, seq, at, k.id, sum[:], []byte(leaf))
		if err == nil {
			t.Errorf("the staff face may write %s", rest)
		}
		w.must(tx.Rollback(ctx))
	}
	if _, _, err := w.read(amal.caller(), k); err != nil {
		t.Errorf("the case is out of use: %v", err)
	}
}

// A row of another case that names a child's consent must not keep the child from
// taking it back.
func TestAPlantedRowKeepsNoConsent(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k, other := w.open("Oui je veux bien"), w.open("autre")
	w.join(amal, k)
	given, err := w.public.GiveConsent(ctx, k.id, key(), []conversation.Facet{"name"}, "Vous pouvez")
	w.must(err)
	r := w.asks(amal, k, pgstore.Ask{Ground: "consent", Facets: []string{"name"}, Consent: given.ID})
	w.approve(diane, r, "name")

	id := uuid.NewString()
	_, err = w.staffLog.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		ref, err := turn.Append(pglog.Draft{
			Actor: amal.Actor, Action: audit.ActionEscalationRequested, Case: other.id, Ground: "consent",
			Subject: audit.Subject{Type: "escalation", ID: id},
		})
		if err != nil {
			return nil, err
		}
		_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.escalations
			(escalation_id, case_id, requester_id, requester_person, ground, state, requested_at, deadline, last_seq, consent_id)
			VALUES ($1, $2, $3, $4, 'consent', 'requested', $5, $5, $6, $7)`, id, other.id, amal.ID, amal.Person, turn.At, ref.Seq, given.ID)
		return nil, err
	})
	if err == nil {
		t.Error("a row of another case may name the consent")
	}
	w.must(w.public.WithdrawConsent(ctx, k.id, key(), given.ID))
	if _, err := w.release(amal.caller(), r.ID, "name"); err == nil {
		t.Error("the grant outlives the consent")
	}
}

// One human under two accounts is one voice: no agent is their own psychologist.
func TestNobodyIsTheirOwnPsychologist(t *testing.T) {
	w := newWorld(t)
	ctx := context.Background()
	amal, twin := w.hire("amal", "P-A", "agent"), w.hire("amal2", "P-A", "psychologist")
	k := w.open("Bonjour")
	w.join(amal, k)
	if err := w.staff.Join(ctx, twin.Actor, k.id, key()); !errors.Is(err, conversation.ErrAlreadyJoined) {
		t.Errorf("joins under another account: %v", err)
	}
	if _, err := w.staff.RecordOpinion(ctx, twin.Actor, k.id, key(), "danger", "note"); err == nil {
		t.Error("records an opinion on their own conversation")
	}
}
