package attacks

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/internal/rig"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/web"
)

// A street has things in many states, and people to whom none of them is open.
type street struct {
	*rig.Rig
	taps    map[string]*tap // by process
	curious map[string]*rig.Person
	there   map[string]map[string]string // ids of what exists: by kind and role, and then by what is said of it
	request string                       // leaf hash of a request that waits
}

func newStreet(t *testing.T) *street {
	t.Helper()
	s := &street{taps: map[string]*tap{}}
	s.Rig = rig.Start(t, rig.Config{Database: func(process, url string) string {
		if slices.Contains([]string{rig.Public, rig.Staff, rig.Custodian}, process) {
			s.taps[process], url = newTap(t, url)
		}
		return url
	}})
	owner, supervisor := s.Hire("amal"), s.Hire("diane")
	talk := func(text string) *rig.Talk {
		k := s.Talk(owner)
		k.Minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": text})
		return k
	}
	bare, closed := talk("Is anybody there?"), talk("That was all.")
	closed.Minor.Wants("ok", http.MethodPost, "/conversation/close", nil)

	rich := talk("He is at the door.")
	rich.Minor.Wants("ok", http.MethodPut, "/conversation/facets/name", rig.Object{"value": "Camille"})
	rich.Minor.Wants("ok", http.MethodPut, "/conversation/facets/contact", rig.Object{"value": "06"})
	var consent struct{ ID string }
	rich.Minor.Into(&consent, http.MethodPost, "/conversation/consents", rig.Object{"facets": []string{"name"}, "words": "Tell them."})
	rich.Minor.Wants("ok", http.MethodPost, "/conversation/erasures", nil)
	pending := s.Ask(rich, 1, "Narrative.", "connection", "name")
	s.request = pending.Request

	granted := talk("He is in the room.")
	approved := s.Ask(granted, 1, "Narrative.", "connection")
	s.Approve(supervisor, approved, "connection")
	method, path, body := approved.Identity("connection")
	owner.Wants("ok", method, path, body)

	// What policy refused is nobody's to answer.
	calm := talk("I only wanted to ask.")
	assessment := rig.Assessment()
	assessment["immediacy"], assessment["violence"], assessment["perpetrator_present"] = "hours", "none", "no"
	if r := owner.Send("", http.MethodPost, "/conversations/"+calm.ID+"/escalations", s.asking(assessment, calm)); r.Status != http.StatusForbidden {
		t.Fatalf("a request without danger: %d %s", r.Status, r.Body)
	}
	var refused, waiting string
	s.Must(s.DB.Super.QueryRow(t.Context(), `SELECT escalation_id::text FROM sceau.escalations WHERE state = 'refused'`).Scan(&refused))
	s.Open()
	s.Must(s.DB.Super.QueryRow(t.Context(), `SELECT case_id::text FROM sceau.conversations WHERE state = 'waiting'`).Scan(&waiting))

	conversations := map[string]string{"all that a conversation can hold": rich.ID, "a message": bare.ID, "an identity that was opened": granted.ID}
	unseen := maps.Clone(conversations)
	unseen["nobody in it yet"], unseen["its end behind it"] = waiting, closed.ID
	requests := map[string]string{"nobody's answer yet": pending.ID, "an opening behind it": approved.ID, "a refusal": refused}
	s.there = map[string]map[string]string{
		"conversations": unseen, "conversations join": conversations,
		"escalations agent": requests, "escalations privacy_officer": requests,
		// A second agent may confirm what waits: it is on their list.
		"escalations confirm":    {"an opening behind it": approved.ID, "a refusal": refused},
		"escalations supervisor": {"a refusal": refused},
		"conversation":           {"a consent of another child": consent.ID},
	}
	s.curious = map[string]*rig.Person{
		policy.RoleAgent: s.Hire("bruno"), policy.RolePsychologist: s.Hire("farah"), policy.RoleSupervisor: supervisor,
		policy.RolePrivacyOfficer: s.Hire("hana"), "minor": bare.Minor,
	}
	return s
}

