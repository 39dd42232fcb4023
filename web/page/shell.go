package page

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/a-h/templ"
)

// Shell is what the pages of one face share.
type Shell struct {
	API    http.Handler // the face itself
	Public bool         // minors' pages: titles are neutral, answers are compressed
	TLS    bool         // cookies are Secure and bound to the host

	Prefers func(acceptLanguage string) Lang // nil: French
	// Refuse answers with a refusal of the face, by its code.
	Refuse func(w http.ResponseWriter, r *http.Request, code string)
	// SignedOut answers whoever asks for a page without saying who they are.
	SignedOut func(w http.ResponseWriter, r *http.Request)
	// Failure is the page of a refusal; nil: [FailurePage].
	Failure func(View, *Problem) templ.Component
	// Note is told of a page that could not be made; the error holds no text of
	// anybody's.
	Note func(ctx context.Context, err error)
	// Dress adds what every page of the face has: a banner, scripts.
	Dress func(*View)

	routes []Route
}

// Person is the member of staff at the browser; zero for a minor.
type Person struct{ ID, Name, Role, Unit string }

// Session is a member of staff's sign-in.
type Session struct {
	Person
	IdleAt time.Time     // it ends then, unless the person does something
	EndsAt time.Time     // it ends then, whatever happens
	Left   time.Duration // to the sooner of the two, when the request came
}

type sessionKey struct{}

// WithSession tells the pages who is at the browser.
func WithSession(ctx context.Context, s Session) context.Context {
	return context.WithValue(ctx, sessionKey{}, s)
}

// SessionOf is who is at the browser; zero when nobody signed in.
func SessionOf(ctx context.Context) Session {
	s, _ := ctx.Value(sessionKey{}).(Session)
	return s
}

// View is what the layout of a page needs.
type View struct {
	Lang    Lang
	Title   string // of the document; on the public face it tells nothing
	Path    string // of the page, to come back to
	Public  bool
	Session Session
	Nav     []Link
	Banner  templ.Component // above every page of the face
	Styles  []string        // names of static files, after the common ones
	Scripts []string        // names of static files
	Events  string          // address of an event stream that says when the page is old; "": none
	Refresh bool            // offer to look again, where there is no script
}

// Link is one line of the navigation.
type Link struct {
	Path, Text string
	Here       bool
}

// T is the language's.
func (v View) T(fr, en string) string { return v.Lang.T(fr, en) }

// View begins a page that answers r.
func (s *Shell) View(r *http.Request, title string) View {
	v := View{
		Lang: s.langOf(r), Title: title, Path: r.URL.RequestURI(), Public: s.Public, Session: SessionOf(r.Context()),
	}
	if r.Method != http.MethodGet {
		v.Path = "/"
	}
	v.Nav = s.nav(v, r.URL.Path)
	if s.Dress != nil {
		s.Dress(&v)
	}
	return v
}

// Lang is the language in which to answer r.
func (s *Shell) Lang(r *http.Request) Lang { return s.langOf(r) }

// Render answers with a page or a part of one.
func (s *Shell) Render(w http.ResponseWriter, r *http.Request, status int, c templ.Component) {
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Language", string(s.langOf(r)))
	w.WriteHeader(status)
	if err := c.Render(r.Context(), w); err != nil && r.Context().Err() == nil && s.Note != nil {
		s.Note(r.Context(), err)
	}
}

// Fail answers with a page that says what went wrong and what to do. Somebody whose
// session is over is led to begin another.
func (s *Shell) Fail(w http.ResponseWriter, r *http.Request, err error) {
	p := s.ProblemOf(r, err)
	if p.Status == http.StatusUnauthorized && s.SignedOut != nil {
		s.SignedOut(w, r)
		return
	}
	if p.RetryAfter != "" {
		w.Header().Set("Retry-After", p.RetryAfter)
	}
	v := s.View(r, s.langOf(r).T("Impossible pour l'instant", "Not possible now"))
	if s.Failure != nil {
		s.Render(w, r, p.Status, s.Failure(v, p))
		return
	}
	s.Render(w, r, p.Status, FailurePage(v, p))
}

// ProblemOf is the refusal behind an error. What is none is told as a failure of the
// service, and noted.
func (s *Shell) ProblemOf(r *http.Request, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) && p.Title != "" {
		return p
	}
	if s.Note != nil {
		s.Note(r.Context(), err)
	}
	l := s.langOf(r)
	again := "Réessayez dans un instant."
	if s.Public { // minors are addressed as one of them
		again = "Réessaie dans un instant."
	}
	return &Problem{
		Status: http.StatusInternalServerError, Code: "service.failed",
		Title:  l.T("Quelque chose n'a pas marché", "Something went wrong"),
		Detail: l.T(again, "Try again in a moment."),
	}
}

// Cookie is one that ends with the browser's session and that no script reads.
func (s *Shell) Cookie(name, value string) *http.Cookie {
	c := &http.Cookie{Name: s.CookieName(name), Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: s.TLS}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// CookieName binds a cookie to this host alone, where the face is reached over TLS
// (RFC 6265bis, 4.1.3.2).
func (s *Shell) CookieName(name string) string {
	if s.TLS {
		return "__Host-" + name
	}
	return name
}
