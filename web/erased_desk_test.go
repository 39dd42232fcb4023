package web_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/sceau-project/sceau/web/agent"
	"github.com/sceau-project/sceau/web/page"
)

// agentDesk serves the pages of those who answer over the staff face's API, for whoever a
// request's token says.
func (w *world) agentDesk(role string) string {
	w.t.Helper()
	api, err := url.Parse(w.staff)
	w.must(err)
	shell := &page.Shell{
		API:    httputil.NewSingleHostReverseProxy(api),
		Refuse: func(rw http.ResponseWriter, _ *http.Request, code string) { http.Error(rw, code, http.StatusForbidden) },
	}
	routes, err := agent.Pages()(shell)
	w.must(err)
	r := chi.NewRouter()
	shell.Mount(r, routes, func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			s := page.Session{Person: page.Person{ID: "s", Role: role}}
			next.ServeHTTP(rw, r.WithContext(page.WithSession(r.Context(), s)))
		})
	})
	server := httptest.NewServer(r)
	w.t.Cleanup(server.Close)
	return server.URL
}

// TestOneConversationDoesNotTakeTheDesk: neither a conversation that was erased while it
// was open nor one whose bytes were altered keeps the queue, or the other conversations,
// from those who are in it; and both can be left.
func TestOneConversationDoesNotTakeTheDesk(t *testing.T) {
	w := newWorld(t)
	amal, farah, hana := w.hire("amal"), w.hire("farah"), w.hire("hana")
	minor, erased := w.talk(amal)
	farah.post("/api/v1/conversations/"+erased+"/join", object{}).wants("200")
	other, altered := w.talk(amal)
	other.post("/api/v1/conversation/messages", object{"text": "bonjour"}).wants("201")
	third, sound := w.talk(amal)
	third.post("/api/v1/conversation/messages", object{"text": "je suis encore là"}).wants("201")

	var asked struct{ ID string }
	minor.post("/api/v1/conversation/erasures", object{}).into(&asked)
	hana.post("/api/v1/privacy/erasures/"+asked.ID+"/decide", object{"verdict": "granted"}).wants("200")
	w.eventually("the conversation is erased", func() bool {
		return amal.get("/api/v1/conversations/"+erased+"/messages").status == http.StatusGone
	})
	_, err := w.db.Super.Exec(context.Background(), `ALTER TABLE sceau.messages DISABLE TRIGGER USER`)
	w.must(err)
	_, err = w.db.Super.Exec(context.Background(), `UPDATE sceau.messages SET ciphertext = set_byte(ciphertext, 40, get_byte(ciphertext, 40) # 1)
		WHERE case_id = $1 AND position = 1`, altered)
	w.must(err)

	agents, psychologists := w.agentDesk("agent"), w.agentDesk("psychologist")
	for _, one := range []struct {
		who                *client
		desk, path         string
		contains, excludes []string
	}{
		{amal, agents, "/agent", []string{"je suis encore là", `id="pane-` + altered, "/agent/c/" + altered + "/leave"}, []string{erased}},
		{amal, agents, "/agent/c/" + erased, []string{"/agent/c/" + erased + "/leave"}, []string{"data-reply-form"}},
		{amal, agents, "/agent/c/" + altered, []string{"/agent/c/" + altered + "/leave", "data-reply-form"}, []string{"bonjour"}},
		{amal, agents, "/agent/c/" + sound, []string{"je suis encore là"}, []string{"/leave"}},
		{farah, psychologists, "/psychologist", nil, []string{erased}},
		{farah, psychologists, "/psychologist/c/" + erased, []string{"/psychologist/c/" + erased + "/leave"}, []string{"data-reply-form"}},
	} {
		got := w.visit(one.who, http.MethodGet, one.desk+one.path, nil)
		if got.status != http.StatusOK {
			t.Errorf("%s: %d", one.path, got.status)
		}
		for _, text := range one.contains {
			if !strings.Contains(got.text, text) {
				t.Errorf("%s does not show %s", one.path, text)
			}
		}
		for _, text := range one.excludes {
			if strings.Contains(got.text, text) {
				t.Errorf("%s shows %s", one.path, text)
			}
		}
	}
	if text := w.visit(amal, http.MethodGet, agents+"/agent/c/"+sound, nil).text; !strings.Contains(text, "<title>Conversation · Sceau</title>") {
		t.Error("the title, which a shared desk's history keeps, tells more than it must")
	}
	for _, id := range []string{erased, altered} {
		left := w.visit(amal, http.MethodPost, agents+"/agent/c/"+id+"/leave", url.Values{"key": {page.NewKey()}})
		if left.status != http.StatusOK || left.at != "/agent" {
			t.Errorf("leaving: %d at %s", left.status, left.at)
		}
	}
	if text := w.visit(amal, http.MethodGet, agents+"/agent", nil).text; !strings.Contains(text, sound) || strings.Contains(text, erased) {
		t.Error("the desk after leaving")
	}
}
