package devissuer

import (
	"embed"
	"html/template"
	"net/http"
	"net/url"
)

//go:embed form.html
var formFS embed.FS

var pages = template.Must(template.ParseFS(formFS, "form.html"))

// formPage fills the login form.
type formPage struct {
	ID       string
	Account  string
	Error    string
	redirect string
}

// form shows the login form. The content policy lets it be sent here and lets
// the answer redirect to the client, which browsers count as part of sending.
func (s *Server) form(w http.ResponseWriter, status int, p formPage) {
	action := "'self'"
	if u, err := url.Parse(p.redirect); err == nil && u.Host != "" {
		action += " " + u.Scheme + "://" + u.Host
	}
	page(w, status, action, "form", p)
}

// fault shows one sentence, and leads nowhere.
func (s *Server) fault(w http.ResponseWriter, status int, sentence string) {
	page(w, status, "'none'", "fault", sentence)
}

func page(w http.ResponseWriter, status int, formAction, name string, data any) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy",
		"default-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action "+formAction)
	w.WriteHeader(status)
	pages.ExecuteTemplate(w, name, data) // the reader went away: nothing to tell
}
