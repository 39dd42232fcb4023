package custodian_test

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// between restarts the custodian, and does something once between the key of the
// next release and its outcome.
func (w *world) between(do func()) {
	w.t.Helper()
	w.stop()
	done := false
	w.config.Reached = func(s custodian.Step) {
		if s == custodian.StepUnwrapped && !done {
			done = true
			do()
		}
	}
	w.start()
}

// asks requests on another ground, citing message 1.
func (w *world) asks(p person, k talk, ask pgstore.Ask) pgstore.Receipt {
	w.t.Helper()
	messages, err := w.staff.MessagesAt(context.Background(), k.id, []int{1})
	w.must(err)
	ask.Case, ask.Narrative = k.id, "Elle est d'accord."
	ask.Danger = danger
	ask.Evidence = []pgstore.Citation{{Position: 1, Sum: sha256.Sum256(messages[0].Ciphertext)}}
	r, err := w.escalations.Request(context.Background(), pglog.Idempotency{}, p.Actor, ask)
	w.must(err)
	if r.State != "requested" {
		w.t.Fatalf("the request is %s: %v", r.State, r.Reasons)
	}
	return r
}

func TestConsentIsReadAndTakenBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal, diane, farah := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor"), w.hire("farah", "P-F", "psychologist")
	k, other := w.open("Oui je veux bien"), w.open("Bonjour")
	w.join(amal, k)
	w.join(farah, k)
	given, err := w.public.GiveConsent(ctx, k.id, key(), []conversation.Facet{"name"}, "Vous pouvez donner mon prénom")
	w.must(err)
	opinion, err := w.staff.RecordOpinion(ctx, farah.Actor, k.id, key(), "no_danger", "Elle va mieux")
	w.must(err)
	r := w.asks(amal, k, pgstore.Ask{Ground: "consent", Facets: []string{"name"}, Consent: given.ID})

	words := func(key order.Key) string {
		list, err := w.staff.Consents(ctx, k.id)
		w.must(err)
		text, err := list[0].Open(k.id, key)
		w.must(err)
		return text
	}
	note := func(key order.Key) string {
		list, err := w.staff.Opinions(ctx, k.id)
		w.must(err)
		text, err := list[0].Open(k.id, key)
		w.must(err)
		return text
	}
	evidence, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
	w.must(err)
	if evidence.Words == nil || evidence.Words.ID != given.ID || words(evidence.Words.Key) != "Vous pouvez donner mon prénom" {
		t.Errorf("the words in evidence: %+v", evidence.Words)
	}
	if evidence.Note == nil || evidence.Note.ID != opinion.ID || note(evidence.Note.Key) != "Elle va mieux" {
		t.Errorf("the note in evidence: %+v", evidence.Note)
	}

	// In a reading session, by those who read the conversation.
	ask := order.Unwrap{Consents: []string{given.ID, "00000000-0000-4000-8000-000000000000"}, Opinions: []string{opinion.ID}}
	for _, p := range []person{amal, farah} {
		_, session, err := w.read(p.caller(), k)
		w.must(err)
		ask.Caller = p.caller()
		got, err := w.client.Unwrap(ctx, session.Session, ask)
		w.must(err)
		if len(got.Words) != 1 || words(got.Words[0].Key) != "Vous pouvez donner mon prénom" || len(got.Notes) != 1 || note(got.Notes[0].Key) != "Elle va mieux" || len(got.Keys) != 0 {
			t.Errorf("%s unwraps %+v", p.Role, got)
		}
	}
	_, own, err := w.read(k.caller(), k)
	w.must(err)
	_, err = w.client.Unwrap(ctx, own.Session, order.Unwrap{Caller: k.caller(), Opinions: []string{opinion.ID}})
	w.refused("the minor asks for a note", err, policy.ReasonRoleNotAllowed)
	got, err := w.client.Unwrap(ctx, own.Session, order.Unwrap{Caller: k.caller(), Consents: []string{given.ID}})
	w.must(err)
	if len(got.Words) != 1 || words(got.Words[0].Key) != "Vous pouvez donner mon prénom" {
		t.Errorf("the minor unwraps %+v", got)
	}
	_, theirs, err := w.read(other.caller(), other)
	w.must(err)
	got, err = w.client.Unwrap(ctx, theirs.Session, order.Unwrap{Caller: other.caller(), Consents: []string{given.ID}})
	w.must(err)
	if len(got.Words) != 0 {
		t.Error("another child unwraps these words")
	}
	_, err = w.client.Unwrap(ctx, own.Session, order.Unwrap{Caller: k.caller(), To: order.MaxUnwrap, Consents: []string{given.ID}})
	w.refused("one too many", err, order.CodeMalformed)

	// Words that were changed are named, and stop nothing else.
	w.exec(`UPDATE sceau.consents SET words = (SELECT note FROM sceau.opinions LIMIT 1)`)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	ask.Caller = amal.caller()
	got, err = w.client.Unwrap(ctx, session.Session, ask)
	w.must(err)
	if len(got.Words) != 0 || len(got.Notes) != 1 || strings.Join(got.Altered, ",") != given.ID {
		t.Errorf("altered words: %+v", got)
	}
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
	w.refused("altered words in evidence", err, order.CodeAltered)

	// Taken back between the intent and its outcome.
	request, err := audit.ParseHash(r.Request)
	w.must(err)
	_, err = w.escalations.Approve(ctx, pglog.Idempotency{}, diane.Actor, r.ID, request, []string{"name"})
	w.must(err)
	w.between(func() { w.must(w.public.WithdrawConsent(ctx, k.id, key(), given.ID)) })
	released, err := w.release(amal.caller(), r.ID, "name")
	w.refused("withdrawn on its way", err, policy.ReasonConsentWithdrawn)
	if len(released.Keys) != 0 {
		t.Error("keys were handed over")
	}
	if got := w.actions(k, audit.ActionEscalationApproved); got != "escalation.approved identity.release_ordered consent.withdrawn identity.release_failed" {
		t.Errorf("the log says %s", got)
	}
	_, err = w.release(amal.caller(), r.ID, "name")
	if err == nil {
		t.Error("a withdrawn consent opens")
	}
}

