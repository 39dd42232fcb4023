package web_test

import (
	"slices"
	"testing"
)

type previewed struct {
	Allow   bool
	Reasons []struct{ Code, Detail string }

	Approvals []struct {
		Role  string
		Count int64
	}
	AnswerWithin int64 `json:"answer_within_s"`
	GlassAfter   int64 `json:"break_glass_after_s"`
}

// TestPreview: policy says beforehand what it will say, of the same facts; and nothing
// is recorded of it.
func TestPreview(t *testing.T) {
	w := newWorld(t)
	amal, bruno := w.hire("amal"), w.hire("bruno")
	bruno.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "Il est derrière la porte."}).wants("201")
	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	ask := func(with object) object {
		asked := object{
			"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection"},
			"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
		}
		for name, value := range with {
			asked[name] = value
		}
		return asked
	}
	before := w.entries()
	says := func(asked object) previewed {
		t.Helper()
		var p previewed
		amal.post(talk+"/escalations/preview", asked).into(&p)
		return p
	}
	// Nobody is there to answer: the agent learns it before they ask.
	p := says(ask(nil))
	if p.Allow || len(p.Reasons) != 1 || p.Reasons[0].Code != "approver.nobody_on_duty" || p.Reasons[0].Detail == "" {
		t.Fatalf("with nobody on duty: %+v", p)
	}
	w.hire("diane").get("/api/v1/me").wants("200")
	before++ // diane signed in
	p = says(ask(nil))
	if !p.Allow || len(p.Approvals) != 1 || p.Approvals[0].Role != "supervisor" || p.AnswerWithin != 600 || p.GlassAfter != 300 {
		t.Fatalf("danger now: %+v", p)
	}
	hours := danger()
	hours["immediacy"] = "hours"
	if p = says(ask(object{"assessment": hours})); !p.Allow || p.GlassAfter != 0 {
		t.Errorf("danger within hours: %+v", p)
	}
	for name, c := range map[string]struct {
		with object
		code string
	}{
		"nothing answered": {object{"assessment": object{}}, "danger.not_coded"},
		"no message":       {object{"evidence": []object{}}, "evidence.missing"},
		"another message":  {object{"evidence": []object{{"position": 1, "sha256": read.Messages[0].SHA256}}}, "evidence.unknown"},
		"no facet":         {object{"facets": []string{}}, "facets.missing"},
		"no consent":       {object{"ground": "consent"}, "consent.missing"},
	} {
		asked := ask(c.with)
		p := says(asked)
		if p.Allow || !slices.ContainsFunc(p.Reasons, func(r struct{ Code, Detail string }) bool { return r.Code == c.code && r.Detail != "" }) {
			t.Errorf("%s: %+v", name, p)
		}
	}
	if n := w.entries(); n != before {
		t.Errorf("%d entries were written by asking what would be answered", n-before)
	}
	// What it says comes true.
	asked := ask(object{"assessment": object{}, "narrative": "Il y a danger."})
	p = says(asked)
	refusal := amal.post(talk+"/escalations", asked).wants("danger.not_coded").problem()
	if len(refusal.Reasons) != len(p.Reasons) {
		t.Errorf("previewed %+v, refused %+v", p.Reasons, refusal.Reasons)
	}
	amal.post(talk+"/escalations", ask(object{"narrative": "Il y a danger."})).wants("201")
	if p := says(ask(nil)); p.Allow || p.Reasons[0].Code != "escalation.already_pending" {
		t.Errorf("a second request: %+v", p)
	}

	// Refused like asking, where it is not the caller's to ask.
	bruno.post(talk+"/escalations/preview", ask(nil)).wants("conversation.not_found")
	amal.post("/api/v1/conversations/not-a-uuid/escalations/preview", ask(nil)).wants("conversation.not_found")
	var me struct{ ID string }
	bruno.get("/api/v1/me").into(&me)
	amal.post(talk+"/hand-over", object{"to": me.ID}).wants("204")
	amal.post(talk+"/escalations/preview", ask(nil)).wants("conversation.not_participant")
}

// TestColleagues: an agent sees to whom they can hand over, and nobody else does.
func TestColleagues(t *testing.T) {
	w := newWorld(t)
	amal, bruno, farah := w.hire("amal"), w.hire("bruno"), w.hire("farah")
	w.hire("diane").get("/api/v1/me").wants("200")
	var me struct{ ID string }
	bruno.get("/api/v1/me").into(&me)
	_, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	var out struct {
		Colleagues []struct{ ID, Name, Unit string }
	}
	amal.get(talk + "/colleagues").into(&out)
	if len(out.Colleagues) != 1 || out.Colleagues[0].ID != me.ID || out.Colleagues[0].Name == "" {
		t.Fatalf("amal may hand over to %+v", out)
	}
	bruno.get(talk + "/colleagues").wants("conversation.not_found")
	farah.post(talk+"/join", object{}).wants("200")
	farah.get(talk + "/colleagues").wants("role.not_allowed")
	_, err := w.db.Super.Exec(t.Context(), `UPDATE sceau.staff_sessions SET last_seen_at = now() - interval '16 minutes' WHERE staff_id = $1`, me.ID)
	w.must(err)
	amal.get(talk + "/colleagues").into(&out)
	if len(out.Colleagues) != 0 {
		t.Errorf("somebody who has gone home: %+v", out)
	}
	bruno.get("/api/v1/me").wants("200") // back
	amal.get(talk + "/colleagues").into(&out)
	if len(out.Colleagues) != 1 {
		t.Errorf("somebody who is back: %+v", out)
	}
	bruno.with("X", "").send("DELETE", "/api/v1/me/session", nil).wants("204")
	amal.get(talk + "/colleagues").into(&out)
	if len(out.Colleagues) != 0 {
		t.Errorf("somebody who signed out: %+v", out)
	}
}

// TestPrinted: paper is an entry too, while the window lasts, and the requester's alone.
func TestPrinted(t *testing.T) {
	w := newWorld(t)
	amal, diane := w.hire("amal"), w.hire("diane")
	diane.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	minor.post("/api/v1/conversation/messages", object{"text": "Il est derrière la porte."}).wants("201")
	var read shownMessages
	amal.get(talk + "/messages").into(&read)
	var esc struct{ ID, Request string }
	amal.post(talk+"/escalations", object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection"}, "narrative": "Il y a danger.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}).into(&esc)
	about := "/api/v1/escalations/" + esc.ID
	amal.post(about+"/printed", object{}).wants("escalation.wrong_state")
	diane.post(about+"/evidence", object{}).wants("200")
	diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"connection"}}).wants("200")
	amal.post(about+"/printed", object{}).wants("escalation.wrong_state")
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("200")
	var shown struct {
		State   string
		Printed []struct{ Facets []string }
	}
	before := w.entries()
	once := amal.with("Idempotency-Key", "the-same-sheet-of-paper")
	once.post(about+"/printed", object{}).into(&shown)
	once.post(about+"/printed", object{}).into(&shown)
	if shown.State != "released" || len(shown.Printed) != 1 || !slices.Equal(shown.Printed[0].Facets, []string{"connection"}) {
		t.Errorf("printed: %+v", shown)
	}
	if n := w.entries() - before; n != 1 {
		t.Errorf("%d entries for one sheet", n)
	}
	w.hire("bruno").post(about+"/printed", object{}).wants("escalation.not_found")
	diane.post(about+"/printed", object{}).wants("role.not_allowed")
	diane.post(about+"/revoke", object{"reason": "danger_over"}).wants("200")
	amal.post(about+"/printed", object{}).wants("escalation.wrong_state")
}
