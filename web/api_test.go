package web_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/policy"
)

type shownMessage struct {
	Position           int
	Kind, Author, Text string
	Staff, SHA256      string
}

type shownMessages struct{ Messages []shownMessage }

func danger() object {
	return object{
		"immediacy": "now", "violence": "weapon", "suicide": "none", "perpetrator_present": "yes", "captive": "no",
		"age_band": "13_15", "alone": "no", "location_known": "no",
	}
}

// TestStory is the main way through, from a minor's first word to the
// inspector's search.
func TestStory(t *testing.T) {
	w := newWorld(t)
	amal, bruno, diane, gilles := w.hire("amal"), w.hire("bruno"), w.hire("diane"), w.hire("gilles")
	minor, id := w.talk(amal)
	talk := "/api/v1/conversations/" + id

	minor.post("/api/v1/conversation/messages", object{"text": "Il a un couteau."}).wants("201")
	amal.post(talk+"/messages", object{"text": "Je suis là. Où es-tu ?"}).wants("201")
	minor.put("/api/v1/conversation/facets/name", object{"value": "Lina M."}).wants("204")
	minor.put("/api/v1/conversation/facets/connection", object{"value": "10.0.0.1"}).wants("facet.unknown")

	var read, seen shownMessages
	amal.get(talk + "/messages").into(&read)
	minor.get("/api/v1/conversation/messages?from=1").into(&seen)
	if len(read.Messages) != 3 || read.Messages[0].Kind != "postal_code" || read.Messages[0].Text != "35000" ||
		read.Messages[1].Text != "Il a un couteau." || read.Messages[1].Author != "minor" || read.Messages[2].Author != "agent" {
		t.Fatalf("the agent reads %+v", read)
	}
	if len(seen.Messages) != 2 || seen.Messages[1].Text != "Je suis là. Où es-tu ?" {
		t.Fatalf("the minor reads %+v", seen)
	}
	var shown struct{ Facets []string }
	amal.get(talk).into(&shown)
	if strings.Join(shown.Facets, " ") != "connection name" {
		t.Errorf("the agent is told of facets %v", shown.Facets)
	}

	// Need to know: to a colleague it does not exist, like one that does not.
	for _, path := range []string{talk, talk + "/messages", talk + "/events"} {
		bruno.get(path).wants("conversation.not_found")
	}
	bruno.post(talk+"/messages", object{"text": "bonjour"}).wants("conversation.not_found")
	bruno.post(talk+"/join", object{}).wants("conversation.taken")

	ask := object{
		"ground": "imminent_danger", "assessment": danger(), "facets": []string{"connection", "name"},
		"evidence": []object{{"position": 1, "sha256": read.Messages[1].SHA256}}, "narrative": "Couteau, l'auteur est là.",
	}
	var esc struct {
		ID, State, Request string
		Granted            []string
		ReadUntil          time.Time `json:"read_until"`
	}
	bruno.post(talk+"/escalations", ask).wants("conversation.not_found")
	// Nobody on duty is a refusal that says whom to call, never an open door.
	alone := amal.post(talk+"/escalations", ask).wants("approver.nobody_on_duty")
	if !strings.Contains(string(alone.raw), "Permanence : 03 00 00 00 00 (Lille).") || strings.Contains(string(alone.raw), "astreinte") {
		t.Errorf("nobody to call: %s", alone.raw)
	}
	diane.get("/api/v1/me").wants("200")
	amal.post(talk+"/escalations", ask).into(&esc)
	if esc.State != "requested" {
		t.Fatalf("asked: %+v", esc)
	}
	about := "/api/v1/escalations/" + esc.ID
	amal.post(talk+"/escalations", ask).wants("escalation.already_pending")
	amal.post(about+"/identity", object{"facets": []string{"name"}}).wants("approvals.missing")
	bruno.get(about).wants("escalation.not_found")
	bruno.post(about+"/withdraw", object{}).wants("escalation.not_found")

	var pending struct{ Pending []struct{ ID string } }
	diane.get("/api/v1/escalations").into(&pending)
	if len(pending.Pending) != 1 || pending.Pending[0].ID != esc.ID {
		t.Fatalf("pending: %+v", pending)
	}
	yes := object{"request": esc.Request, "facets": []string{"name"}}
	diane.post(about+"/approve", yes).wants("evidence.not_read")
	diane.post(about+"/deny", object{"request": esc.Request, "reason": "other_means"}).wants("evidence.not_read")
	var evidence struct {
		Request, Narrative, Ground string
		Assessment                 map[string]string
		Messages                   []shownMessage
	}
	diane.post(about+"/evidence", object{}).into(&evidence)
	if evidence.Request != esc.Request || evidence.Narrative != "Couteau, l'auteur est là." || len(evidence.Messages) != 1 ||
		evidence.Messages[0].Text != "Il a un couteau." || evidence.Assessment["violence"] != "weapon" {
		t.Fatalf("evidence: %+v", evidence)
	}
	w.hire("amal-superviseur").post(about+"/approve", yes).wants("approver.same_person")
	diane.post(about+"/approve", object{"request": esc.Request, "facets": []string{"contact"}}).wants("facets.not_asked")
	diane.post(about+"/approve", yes).into(&esc)
	if esc.State != "approved" || strings.Join(esc.Granted, " ") != "name" {
		t.Fatalf("approved: %+v", esc)
	}
	amal.post(about+"/identity", object{"facets": []string{"connection"}}).wants("facets.not_granted")
	bruno.post(about+"/identity", object{"facets": []string{"name"}}).wants("escalation.not_found")
	var identity struct {
		Facets []struct {
			Facet, Value string
			Number       int
		}
	}
	amal.post(about+"/identity", object{"facets": []string{"name"}}).into(&identity)
	if len(identity.Facets) != 1 || identity.Facets[0].Value != "Lina M." {
		t.Fatalf("opened: %+v", identity)
	}
	amal.get(about).into(&esc)
	if esc.State != "released" || esc.ReadUntil.IsZero() {
		t.Errorf("after opening: %+v", esc)
	}
	amal.post(about+"/close", object{}).into(&esc)
	amal.post(talk+"/close", object{}).wants("204")
	minor.post("/api/v1/conversation/messages", object{"text": "encore là"}).wants("conversation.closed")

	var found struct {
		Read    int64
		Entries []struct {
			Seq  int64
			Leaf struct{ Action, Case string }
		}
	}
	before := w.entries()
	gilles.get("/api/v1/log/entries?case=" + id + "&action=identity.released").into(&found)
	if len(found.Entries) != 1 || found.Entries[0].Leaf.Case != id || found.Read < before-1 || w.entries() <= before {
		t.Errorf("the inspector finds %+v", found)
	}
	amal.get("/api/v1/log/entries").wants("role.not_allowed")
}