// What a magistrate orders is answered by a supervisor and a privacy officer, and
// the officer sees no message of the child.
func TestAPrivacyOfficerReadsTheOrderOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal, diane, nora := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor"), w.hire("nora", "P-N", "privacy_officer")
	k := w.open("Il a dit son nom")
	w.join(amal, k)
	r := w.asks(amal, k, pgstore.Ask{Ground: "judicial_requisition", Facets: []string{"name"}, Requisition: pgstore.Requisition{
		Authority: "prosecutor", Reference: "2026/118", Facets: []string{"name"}}})
	before := len(w.vaultReads(k))
	got, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: nora.caller(), Escalation: r.ID})
	w.must(err)
	if got.Scope != order.ScopeRequisition || got.Request != r.Request || len(got.Keys) != 0 || got.Narrative != nil || got.Words != nil || got.Note != nil {
		t.Errorf("the privacy officer got %+v", got)
	}
	if reads := w.vaultReads(k); len(reads) != before {
		t.Error("a key was read for the privacy officer")
	}
	w.reads(diane, r)
	request, err := audit.ParseHash(r.Request)
	w.must(err)
	for _, p := range []person{diane, nora} {
		_, err := w.escalations.Approve(ctx, pglog.Idempotency{}, p.Actor, r.ID, request, []string{"name"})
		w.must(err)
	}
	released, err := w.release(amal.caller(), r.ID, "name")
	w.must(err)
	if w.values(k, released) != "name=Camille" {
		t.Errorf("released %s", w.values(k, released))
	}
	// On another ground there is nothing for them to read.
	danger := w.open("Il entre")
	w.must(w.staff.HandOver(ctx, amal.Actor, k.id, w.hire("jo", "P-J", "agent").ID, key()))
	w.join(amal, danger)
	other := w.request(amal, danger, "name")
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: nora.caller(), Escalation: other.ID})
	if err == nil {
		t.Error("a privacy officer reads the evidence of an imminent danger")
	}
}

// The public face, broken into, adds names that nobody can open, or that are not
// there. The agent gets the others, and is told; so is the log.
func TestOneAlteredItemDoesNotStopTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	agent, _, k, r := w.granted("name", "connection")
	other := w.open("Une autre")
	var foreign []byte
	w.must(w.Super.QueryRow(ctx, `SELECT ciphertext FROM sceau.facets WHERE case_id = $1 AND facet = 'name'`, other.id).Scan(&foreign))
	header, err := seal.Header(foreign)
	w.must(err)
	public := w.log(audit.ViaPublic)
	for number, sum := range []string{1: seal.HeaderSum(header), 2: "sha256:" + strings.Repeat("0", 64)} {
		if sum == "" {
			continue
		}
		_, err := public.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			ref, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "minor", Role: "minor"}, Action: audit.ActionIdentitySealed, Case: k.id,
				Subject: audit.Subject{Type: "facet", ID: "name"}, Details: audit.Details{"header": sum, "number": int64(number)}})
			if err != nil {
				return nil, err
			}
			_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.facets (case_id, facet, number, ciphertext, sealed_seq) VALUES ($1, 'name', $2, $3, $4)`,
				k.id, number, foreign, ref.Seq)
			return nil, err
		})
		w.must(err)
	}
	got, err := w.release(agent.caller(), r.ID, "name", "connection")
	w.must(err)
	if values := w.values(k, got); !strings.Contains(values, "name=Camille") || !strings.Contains(values, "connection=") || len(got.Keys) != 2 {
		t.Errorf("released %s", values)
	}
	if len(got.Altered) != 2 || got.Altered[0] != (order.FacetItem{Facet: "name", Number: 1}) || got.Altered[1] != (order.FacetItem{Facet: "name", Number: 2}) {
		t.Errorf("altered: %+v", got.Altered)
	}
	records, err := pglog.ByCase(ctx, w.Super, k.id, 0)
	w.must(err)
	outcome := records[len(records)-1]
	if outcome.Action != audit.ActionIdentityReleased || outcome.Details["altered"] != "name:1,name:2" {
		t.Errorf("the outcome is %s %v", outcome.Action, outcome.Details)
	}
	// With nothing left, nothing was opened.
	w.exec(`UPDATE sceau.facets SET number = 9 WHERE case_id = $1 AND facet = 'name' AND number = 0`, k.id)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("only altered items", err, order.CodeAltered)
	if got := w.actions(k, audit.ActionIdentityReleased); !strings.HasSuffix(got, "identity.release_ordered identity.release_failed") {
		t.Errorf("the log says %s", got)
	}
}
