package page_test

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"

	"github.com/sceau-project/sceau/web/page"
)

// A link may lead back to a page of this face, and nowhere else.
func TestLocal(t *testing.T) {
	for path, want := range map[string]string{
		"/chat": "/chat", "/inspector?from=2026-01-01": "/inspector?from=2026-01-01",
		"": "/", "chat": "/", "//evil.example": "/", "/\\evil.example": "/", "https://evil.example/": "/",
		"/a\nb": "/", "/\t/evil.example": "/", "javascript:alert(1)": "/",
	} {
		if got := page.Local(path); got != want {
			t.Errorf("%q leads to %q, want %q", path, got, want)
		}
	}
}

// world is a face with one API route and one page.
func world(t *testing.T, shell *page.Shell, routes ...page.Route) http.Handler {
	t.Helper()
	r := chi.NewRouter()
	r.Get("/api/{what}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if chi.URLParam(r, "what") == "refused" {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"status":409,"code":"a.code","title":"Non","detail":"Faire autrement."}`)
			return
		}
		_, _ = io.WriteString(w, `{"what":"`+chi.URLParam(r, "what")+`","who":"`+r.Header.Get("Authorization")+`","lang":"`+r.Header.Get("Accept-Language")+`"}`)
	})
	shell.API = r
	shell.Refuse = func(w http.ResponseWriter, _ *http.Request, code string) { http.Error(w, code, http.StatusForbidden) }
	shell.Mount(r, routes)
	return r
}

func get(h http.Handler, path string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// A page asks as whoever is at the browser, in their language, and its own
// address does not leak into the question.
func TestAsking(t *testing.T) {
	shell := &page.Shell{}
	var got struct{ What, Who, Lang string }
	var refused error
	h := world(t, shell, page.Route{Method: http.MethodGet, Path: "/p/{what}", Who: []string{page.Minor}, Handle: func(w http.ResponseWriter, r *http.Request) {
		if err := shell.Get(r, page.Path("/api/%s", "a b/../c"), &got); err != nil || got.What != "a%20b%2F..%2Fc" {
			t.Errorf("a slash in a part of a path became one of the path: %v, %q", err, got.What)
		}
		if err := shell.Get(r, "/api/thing", &got); err != nil {
			t.Error(err)
		}
		refused = shell.Get(r, "/api/refused", nil)
		shell.Fail(w, r, refused)
	}})
	w := get(h, "/p/other", "Authorization", "Bearer t", "Cookie", "lang=en")
	if got.What != "thing" || got.Who != "Bearer t" || got.Lang != "en" {
		t.Errorf("asked %+v", got)
	}
	var p *page.Problem
	if !errors.As(refused, &p) || p.Code != "a.code" || p.Status != http.StatusConflict {
		t.Errorf("refused with %v", refused)
	}
	if body := w.Body.String(); w.Code != http.StatusConflict || !strings.Contains(body, "Faire autrement.") || !strings.Contains(body, `lang="en"`) {
		t.Errorf("the page says %d %s", w.Code, body)
	}
	if csp := w.Header().Get("Content-Security-Policy"); csp != page.Policy {
		t.Errorf("content policy %q", csp)
	}
}

// Whom the table does not name does not get the page.
func TestWho(t *testing.T) {
	shell := &page.Shell{}
	h := world(t, shell,
		page.Route{Method: http.MethodGet, Path: "/agent", Who: []string{"agent"}, Handle: func(w http.ResponseWriter, r *http.Request) {
			shell.Render(w, r, http.StatusOK, page.Layout(shell.View(r, "x")))
		}, Nav: func(l page.Lang) string { return l.T("File", "Queue") }},
		page.Route{Method: http.MethodGet, Path: "/inspector", Who: []string{"inspector"}, Handle: http.NotFound, Nav: func(page.Lang) string { return "Inspection" }})
	as := func(role, path string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(http.MethodGet, path, nil)
		if role != "" {
			r = r.WithContext(page.WithSession(r.Context(), page.Session{Person: page.Person{ID: "s-1", Role: role, Name: "<Amal>"}}))
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, tt := range []struct {
		role, path string
		want       int
	}{{"agent", "/agent", 200}, {"inspector", "/agent", 403}, {"", "/agent", 403}, {"agent", "/inspector", 403}} {
		if got := as(tt.role, tt.path).Code; got != tt.want {
			t.Errorf("%q at %s: %d, want %d", tt.role, tt.path, got, tt.want)
		}
	}
	body := as("agent", "/agent").Body.String()
	if !strings.Contains(body, "File") || strings.Contains(body, "Inspection") || !strings.Contains(body, "&lt;Amal&gt;") {
		t.Errorf("navigation: %s", body)
	}
}

// What the browser may keep is kept under a name that changes with it.
func TestStatic(t *testing.T) {
	h := world(t, &page.Shell{})
	plain, small := get(h, page.Static("sceau.css")), get(h, page.Static("sceau.css"), "Accept-Encoding", "gzip")
	if plain.Code != 200 || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") || plain.Header().Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("%d %v", plain.Code, plain.Header())
	}
	if small.Header().Get("Content-Encoding") != "gzip" || small.Body.Len() >= plain.Body.Len() {
		t.Errorf("compressed: %d of %d bytes", small.Body.Len(), plain.Body.Len())
	}
	if w := get(h, "/static/0/sceau.css"); w.Code != http.StatusNotFound {
		t.Errorf("an address of another version: %d", w.Code)
	}
}

// Under the content policy nothing inline would work: no template has any.
func TestNothingInline(t *testing.T) {
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=["{]|<style|javascript:|href="https?:|src="https?:|<script[^>]*>[^<]`)
	found := 0
	err := filepath.WalkDir("..", func(path string, d os.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".templ" {
			return err
		}
		found++
		text, err := os.ReadFile(path)
		if at := inline.Find(text); at != nil {
			t.Errorf("%s: %q", path, at)
		}
		return err
	})
	if err != nil || found == 0 {
		t.Fatalf("%d templates: %v", found, err)
	}
}

func TestFailureSaysItAll(t *testing.T) {
	var out bytes.Buffer
	p := &page.Problem{Title: "Refusé", Detail: "Voici quoi faire.", Code: "x.y"}
	p.Reasons = append(p.Reasons, struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"a", "Parce que <b>."}, struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	}{"b", "Et aussi."})
	if err := page.Failure(page.French, p).Render(templ.InitializeContext(t.Context()), &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`role="alert"`, "Refusé", "Voici quoi faire.", "Parce que &lt;b&gt;.", "Et aussi.", "x.y"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in %s", want, out.String())
		}
	}
}