// TestReturn: eight words bring a minor back, from elsewhere, and nobody else.
func TestReturn(t *testing.T) {
	w := newWorld(t)
	minor := w.open()
	minor.post("/api/v1/conversation/messages", object{"text": "je reviens plus tard"}).wants("201")
	var issued struct{ Phrase string }
	minor.post("/api/v1/conversation/phrase", object{}).into(&issued)
	if len(strings.Fields(issued.Phrase)) != 8 {
		t.Fatalf("a phrase of %d words", len(strings.Fields(issued.Phrase)))
	}
	w.minor("").post("/api/v1/conversation/return", object{"phrase": "abandon abaisser abeille aborder abreuver abriter abroger abrupt"}).wants("phrase.unknown")
	w.minor("").post("/api/v1/conversation/return", object{"phrase": "pas une phrase"}).wants("phrase.unknown")
	var returned struct{ Token string }
	w.minor("").post("/api/v1/conversation/return", object{"phrase": strings.ToUpper(issued.Phrase)}).into(&returned)
	var seen shownMessages
	w.minor(returned.Token).get("/api/v1/conversation/messages").into(&seen)
	if len(seen.Messages) != 2 || seen.Messages[1].Text != "je reviens plus tard" {
		t.Errorf("after the return: %+v", seen)
	}
	for _, secret := range []string{issued.Phrase, returned.Token, "je reviens", "127.0.0.1:"} {
		if strings.Contains(w.logs.String(), secret) {
			t.Errorf("a log holds %q", secret)
		}
	}
}

// TestLeaving: a token that was copied from a child's browser opens nothing once the
// child has left, or has come back elsewhere; what listened with it hears no more.
func TestLeaving(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	var issued struct{ Phrase string }
	minor.post("/api/v1/conversation/phrase", object{}).into(&issued)
	comeBack := func() *client {
		var returned struct{ Token string }
		w.minor("").post("/api/v1/conversation/return", object{"phrase": issued.Phrase}).into(&returned)
		return w.minor(returned.Token)
	}
	shut := func(copied *client) {
		t.Helper()
		copied.get("/api/v1/conversation").wants("token.invalid")
		copied.get("/api/v1/conversation/messages").wants("token.invalid")
		copied.get("/api/v1/conversation/events").wants("token.invalid")
		copied.post("/api/v1/conversation/messages", object{"text": "c'est moi"}).wants("token.invalid")
		copied.post("/api/v1/conversation/phrase", object{}).wants("token.invalid")
		copied.send(http.MethodDelete, "/api/v1/conversation/token", nil).wants("token.invalid")
	}
	spy := w.listen(minor, "/api/v1/conversation/events")
	w.hears(spy, `"messages":1`)
	elsewhere := comeBack()
	shut(minor)
	amal.post("/api/v1/conversations/"+id+"/messages", object{"text": "Je te lis."}).wants("201")
	for line := range spy { // until the stream ends
		if strings.Contains(line, `"messages":2`) {
			t.Errorf("a token that was ended hears %s", line)
		}
	}
	elsewhere.get("/api/v1/conversation/messages").wants("200")
	elsewhere.send(http.MethodDelete, "/api/v1/conversation/token", nil).wants("204")
	shut(elsewhere)
	comeBack().post("/api/v1/conversation/messages", object{"text": "me revoilà"}).wants("201")
}

