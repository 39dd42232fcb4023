package web_test

import "testing"

// TestAskingAPsychologistIn: an agent asks, psychologists see it and nobody else does,
// one comes, and the list is empty again.
func TestAskingAPsychologistIn(t *testing.T) {
	w := newWorld(t)
	amal, bruno, farah := w.hire("amal"), w.hire("bruno"), w.hire("farah")
	bruno.get("/api/v1/me").wants("200")
	farah.get("/api/v1/me").wants("200")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id
	type queue struct {
		Waiting []struct{ ID string }
		Asked   []struct{ ID, Topic string }
	}
	sees := func(c *client, calls int) {
		t.Helper()
		var q queue
		c.get("/api/v1/conversations").into(&q)
		if len(q.Asked) != calls || calls > 0 && (q.Asked[0].ID != id || q.Asked[0].Topic != "threats") {
			t.Errorf("the list is %+v", q)
		}
	}
	asked := func() (out struct {
		At string `json:"psychologist_asked_at"`
	}) {
		amal.get(talk).into(&out)
		return out
	}
	sees(farah, 0)
	var q queue
	w.open() // a child who waits for an agent
	farah.get("/api/v1/conversations").into(&q)
	if len(q.Waiting) != 0 {
		t.Error("a psychologist sees who waits for an agent")
	}
	before := w.entries()
	bruno.post(talk+"/psychologist", object{}).wants("conversation.not_found")
	farah.post(talk+"/psychologist", object{}).wants("role.not_allowed")
	once := amal.with("Idempotency-Key", "ask-a-psychologist-once")
	once.post(talk+"/psychologist", object{}).wants("204")
	once.post(talk+"/psychologist", object{}).wants("204")
	amal.post(talk+"/psychologist", object{}).wants("psychologist.already_asked")
	if n := w.entries() - before; n != 1 {
		t.Errorf("%d entries for one asking", n)
	}
	sees(farah, 1)
	sees(bruno, 0)
	if asked().At == "" {
		t.Error("the agent does not see that they asked")
	}
	farah.post(talk+"/join", object{}).wants("200")
	sees(farah, 0)
	if asked().At != "" {
		t.Error("the call stands though one has come")
	}
	amal.post(talk+"/psychologist", object{}).wants("psychologist.present")
	farah.post(talk+"/leave", object{}).wants("204")
	sees(farah, 0)
	amal.post(talk+"/psychologist", object{}).wants("204") // again
	sees(farah, 1)
	minor.post("/api/v1/conversation/close", object{}).wants("204")
	sees(farah, 0)
	amal.post(talk+"/psychologist", object{}).wants("conversation.closed")
}
