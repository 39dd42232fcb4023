package web_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/sceau-project/sceau/web/inspector"
	"github.com/sceau-project/sceau/web/page"
)

// desk serves the pages of inspectors over the staff face's API, for whoever a request's
// token and role say.
func (w *world) desk(role string) *httptest.Server {
	w.t.Helper()
	api, err := url.Parse(w.staff)
	w.must(err)
	shell := &page.Shell{
		API:    httputil.NewSingleHostReverseProxy(api),
		Refuse: func(rw http.ResponseWriter, _ *http.Request, code string) { http.Error(rw, code, http.StatusForbidden) },
	}
	r := chi.NewRouter()
	shell.Mount(r, inspector.Routes(shell), func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			s := page.Session{Person: page.Person{ID: "s", Name: "Gilles", Role: role}}
			next.ServeHTTP(rw, r.WithContext(page.WithSession(r.Context(), s)))
		})
	})
	server := httptest.NewServer(r)
	w.t.Cleanup(server.Close)
	return server
}

// sheet is a page as it came.
type sheet struct {
	status int
	text   string
	at     string // where redirections led
}

func (w *world) visit(c *client, method, address string, form url.Values) sheet {
	w.t.Helper()
	req, err := http.NewRequestWithContext(context.Background(), method, address, strings.NewReader(form.Encode()))
	w.must(err)
	req.Header = c.header.Clone()
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	res, err := http.DefaultClient.Do(req)
	w.must(err)
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	w.must(err)
	return sheet{res.StatusCode, string(raw), res.Request.URL.RequestURI()}
}

