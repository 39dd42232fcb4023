package web_test

import (
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// TestNews: each member of staff hears at once that something changed for their role,
// nothing of what, and nothing of what is not theirs.
func TestNews(t *testing.T) {
	w := newWorld(t)
	people := map[string]<-chan string{}
	amal, bruno, diane := w.hire("amal"), w.hire("bruno"), w.hire("diane")
	for name, c := range map[string]*client{
		"amal": amal, "bruno": bruno, "diane": diane, "farah": w.hire("farah"), "gilles": w.hire("gilles"), "hana": w.hire("hana"),
	} {
		people[name] = w.listen(c, "/api/v1/me/events")
		w.hears(people[name], `"changed":["`) // everything, to begin with
	}
	hears := func(name, want string) string {
		t.Helper()
		began := time.Now()
		line := w.hears(people[name], want)
		if took := time.Since(began); took > 900*time.Millisecond { // the poll of the tests is a second
			t.Errorf("%s heard %s after %v", name, want, took)
		}
		return line
	}
	// hushed says that somebody heard of something last, and of nothing before it.
	hushed := func(name, never, marker string, mark func()) {
		t.Helper()
		mark()
		timeout := time.After(10 * time.Second)
		for {
			select {
			case line := <-people[name]:
				if strings.Contains(line, never) {
					t.Errorf("%s heard %s", name, line)
				}
				if strings.Contains(line, marker) {
					return
				}
			case <-timeout:
				t.Fatalf("%s never heard %s", name, marker)
			}
		}
	}

	minor, id := w.talk(amal)
	for _, name := range []string{"amal", "bruno", "farah", "gilles"} {
		if name == "gilles" {
			hears(name, `"log"`)
			continue
		}
		hears(name, `"conversations"`)
	}
	// The one stream also carries the conversations that one is in.
	hears("amal", `"id":"`+id+`","state":"active"`)
	minor.post("/api/v1/conversation/messages", object{"text": "secret-de-lina"}).wants("201")
	hears("amal", `"id":"`+id+`","state":"active","messages":2`)
	minor.post("/api/v1/conversation/typing", object{}).wants("204")
	hears("amal", `"id":"`+id+`","typing":["minor"]`)

	var read shownMessages
	talk := "/api/v1/conversations/" + id
	amal.get(talk + "/messages").into(&read)
	asked := object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection"}, "narrative": "Il y a danger.",
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}},
	}
	var esc struct{ ID, Request string }
	amal.post(talk+"/escalations", asked).into(&esc)
	hears("diane", `"requests"`)
	hears("amal", `"requests"`)
	hears("bruno", `"confirmations"`)
	hushed("hana", `"requests"`, `"registers"`, func() { minor.post("/api/v1/conversation/erasures", object{}).wants("201") })
	diane.post("/api/v1/escalations/"+esc.ID+"/evidence", object{}).wants("200")
	diane.post("/api/v1/escalations/"+esc.ID+"/deny", object{"request": esc.Request, "reason": "other_means"}).wants("200")
	hears("amal", `"requests"`)

	amal.post(talk+"/psychologist", object{}).wants("204")
	hears("farah", `"conversations"`)

	var me struct{ ID string }
	bruno.get("/api/v1/me").into(&me)
	amal.post(talk+"/hand-over", object{"to": me.ID}).wants("204")
	hears("amal", `"id":"`+id+`","state":"over"`)
	hears("bruno", `"id":"`+id+`","state":"active"`)
	hushed("amal", `"messages":3`, `"conversations"`, func() {
		minor.post("/api/v1/conversation/messages", object{"text": "pour Bruno seul"}).wants("201")
		w.open()
	})

	// Whoever has left hears nothing of the conversation: not that something was entrusted
	// or agreed to, nor of what others ask; of what they asked themselves they do.
	again := object{}
	bruno.get(talk + "/messages").into(&read)
	for k, v := range asked {
		again[k] = v
	}
	minor.put("/api/v1/conversation/facets/name", object{"value": "Lina M."}).wants("204")
	hears("bruno", `"facets"`)
	minor.post("/api/v1/conversation/consents", object{"facets": []string{"name"}, "words": "oui"}).wants("201")
	hears("bruno", `"consents"`)
	bruno.post(talk+"/escalations", again).into(&esc)
	hears("bruno", `"requests"`)
	for heard := ""; !strings.Contains(heard, `"confirmations"`); {
		select {
		case heard = <-people["amal"]:
			for _, topic := range []string{"facets", "consents", "requests", "opinions", "tellings"} {
				if strings.Contains(heard, topic) {
					t.Errorf("who has left heard %s", heard)
				}
			}
		case <-time.After(10 * time.Second):
			t.Fatal("amal never heard that something may be confirmed")
		}
	}
	hears("diane", `"requests"`)
	diane.post("/api/v1/escalations/"+esc.ID+"/evidence", object{}).wants("200")
	diane.post("/api/v1/escalations/"+esc.ID+"/deny", object{"request": esc.Request, "reason": "other_means"}).wants("200")
	hears("bruno", `"requests"`)
	hushed("amal", `"requests"`, `"conversations"`, func() { w.open() })

	// What no face was asked for is found by the poll.
	hushed("diane", `"never"`, `"policy"`, func() { w.activate(policy.Production) })
}

// TestStreamsEndWithTheSession: who signs out, and who is suspended, hears nothing of the
// conversations they were in from that moment on.
func TestStreamsEndWithTheSession(t *testing.T) {
	w := newWorld(t)
	ended := func(what string, lines <-chan string) {
		t.Helper()
		timeout := time.After(10 * time.Second)
		for {
			select {
			case line, open := <-lines:
				if !open {
					return
				}
				if strings.Contains(line, `"messages":2`) {
					t.Errorf("%s: heard %s", what, line)
				}
			case <-timeout:
				t.Fatalf("%s: the stream goes on", what)
			}
		}
	}
	for what, end := range map[string]func(*client, string){
		"signed out": func(c *client, _ string) { c.send("DELETE", "/api/v1/me/session", nil).wants("204") },
		"suspended": func(_ *client, id string) {
			var person string
			w.must(w.db.Super.QueryRow(t.Context(), `SELECT person_id FROM sceau.staff WHERE staff_id = $1`, id).Scan(&person))
			_, err := staffstore.Suspend(t.Context(), w.log(audit.ViaOperator), person, "device_lost")
			w.must(err)
		},
	} {
		account := map[string]string{"signed out": "amal", "suspended": "bruno"}[what]
		c := w.hire(account)
		minor, id := w.talk(c)
		var me struct{ ID string }
		c.get("/api/v1/me").into(&me)
		all := w.listen(c, "/api/v1/me/events")
		w.hears(all, `"id":"`+id+`","state":"active"`)
		one := w.listen(c, "/api/v1/conversations/"+id+"/events")
		w.hears(one, `"state":"active"`)
		end(c, me.ID)
		ended(what, all)
		minor.post("/api/v1/conversation/messages", object{"text": "je suis là"}).wants("201")
		ended(what, one)
	}
}
