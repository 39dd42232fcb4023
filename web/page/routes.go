package page

import (
	"net/http"
	"slices"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Who may open a page, besides the roles of staff.
const (
	Anyone = "anyone" // no session at all
	Minor  = "minor"  // whoever has a conversation's cookie
)

// Route is one page: what it is called in the navigation (nothing: it is not
// there), and who may open it. Whether they may do what it offers is the API's to
// decide.
type Route struct {
	Method string
	Path   string
	Who    []string
	Nav    func(Lang) string
	Handle http.HandlerFunc
	Stream bool // it answers for long
}

// Policy is the content policy of every page: everything from here, nothing
// inline. Pictures in style sheets may be data.
const Policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; media-src 'self'; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

// Mount adds the pages to a face. wrap is what the face puts around each.
func (s *Shell) Mount(r chi.Router, routes []Route, wrap ...func(http.Handler) http.Handler) {
	s.routes = append(routes,
		Route{Method: http.MethodGet, Path: "/lang/{lang}", Who: []string{Anyone}, Handle: s.speak})
	for _, route := range s.routes {
		chain := append(slices.Clone(wrap), s.dress)
		if s.Public && !route.Stream {
			// A minor's cookie answers this origin alone (see Bearer), so nobody can have
			// an answer compressed together with a guess of theirs. Staff read what
			// others wrote: theirs are not compressed.
			chain = append(chain, middleware.Compress(5, "text/html"))
		}
		r.With(chain...).MethodFunc(route.Method, route.Path, s.only(route))
	}
	r.Get("/static/{version}/{name}", s.static)
	r.Get("/favicon.ico", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })
}

// Pages lists what is mounted.
func (s *Shell) Pages() []Route { return s.routes }

// dress sets what every page answers with.
func (s *Shell) dress(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", Policy)
		w.Header().Add("Vary", "Cookie")
		next.ServeHTTP(w, r)
	})
}

// only lets in whom the table names.
func (s *Shell) only(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		role := SessionOf(r.Context()).Role
		if role == "" && r.Header.Get("Authorization") != "" {
			role = Minor
		}
		switch {
		case slices.Contains(route.Who, Anyone), role != "" && slices.Contains(route.Who, role):
			route.Handle(w, r)
		case role == "" && s.SignedOut != nil:
			s.SignedOut(w, r)
		case role == "":
			s.Refuse(w, r, "token.missing")
		default:
			s.Refuse(w, r, "role.not_allowed")
		}
	}
}

// nav lists the pages that the reader may open and that have a name.
func (s *Shell) nav(v View, here string) []Link {
	var links []Link
	for _, route := range s.routes {
		if route.Nav == nil || !slices.Contains(route.Who, v.Session.Role) && !slices.Contains(route.Who, Anyone) {
			continue
		}
		links = append(links, Link{Path: route.Path, Text: route.Nav(v.Lang), Here: route.Path == here})
	}
	return links
}