var inline = regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle=|\son[a-z]+=|javascript:`)

// TestPagesOfInspectors: without a script, every page answers, shows nothing that is
// sealed, says which entry the look is, and writes no other; others are not let in.
func TestPagesOfInspectors(t *testing.T) {
	i := newInspected(t)
	i.forge()
	desk := i.desk("inspector")
	open := func(path string) sheet { t.Helper(); return i.visit(i.gilles, http.MethodGet, desk.URL+path, nil) }

	for _, c := range []struct {
		path  string
		looks int64
		says  []string
	}{
		{"/inspector", 1, []string{"Jamais vérifiée", "Empreinte de tête", "Demandes d&#39;effacement"}},
		{"/inspector/entries", 1, []string{"Levée d&#39;anonymat demandée", "escalation.requested"}},
		{"/inspector/entries?role=supervisor&order=oldest", 1, []string{"Pièces lues", "Demande accordée"}},
		{"/inspector/entries?from=2020-01-01T00:00&to=2020-01-02T00:00", 1, []string{"Rien ne correspond"}},
		{"/inspector/cases/" + i.id, 1, []string{"1 entrée écrite hors des règles", "Sans effet", "Identité ouverte"}},
		{"/inspector/entries/0", 1, []string{"commence le journal", "openssl dgst -sha256"}},
		{"/inspector/entries/7", 1, []string{"continue l&#39;entrée d&#39;avant"}},
		{"/inspector/figures", 1, []string{"Qui accorde souvent à qui", "<svg", "Voir le nom"}},
		{"/inspector/reviews", 1, []string{"Aucune vitre"}},
		{"/inspector/exports", 0, []string{"sceau-inspect verify"}},
	} {
		before := i.entries()
		s := open(c.path)
		if s.status != http.StatusOK {
			t.Fatalf("%s: %d: %s", c.path, s.status, s.text)
		}
		if n := i.entries() - before; n != c.looks {
			t.Errorf("%s wrote %d entries", c.path, n)
		}
		if c.looks > 0 && !strings.Contains(s.text, "inscrit") {
			t.Errorf("%s does not say that it is recorded", c.path)
		}
		for _, want := range c.says {
			if !strings.Contains(s.text, want) {
				t.Errorf("%s does not say %q", c.path, want)
			}
		}
		for _, secret := range append([]string{"Amal ", "Diane "}, secrets...) {
			if strings.Contains(s.text, secret) {
				t.Errorf("%s shows %q", c.path, secret)
			}
		}
		if n := strings.Count(s.text, "<h1"); n != 1 {
			t.Errorf("%s has %d titles", c.path, n)
		}
		if bad := inline.FindString(s.text); bad != "" {
			t.Errorf("%s holds %q", c.path, bad)
		}
	}

	// What a search is asked is kept, and what is wrong with it is said.
	if s := open("/inspector/entries?person=Lina+M."); s.status != http.StatusUnprocessableEntity || !strings.Contains(s.text, `value="Lina M."`) ||
		!strings.Contains(s.text, `aria-invalid="true"`) {
		t.Errorf("%d: %s", s.status, s.text)
	}
	if s := open("/inspector/entries/999999"); s.status != http.StatusNotFound || !strings.Contains(s.text, "entry.not_found") {
		t.Errorf("%d", s.status)
	}
	if s := open("/inspector/entries"); s.at != "/inspector/entries?looks=hide&order=newest" {
		t.Errorf("the address does not say what is searched for: %s", s.at)
	}

	// A verification, without a script.
	key := url.Values{"key": {"0123456789abcdef0123"}}
	s := i.visit(i.gilles, http.MethodPost, desk.URL+"/inspector/verify", key)
	i.eventually("the page says that the chain holds", func() bool {
		s = open("/inspector")
		return strings.Contains(s.text, "La chaîne tient")
	})

	// Nobody else, and not by another's role.
	for _, role := range []string{"agent", "psychologist", "supervisor", "privacy_officer", ""} {
		other := i.desk(role)
		if s := i.visit(i.amal, http.MethodGet, other.URL+"/inspector", nil); s.status != http.StatusForbidden {
			t.Errorf("as %q: %d", role, s.status)
		}
	}
	if s := i.visit(i.amal, http.MethodGet, desk.URL+"/inspector/cases/"+i.id, nil); s.status != http.StatusForbidden || !strings.Contains(s.text, "role.not_allowed") {
		t.Errorf("with a page that lets in whom the API does not: %d", s.status)
	}
}

var pseudonym = regexp.MustCompile(`name="who" value="([A-Z2-7]{4}-[A-Z2-7]{4})"`)

// TestPageOfAName: the page shows whom a pseudonym stands for once, for a reason.
func TestPageOfAName(t *testing.T) {
	i := newInspected(t)
	desk := i.desk("inspector")
	s := i.visit(i.gilles, http.MethodGet, desk.URL+"/inspector/figures", nil)
	who := pseudonym.FindStringSubmatch(s.text)
	from := regexp.MustCompile(`name="from" value="([^"]*Z)"`).FindStringSubmatch(s.text)
	to := regexp.MustCompile(`name="to" value="([^"]*Z)"`).FindStringSubmatch(s.text)
	if who == nil || from == nil || to == nil {
		t.Fatalf("no form: %s", s.text)
	}
	ask := func(reason string) sheet {
		t.Helper()
		return i.visit(i.gilles, http.MethodPost, desk.URL+"/inspector/names", url.Values{
			"key": {"0123456789abcdef" + reason}, "who": {who[1]}, "from": {from[1]}, "to": {to[1]}, "reason": {reason},
		})
	}
	if s := ask(""); s.status != http.StatusUnprocessableEntity || strings.Contains(s.text, "Diane") || !strings.Contains(s.text, "naming.not_coded") {
		t.Errorf("without a reason: %d", s.status)
	}
	if s := ask("misuse"); s.status != http.StatusOK || !strings.Contains(s.text, "Diane") || s.at != "/inspector/names" {
		t.Errorf("with one: %d %s", s.status, s.at)
	}
	if s := i.visit(i.gilles, http.MethodGet, desk.URL+"/inspector/figures", nil); strings.Contains(s.text, "Diane") || !strings.Contains(s.text, who[1]) {
		t.Error("the name stays")
	}
}
