package attacks

import (
	"encoding/json"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/internal/rig"
)

// A target is a running service with one conversation and one request in it.
type target struct {
	*rig.Rig
	talk   *rig.Talk
	esc    rig.Escalation
	people map[string]*rig.Person // by role
	routes map[string]string      // "public POST /conversations" → who may call it
}

var accounts = map[string]string{
	"agent": "amal", "psychologist": "farah", "supervisor": "diane", "inspector": "gilles", "privacy_officer": "hana",
}

func newTarget(t testing.TB) *target {
	t.Helper()
	s := &target{Rig: rig.Start(t, rig.Config{}), people: map[string]*rig.Person{}, routes: map[string]string{}}
	for role, account := range accounts {
		s.people[role] = s.Hire(account)
	}
	s.talk = s.Talk(s.people["agent"])
	s.talk.Minor.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": "He is at the door."})
	s.esc = s.Ask(s.talk, 1, "Narrative.", "connection")
	s.people["minor"], s.people["anyone"] = s.talk.Minor, s.Minor("")
	for _, face := range []string{rig.Public, rig.Staff} {
		s.readRoutes(face)
	}
	return s
}

// readRoutes takes the routes with a body from what the face says of itself.
func (s *target) readRoutes(face string) {
	s.Helper()
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + s.Address(face) + "/api/v1/openapi.json")
	s.Must(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	s.Must(err)
	var document struct {
		Paths map[string]map[string]struct {
			Description string
			RequestBody *struct{} `json:"requestBody"`
		}
	}
	s.Must(json.Unmarshal(raw, &document))
	for path, methods := range document.Paths {
		for method, op := range methods {
			if op.RequestBody != nil && !(face == rig.Public && ends(path)) {
				who := strings.TrimSuffix(strings.TrimPrefix(op.Description, "For: "), ".")
				s.routes[face+" "+strings.ToUpper(method)+" "+strings.TrimPrefix(path, "/api/v1")] = who
			}
		}
	}
}

// send sends a body to a route as the first who may call it.
func (s *target) send(route string, body []byte) (rig.Reply, bool) {
	who, known := s.routes[route]
	if !known {
		return rig.Reply{}, false
	}
	who, _, _ = strings.Cut(who, ",")
	_, rest, _ := strings.Cut(route, " ")
	method, path, _ := strings.Cut(rest, " ")
	id := s.talk.ID
	switch {
	case ends(path):
		id = uuid.NewString() // the conversation is needed for what comes after
	case strings.HasPrefix(path, "/escalations/"):
		id = s.esc.ID
	}
	path = strings.NewReplacer("{id}", id, "{facet}", "name").Replace(path)
	return s.people[who].Send("", method, path, body), true
}

// ends tells whether a route ends what the others are tried on.
func ends(path string) bool {
	return slices.ContainsFunc([]string{"/close", "/leave", "/token", "/hand-over", "/withdraw", "/deny", "/erasures"},
		func(end string) bool { return strings.HasSuffix(path, end) })
}

// FuzzBodies: whatever is sent as a body of whatever route, by somebody who may
// call it, the service answers with a success or a plain refusal with a code; it
// never fails, and it is there afterwards.
func FuzzBodies(f *testing.F) {
	if seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzBodies", "*")); err != nil || len(seeds) == 0 {
		f.Fatalf("no seed corpus: %v", err)
	}
	s := newTarget(f)
	if len(s.routes) < 12 {
		f.Fatalf("only %d routes have a body: %v", len(s.routes), s.routes)
	}
	for route := range s.routes {
		f.Add(route, []byte(`{}`)) // a new route is tried before it has a seed of its own
	}
	f.Fuzz(func(t *testing.T, route string, body []byte) {
		r, known := s.send(route, body)
		switch {
		case !known:
		case r.Status == 0, r.Status >= 300 && r.Code == "", r.Status >= 500 && r.Status != http.StatusServiceUnavailable:
			t.Errorf("%s %q: %d %s: %s", route, body, r.Status, r.Outcome(), r.Body)
		}
	})
}