// TestEvents: both sides hear that something happened, and nothing of what.
func TestEvents(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	toMinor, toAgent := w.listen(minor, "/api/v1/conversation/events"), w.listen(amal, "/api/v1/conversations/"+id+"/events")
	for _, stream := range []<-chan string{toMinor, toAgent} {
		w.hears(stream, `"messages":1`) // the state of things comes first
	}
	minor.post("/api/v1/conversation/messages", object{"text": "secret-de-lina"}).wants("201")
	for _, stream := range []<-chan string{toMinor, toAgent} {
		if line := w.hears(stream, `"messages":2`); strings.Contains(line, "secret") {
			t.Errorf("an event holds what was written: %s", line)
		}
	}
	amal.post("/api/v1/conversations/"+id+"/close", object{}).wants("204")
	w.hears(toMinor, `"state":"closed"`)
	w.hears(toAgent, `"state":"closed"`)
}

// listen reads the data lines of a stream.
func (w *world) listen(c *client, path string) <-chan string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w.t.Cleanup(cancel)
	return w.listenUntil(ctx, c, path)
}

func (w *world) listenUntil(ctx context.Context, c *client, path string) <-chan string {
	w.t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	w.must(err)
	req.Header = c.header.Clone()
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	if res.StatusCode != http.StatusOK {
		w.t.Fatalf("%s: status %d", path, res.StatusCode)
	}
	lines := make(chan string, 100)
	go func() {
		defer close(lines)
		defer res.Body.Close()
		for scanner := bufio.NewScanner(res.Body); scanner.Scan(); {
			if line, ok := strings.CutPrefix(scanner.Text(), "data: "); ok {
				lines <- line
			}
		}
	}()
	return lines
}

func (w *world) hears(lines <-chan string, want string) string {
	w.t.Helper()
	timeout := time.After(10 * time.Second)
	for {
		select {
		case line, open := <-lines:
			if !open {
				w.t.Fatalf("the stream ended before %s", want)
			}
			if strings.Contains(line, want) {
				return line
			}
		case <-timeout:
			w.t.Fatalf("nobody heard %s", want)
		}
	}
}

// TestReadingIsOneEntry: however many requests come together, reading begins
// once; and what was changed behind the service's back is not shown.
func TestReadingIsOneEntry(t *testing.T) {
	w := newWorld(t)
	amal := w.hire("amal")
	minor, id := w.talk(amal)
	minor.post("/api/v1/conversation/messages", object{"text": "bonjour"}).wants("201")
	before := w.entries()
	var wait sync.WaitGroup
	for range 10 {
		wait.Go(func() {
			if a := amal.get("/api/v1/conversations/" + id + "/messages"); a.status != 200 {
				t.Errorf("status %d: %s", a.status, a.raw)
			}
		})
	}
	wait.Wait()
	if n := w.entries() - before; n != 1 {
		t.Errorf("%d entries for one reading", n)
	}
	_, err := w.db.Super.Exec(t.Context(), `UPDATE sceau.messages SET ciphertext = set_byte(ciphertext, 150, get_byte(ciphertext, 150) # 1) WHERE case_id = $1 AND position = 1`, id)
	w.must(err)
	w.hire("amal").get("/api/v1/conversations/" + id + "/messages").wants("content.altered")
}

// TestSessionsHaveOneRole: switching role is signing in again.
func TestSessionsHaveOneRole(t *testing.T) {
	w := newWorld(t)
	ines := w.hire("ines") // agent and supervisor
	ines.get("/api/v1/me").wants("role.ambiguous")
	ines.with("Sceau-Role", "inspector").get("/api/v1/me").wants("role.invalid")
	var me struct{ ID, Role string }
	ines.with("Sceau-Role", "supervisor").get("/api/v1/me").into(&me)
	if me.Role != policy.RoleSupervisor {
		t.Fatalf("signed in as %+v", me)
	}
	ines.with("Sceau-Role", "agent").get("/api/v1/me").wants("role.invalid")
	ines.get("/api/v1/me").into(&me) // the session's role needs not be said again
	again := w.hire("ines").with("Sceau-Role", "agent")
	var other struct{ ID, Role string }
	again.get("/api/v1/me").into(&other)
	if other.ID != me.ID || other.Role != policy.RoleAgent {
		t.Errorf("the same account is %+v and %+v", me, other)
	}
	w.hire("jules").get("/api/v1/me").wants("role.invalid")
}
