package web_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"
)

type receipt struct {
	AsOf     string `json:"as_of"`
	Sentence string
	Openings []struct {
		Ground, How, Review string
		Facets              []string
		Told                bool
	}
}

// TestConsent: a young person agrees in their own words, somebody approves, the
// identity opens; and everything ends with the word that takes it back.
func TestConsent(t *testing.T) {
	w := newWorld(t)
	amal, bruno, diane := w.hire("amal"), w.hire("bruno"), w.hire("diane")
	diane.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "Je veux que vous préveniez ma tante."}).wants("201")
	minor.put("/api/v1/conversation/facets/contact", object{"value": "ma tante, 06 12 34 56 78"}).wants("204")
	minor.put("/api/v1/conversation/facets/name", object{"value": "Lina M."}).wants("204")

	never := minor.get("/api/v1/conversation/openings").wants("200")

	const words = "Oui, appelez ma tante, je suis d'accord."
	minor.post("/api/v1/conversation/consents", object{"facets": []string{"shoe_size"}, "words": words}).wants("consent.facets")
	minor.post("/api/v1/conversation/consents", object{"facets": []string{"contact"}, "words": "  "}).wants("words.empty")
	var given struct{ ID string }
	minor.post("/api/v1/conversation/consents", object{"facets": []string{"contact"}, "words": words}).into(&given)

	var consents struct {
		Consents []struct {
			ID, Words string
			Withdrawn bool
		}
	}
	amal.get(talk + "/consents").into(&consents)
	if len(consents.Consents) != 1 || consents.Consents[0].Words != words || consents.Consents[0].ID != given.ID {
		t.Fatalf("the agent reads %+v", consents)
	}
	bruno.get(talk + "/consents").wants("conversation.not_found")

	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	ask := func(facets ...string) object {
		return object{
			"ground": "consent", "assessment": danger(), "facets": facets, "consent": given.ID, "narrative": "Elle le demande.",
			"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
		}
	}
	amal.post(talk+"/escalations", ask("name")).wants("consent.other_facets")
	var esc struct{ ID, State, Request, Consent string }
	amal.post(talk+"/escalations", ask("contact")).into(&esc)
	if esc.State != "requested" || esc.Consent != given.ID {
		t.Fatalf("asked: %+v", esc)
	}
	about := "/api/v1/escalations/" + esc.ID
	var evidence struct{ Words, Scope string }
	diane.post(about+"/evidence", object{}).into(&evidence)
	if evidence.Words != words || evidence.Scope != "messages" {
		t.Fatalf("the supervisor reads %+v", evidence)
	}
	diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"contact"}}).wants("200")

	// Approved, not opened: to the minor that is the same as never.
	if got := minor.get("/api/v1/conversation/openings").wants("200"); !bytes.Equal(got.raw, never.raw) {
		t.Errorf("before anything was opened:\n%s\nand when nothing was asked:\n%s", got.raw, never.raw)
	}
	var identity struct {
		Facets []struct{ Facet, Value string }
	}
	amal.post(about+"/identity", object{"facets": []string{"contact"}}).into(&identity)
	if len(identity.Facets) != 1 || !strings.HasPrefix(identity.Facets[0].Value, "ma tante") {
		t.Fatalf("opened: %+v", identity)
	}
	var told receipt
	minor.get("/api/v1/conversation/openings").into(&told)
	if len(told.Openings) != 1 || told.Openings[0].Ground != "consent" || strings.Join(told.Openings[0].Facets, " ") != "contact" {
		t.Errorf("the minor is told %+v", told)
	}

	minor.post("/api/v1/conversation/consents/"+given.ID+"/withdraw", object{}).wants("204")
	amal.post(about+"/identity", object{"facets": []string{"contact"}}).wants("consent.withdrawn")
	amal.get(about).into(&esc)
	if esc.State != "closed" {
		t.Errorf("after the consent was taken back: %s", esc.State)
	}
	amal.post(talk+"/escalations", ask("contact")).wants("consent.withdrawn")
	minor.post("/api/v1/conversation/consents/"+given.ID+"/withdraw", object{}).wants("204") // what is so already is so
	w.open().post("/api/v1/conversation/consents/"+given.ID+"/withdraw", object{}).wants("consent.not_found")
}