// asking is a request for an escalation.
func (s *street) asking(assessment rig.Object, k *rig.Talk) rig.Object {
	s.Helper()
	sum := "sha256:" + strings.Repeat("0", 64)
	if k != nil {
		var page struct{ Messages []struct{ SHA256 string } }
		k.Agent.Into(&page, http.MethodGet, "/conversations/"+k.ID+"/messages?from=1", nil)
		sum = page.Messages[0].SHA256
	}
	return rig.Object{"ground": "imminent_danger", "facets": []string{"connection"}, "narrative": "Narrative.",
		"assessment": assessment, "evidence": []rig.Object{{"position": 1, "sha256": sum}}}
}

// bodies are what is sent to the routes that name a thing and want a body.
func (s *street) bodies() map[string]any {
	answer := func(more rig.Object) rig.Object { more["request"] = s.request; return more }
	return map[string]any{
		"POST /conversations/{id}/messages":            rig.Object{"text": "Bonjour"},
		"POST /conversations/{id}/opinions":            rig.Object{"opinion": "danger", "note": "Note."},
		"POST /conversations/{id}/hand-over":           rig.Object{"to": "s-somebody"},
		"POST /conversations/{id}/escalations":         s.asking(rig.Assessment(), nil),
		"POST /conversations/{id}/escalations/preview": s.asking(rig.Assessment(), nil),
		"POST /escalations/{id}/approve":               answer(rig.Object{"facets": []string{"connection"}}),
		"POST /escalations/{id}/deny":                  answer(rig.Object{"reason": "other_means"}),
		"POST /escalations/{id}/identity":              rig.Object{"facets": []string{"connection"}},
		"POST /escalations/{id}/confirm":               answer(rig.Object{}),
		"POST /escalations/{id}/break-glass":           answer(rig.Object{}),
		"POST /escalations/{id}/revoke":                rig.Object{"reason": "misuse"},
		"POST /escalations/{id}/review":                answer(rig.Object{"verdict": "confirmed"}),
		"POST /escalations/{id}/tellings":              rig.Object{"outcome": "told"},
		"POST /conversation/consents/{id}/withdraw":    nil,
	}
}

// visible are the routes, and the roles, to whom what exists is told, and why.
var visible = map[string]string{
	"POST /conversations/{id}/join psychologist":         "may join any conversation that an agent is in",
	"POST /privacy/erasures/{id}/decide privacy_officer": "every request for erasure is theirs to decide",
	"POST /privacy/holds/{id}/lift privacy_officer":      "every hold is theirs",
	"GET /log/cases/{id} inspector":                      "the log of every case is theirs to read, and each look an entry",
	"GET /log/exports/cases/{id} inspector":              "the log of every case is theirs to take away, and each export an entry",
}

// TestNothingTellsWhatExists walks every route that names a thing, as every role
// that may call it. Of what exists and is not theirs people are told what they are
// told of what does not exist: the same status, the same bytes but for the id that
// they sent, the same headers, after as many questions to the database. So a
// conversation with facets, consents, requests, openings in it answers like one
// without.
func TestNothingTellsWhatExists(t *testing.T) {
	s := newStreet(t)
	bodies, walked := s.bodies(), 0
	for _, route := range web.Table(nil, nil) {
		if !strings.Contains(route.Path, "{id}") {
			continue
		}
		pattern := route.Method + " " + strings.TrimPrefix(route.Path, "/api/v1")
		for _, role := range route.Who {
			if visible[pattern+" "+role] != "" {
				continue
			}
			there, p := s.targets(pattern, role), s.curious[role]
			if len(there) == 0 || p == nil {
				t.Errorf("%s as %s: not tried", pattern, role)
				continue
			}
			walked++
			s.compare(pattern, role, there, bodies[pattern])
		}
	}
	if walked < 30 {
		t.Errorf("only %d routes and roles were tried", walked)
	}
}

