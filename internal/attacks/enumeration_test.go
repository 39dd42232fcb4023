package attacks

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/internal/rig"
)

// What somebody who may not know is told of what exists and of what does not: the
// same status, the same bytes but for the id that they sent, the same headers,
// after as many questions to the database.
func TestNothingTellsWhatExists(t *testing.T) {
	var staff *tap
	r := rig.Start(t, rig.Config{Database: func(process, url string) string {
		if process == rig.Staff {
			staff, url = newTap(t, url)
		}
		return url
	}})
	supervisor := r.Hire("diane")
	talk := r.Talk(r.Hire("amal"))
	talk.Minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": "He is at the door."})
	talk.Minor.Wants("ok", http.MethodPut, "/conversation/facets/name", rig.Object{"value": "Camille"})
	esc := r.Ask(talk, 1, "Narrative.", "connection", "name")
	r.Approve(supervisor, esc, "connection", "name")
	curious := map[string]*rig.Person{"an agent": r.Hire("bruno"), "a psychologist": r.Hire("farah")}

	text := rig.Object{"text": "Bonjour"}
	for _, try := range []struct {
		method, path string
		body         any
		existing     string
		agentsOnly   bool
	}{
		{http.MethodGet, "/conversations/%s", nil, talk.ID, false},
		{http.MethodGet, "/conversations/%s/messages?from=0", nil, talk.ID, false},
		{http.MethodPost, "/conversations/%s/messages", text, talk.ID, false},
		{http.MethodPost, "/conversations/%s/leave", rig.Object{}, talk.ID, false},
		{http.MethodPost, "/conversations/%s/close", rig.Object{}, talk.ID, true},
		{http.MethodPost, "/conversations/%s/hand-over", rig.Object{"to": "s-somebody"}, talk.ID, true},
		{http.MethodPost, "/conversations/%s/escalations", rig.Object{
			"ground": "imminent_danger", "facets": []string{"connection"}, "narrative": "Narrative.", "assessment": rig.Assessment(),
			"evidence": []rig.Object{{"position": 1, "sha256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}},
		}, talk.ID, true},
		{http.MethodGet, "/escalations/%s", nil, esc.ID, true},
		{http.MethodPost, "/escalations/%s/withdraw", rig.Object{}, esc.ID, true},
		{http.MethodPost, "/escalations/%s/close", rig.Object{}, esc.ID, true},
		{http.MethodPost, "/escalations/%s/identity", rig.Object{"facets": []string{"connection"}}, esc.ID, true},
	} {
		for who, p := range curious {
			if try.agentsOnly && who != "an agent" {
				continue
			}
			ask := func(id string) (seen, int64) {
				return look(staff, p, try.method, fmt.Sprintf(try.path, id), try.body, id)
			}
			ask(try.existing) // what is prepared once is prepared
			there, questionsThere := ask(try.existing)
			none, questionsNone := ask(uuid.NewString())
			if there.status != none.status || !bytes.Equal(there.body, none.body) || !maps.Equal(there.header, none.header) {
				t.Errorf("%s %s as %s:\nof what exists  %d %v %s\nof what does not %d %v %s", try.method, try.path, who,
					there.status, there.header, there.body, none.status, none.header, none.body)
			}
			if questionsThere != questionsNone {
				t.Errorf("%s %s as %s: %d questions to the database of what exists, %d of what does not", try.method, try.path, who, questionsThere, questionsNone)
			}
			if there.status < 400 {
				t.Errorf("%s %s as %s: %d", try.method, try.path, who, there.status)
			}
		}
	}
}

// seen is what an answer shows.
type seen struct {
	status int
	header map[string]string
	body   []byte
}

// look asks five times, and tells the least number of questions that any asking
// cost: what runs behind the face asks its own in between.
func look(db *tap, p *rig.Person, method, path string, body any, id string) (s seen, questions int64) {
	var counts []int64
	for range 5 {
		before := db.queries.Load()
		r := p.Send("", method, path, body)
		time.Sleep(2 * time.Millisecond)
		counts = append(counts, db.queries.Load()-before)
		s = seen{status: r.Status, header: map[string]string{}, body: bytes.ReplaceAll(r.Body, []byte(id), []byte("ID"))}
		for name, values := range r.Header {
			if name != "Date" {
				s.header[name] = fmt.Sprint(values)
			}
		}
	}
	return s, slices.Min(counts)
}