// TestTheLogIsNotWrittenFull: each look at who opened an identity is an entry, and one
// conversation gets only so many; another's are its own.
func TestTheLogIsNotWrittenFull(t *testing.T) {
	w := newWorld(t)
	hostile, other := w.open(), w.open()
	entries := w.entries()
	answers := map[string]int{}
	for range 40 {
		answers[hostile.get("/api/v1/conversation/openings").code()]++
	}
	if n := w.entries() - entries; answers["200"] != 20 || answers["rate.limited"] != 20 || n != 20 {
		t.Errorf("forty looks: %v, and %d entries", answers, n)
	}
	other.get("/api/v1/conversation/openings").wants("200")
}

// TestOpenedAndNotTellable: what was opened in danger, and not told yet, answers as if
// nothing had ever been opened, to the byte and with the same statements.
func TestOpenedAndNotTellable(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal"), w.hire("diane")
	diane.get("/api/v1/me").wants("200")
	opened, about := w.opened(amal, diane)
	never := w.open()

	got, want := opened.get("/api/v1/conversation/openings").wants("200"), never.get("/api/v1/conversation/openings").wants("200")
	if !bytes.Equal(got.raw, want.raw) {
		t.Errorf("opened and not tellable:\n%s\nnever opened:\n%s", got.raw, want.raw)
	}
	day := time.Now().UTC().Format(time.DateOnly)
	english := opened.with("Accept-Language", "en").get("/api/v1/conversation/openings")
	if !strings.Contains(string(english.raw), `"No opening that we may tell you about, as of `+day+`. In danger or on a magistrate's order we may have to wait."`) {
		t.Errorf("in English: %s", english.raw)
	}

	var due struct{ Due []struct{ ID string } }
	amal.get("/api/v1/tellings").into(&due)
	if len(due.Due) != 1 || about != "/api/v1/escalations/"+due.Due[0].ID {
		t.Fatalf("to tell: %+v", due)
	}
	amal.post(about+"/tellings", object{"outcome": "unsafe"}).wants("telling.not_coded")
	amal.post(about+"/tellings", object{"outcome": "unsafe", "reason": "perpetrator_reads"}).wants("200")
	if got := opened.get("/api/v1/conversation/openings"); !bytes.Equal(got.raw, want.raw) {
		t.Errorf("unsafe to tell: %s", got.raw)
	}
	amal.post(about+"/tellings", object{"outcome": "told"}).wants("200")
	var told receipt
	opened.get("/api/v1/conversation/openings").into(&told)
	if len(told.Openings) != 1 || told.Openings[0].How != "approved" || !told.Openings[0].Told {
		t.Errorf("after telling: %+v", told)
	}
	amal.get("/api/v1/tellings").into(&due)
	if len(due.Due) != 0 {
		t.Errorf("still to tell: %+v", due)
	}
}

// opened plays an escalation in danger to its opening.
func (w *world) opened(amal, diane *client) (minor *client, about string) {
	w.t.Helper()
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "il arrive"}).wants("201")
	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	var esc struct{ ID, Request string }
	amal.post(talk+"/escalations", object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection"}, "narrative": "Il arrive.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}).into(&esc)
	about = "/api/v1/escalations/" + esc.ID
	diane.post(about+"/evidence", object{}).wants("200")
	diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"connection"}}).wants("200")
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("200")
	return minor, about
}

// TestRevoke: a supervisor ends an opening under way.
func TestRevoke(t *testing.T) {
	w := newWorld(t)
	amal, diane, etienne := w.hire("amal"), w.hire("diane"), w.hire("etienne")
	diane.get("/api/v1/me").wants("200")
	_, about := w.opened(amal, diane)
	etienne.post(about+"/revoke", object{"reason": "because"}).wants("revocation.not_coded")
	w.hire("amal-superviseur").post(about+"/revoke", object{"reason": "misuse"}).wants("approver.same_person")
	etienne.post(about+"/revoke", object{"reason": "misuse"}).wants("200")
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("escalation.wrong_state")
	var esc struct{ State, Revocation string }
	amal.get(about).into(&esc)
	if esc.State != "revoked" || esc.Revocation != "misuse" {
		t.Errorf("%+v", esc)
	}
	etienne.post(about+"/review", object{"request": strings.Repeat("A", 43) + "=", "verdict": "abusive"}).wants("escalation.request_changed")
}