// targets are the ids of what exists and is not this role's, by what they have.
func (s *street) targets(pattern, role string) map[string]string {
	_, path, _ := strings.Cut(pattern, " /")
	kind, _, _ := strings.Cut(path, "/")
	last := path[strings.LastIndex(path, "/")+1:]
	for _, key := range []string{kind + " " + last, kind + " " + role, kind} {
		if there := s.there[key]; there != nil {
			return there
		}
	}
	return nil
}

func (s *street) compare(pattern, role string, there map[string]string, body any) {
	s.Helper()
	method, path, _ := strings.Cut(pattern, " ")
	ask := func(id string) seen {
		return s.look(s.curious[role], method, strings.ReplaceAll(path, "{id}", id), body, id)
	}
	for _, id := range there {
		ask(id) // what is prepared once is prepared
		break
	}
	expected, like := ask(uuid.NewString()), "what does not exist"
	for _, what := range slices.Sorted(maps.Keys(there)) {
		got := ask(there[what])
		if strings.HasSuffix(pattern, "/join") && like == "what does not exist" {
			expected, like = got, "the one before" // who waits is in every agent's queue: see docs/threat-model.md
		}
		if got.status < 400 || got.status >= 500 || got.status == http.StatusUnprocessableEntity || got.status == http.StatusBadRequest {
			s.Errorf("%s as %s, with %s: %d %s: nothing was tried", pattern, role, what, got.status, got.body)
		}
		if got.status != expected.status || !bytes.Equal(got.body, expected.body) || !maps.Equal(got.header, expected.header) {
			s.Errorf("%s as %s:\nwith %s: %d %v %s\nof %s: %d %v %s", pattern, role, what,
				got.status, got.header, got.body, like, expected.status, expected.header, expected.body)
		}
		for again := 0; again < 3 && !maps.Equal(got.questions, expected.questions); again++ {
			// Something ran behind a process all the while.
			got.least(ask(there[what]))
			if expected.id != there[what] {
				expected.least(ask(expected.id))
			}
		}
		if !maps.Equal(got.questions, expected.questions) {
			s.Errorf("%s as %s, with %s: questions to the database %v, of %s %v", pattern, role, what, got.questions, like, expected.questions)
		}
	}
}

// seen is what an answer shows, and what it cost.
type seen struct {
	id        string
	status    int
	header    map[string]string
	body      []byte
	questions map[string]int64 // to the database, by process
}

// least keeps the smaller number of questions.
func (s seen) least(other seen) {
	for process, n := range other.questions {
		s.questions[process] = min(s.questions[process], n)
	}
}

// look asks several times, and tells the least number of questions that any asking
// cost: what runs behind the processes asks its own in between.
func (s *street) look(p *rig.Person, method, path string, body any, id string) (found seen) {
	s.Helper()
	found.id, found.questions = id, map[string]int64{}
	for i := range 5 {
		before := map[string]int64{}
		for process, tap := range s.taps {
			before[process] = tap.queries.Load()
		}
		r := p.Send("", method, path, body)
		time.Sleep(2 * time.Millisecond)
		for process, tap := range s.taps {
			n := tap.queries.Load() - before[process]
			if least, counted := found.questions[process]; !counted || n < least {
				found.questions[process] = n
			}
		}
		shown := bytes.ReplaceAll(r.Body, []byte(id), []byte("ID"))
		if i > 0 && (r.Status != found.status || !bytes.Equal(shown, found.body)) {
			s.Errorf("%s %s: asked again it answers %d %s, before %d %s", method, path, r.Status, shown, found.status, found.body)
		}
		found.status, found.body, found.header = r.Status, shown, map[string]string{}
		for name, values := range r.Header {
			if name != "Date" {
				found.header[name] = fmt.Sprint(values)
			}
		}
	}
	return found
}