// TestRequisition: two roles answer, and the privacy officer sees the order and no message.
func TestRequisition(t *testing.T) {
	w := newWorld(t)
	amal, diane, hana := w.hire("amal"), w.hire("diane"), w.hire("hana")
	diane.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "on me fait chanter"}).wants("201")
	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	ask := func(requisition object) object {
		return object{
			"ground": "judicial_requisition", "assessment": danger(), "facets": []string{"connection"}, "narrative": "Réquisition reçue.",
			"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}}, "requisition": requisition,
		}
	}
	amal.post(talk+"/escalations", ask(object{"authority": "prosecutor", "reference": "", "facets": []string{"connection"}, "listed_case": "three_years"})).wants("requisition.incomplete")
	amal.post(talk+"/escalations", ask(object{"authority": "prosecutor", "reference": "PR 2026/118", "facets": []string{"connection"}})).wants("requisition.case_not_listed")
	var esc struct{ ID, Request, State, Authority string }
	amal.post(talk+"/escalations", ask(object{
		"authority": "prosecutor", "reference": "PR 2026/118", "facets": []string{"connection"}, "listed_case": "three_years",
	})).into(&esc)
	about := "/api/v1/escalations/" + esc.ID
	yes := object{"request": esc.Request, "facets": []string{"connection"}}

	var pending struct{ Pending []struct{ ID string } }
	hana.get("/api/v1/escalations").into(&pending)
	if len(pending.Pending) != 1 {
		t.Fatalf("the privacy officer's queue: %+v", pending)
	}
	hana.post(about+"/approve", yes).wants("evidence.not_read")
	var evidence struct {
		Scope, Narrative string
		Messages         []shownMessage
		Requisition      struct{ Authority, Reference string }
	}
	answer := hana.post(about+"/evidence", object{}).into(&evidence)
	if evidence.Scope != "requisition" || len(evidence.Messages) > 0 || evidence.Narrative != "" || evidence.Requisition.Reference != "PR 2026/118" ||
		strings.Contains(string(answer.raw), "chanter") {
		t.Fatalf("the privacy officer sees %s", answer.raw)
	}
	diane.post(about+"/evidence", object{}).wants("200")
	diane.post(about+"/approve", yes).into(&esc)
	if esc.State != "requested" {
		t.Fatalf("one of two: %s", esc.State)
	}
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("approvals.missing")
	hana.post(about+"/approve", yes).into(&esc)
	if esc.State != "approved" {
		t.Fatalf("both: %s", esc.State)
	}
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("200")
}

// TestErasure: asked by the minor, kept by a hold, granted by a privacy officer; then
// nobody reads it any more.
func TestErasure(t *testing.T) {
	w := newWorld(t)
	amal, hana := w.hire("amal"), w.hire("hana")
	minor, id := w.talk(amal)
	minor.post("/api/v1/conversation/messages", object{"text": "effacez tout"}).wants("201")

	var mine struct {
		Messages []struct{ Text string }
	}
	copied := minor.get("/api/v1/conversation/copy").into(&mine)
	if len(mine.Messages) != 1 || mine.Messages[0].Text != "effacez tout" {
		t.Fatalf("the copy: %+v", mine)
	}
	if name := copied.header.Get("Content-Disposition"); name != `attachment; filename="notes.json"` {
		t.Errorf("the copy is called %s", name)
	}

	var asked struct{ ID string }
	minor.post("/api/v1/conversation/erasures", object{}).into(&asked)
	minor.post("/api/v1/conversation/erasures", object{}).wants("erasure.already_requested")
	var set struct{ ID string }
	hana.post("/api/v1/privacy/holds", object{"conversation": id, "reason": "proceedings"}).into(&set)
	decide := "/api/v1/privacy/erasures/" + asked.ID + "/decide"
	hana.post(decide, object{"verdict": "granted"}).wants("hold.set")
	lift := "/api/v1/privacy/holds/" + set.ID + "/lift"
	hana.post(lift, object{"reason": "proceedings"}).wants("approver.same_person")
	w.hire("leila").post(lift, object{"reason": "proceedings"}).wants("200")
	var waiting struct {
		Erasures []struct{ ID, Conversation string }
	}
	hana.get("/api/v1/privacy/erasures").into(&waiting)
	if len(waiting.Erasures) != 1 || waiting.Erasures[0].Conversation != id {
		t.Fatalf("the register: %+v", waiting)
	}
	hana.post(decide, object{"verdict": "granted"}).wants("200")
	hana.post(decide, object{"verdict": "granted"}).wants("erasure.not_pending")

	w.eventually("the conversation is erased", func() bool {
		return amal.get("/api/v1/conversations/"+id+"/messages").status == http.StatusGone
	})
	minor.get("/api/v1/conversation/messages").wants("conversation.erased")
	var became struct{ Erasures []struct{ State string } }
	minor.get("/api/v1/conversation/erasures").into(&became)
	if len(became.Erasures) != 1 || became.Erasures[0].State != "granted" {
		t.Errorf("the minor is told %+v", became)
	}
	hana.get("/api/v1/privacy/due?within_days=1").wants("200")
	hana.get("/api/v1/privacy/holds?all=true").wants("200")
}

// TestOpinion: a psychologist's word is taken from the log, not from the agent.
func TestOpinion(t *testing.T) {
	w := newWorld(t)
	amal, farah, diane := w.hire("amal"), w.hire("farah"), w.hire("diane")
	diane.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "je n'en peux plus"}).wants("201")
	farah.post(talk+"/opinions", object{"opinion": "danger", "note": "x"}).wants("conversation.not_found")
	farah.post(talk+"/join", object{}).wants("200")
	farah.post(talk+"/opinions", object{"opinion": "perhaps", "note": "x"}).wants("opinion.unknown")
	farah.post(talk+"/opinions", object{"opinion": "danger", "note": "Propos suicidaires répétés."}).wants("201")
	var seen struct {
		Opinions []struct{ Opinion, Note string }
	}
	amal.get(talk + "/opinions").into(&seen)
	if len(seen.Opinions) != 1 || seen.Opinions[0].Note != "Propos suicidaires répétés." {
		t.Fatalf("the agent reads %+v", seen)
	}

	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	calm := danger()
	calm["violence"], calm["perpetrator_present"], calm["immediacy"] = "none", "no", "hours"
	var esc struct{ ID, State string }
	amal.post(talk+"/escalations", object{
		"ground": "imminent_danger", "assessment": calm, "facets": []string{"connection"}, "narrative": "La psychologue est inquiète.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}).into(&esc)
	if esc.State != "requested" {
		t.Fatalf("on the psychologist's opinion: %+v", esc)
	}
	var evidence struct {
		Opinion struct{ Opinion, Note string }
	}
	diane.post("/api/v1/escalations/"+esc.ID+"/evidence", object{}).into(&evidence)
	if evidence.Opinion.Note != "Propos suicidaires répétés." {
		t.Errorf("the supervisor reads %+v", evidence)
	}
}

// TestDuty: signing out ends a session for good; being on call has an end.
func TestDuty(t *testing.T) {
	w := newWorld(t)
	diane := w.hire("diane")
	diane.put("/api/v1/me/on-call", object{"until": time.Now().Add(48 * time.Hour)}).wants("request.invalid")
	diane.put("/api/v1/me/on-call", object{"until": time.Now().Add(8 * time.Hour)}).wants("204")
	var me struct {
		OnCall *time.Time `json:"on_call_until"`
	}
	if diane.get("/api/v1/me").into(&me); me.OnCall == nil || time.Until(*me.OnCall) < 7*time.Hour {
		t.Errorf("on call until %v", me.OnCall)
	}
	diane.send(http.MethodDelete, "/api/v1/me/on-call", nil).wants("204")
	me.OnCall = nil
	if diane.get("/api/v1/me").into(&me); me.OnCall != nil {
		t.Errorf("on call still, until %v", me.OnCall)
	}
	diane.send(http.MethodDelete, "/api/v1/me/session", nil).wants("204")
	diane.get("/api/v1/me").wants("token.expired")
}
