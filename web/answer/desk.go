package answer

import (
	"net/http"
	"slices"
	"time"

	"github.com/a-h/templ"

	"github.com/sceau-project/sceau/web/page"
)

// Desk is where one role answers requests, below a path of its own.
type Desk struct {
	*page.Shell
	Base string // "/supervisor" or "/privacy"
	Role string // whose it is
}

// Styles and Scripts are what these pages need.
var (
	Styles  = []string{"decide.css"}
	Scripts = []string{"htmx.js", "live.js", "idle.js", "countdown.js", "decide.js"}
)

// Events is where these pages hear that something changed.
const Events = "/api/v1/me/events"

// Page begins a page of a desk.
func (d *Desk) Page(r *http.Request, title string) page.View {
	v := d.View(r, title)
	v.Styles, v.Scripts, v.Events = slices.Concat(v.Styles, Styles), slices.Concat(v.Scripts, Scripts), Events
	return v
}

// Routes are the pages of one request.
func (d *Desk) Routes() []page.Route {
	who, one := []string{d.Role}, d.Base+"/requests/{id}"
	routes := []page.Route{
		{Method: http.MethodGet, Path: one, Who: who, Handle: d.open},
		{Method: http.MethodGet, Path: one + "/standing", Who: who, Handle: d.standing},
		{Method: http.MethodPost, Path: one + "/evidence", Who: who, Handle: d.read},
		{Method: http.MethodPost, Path: one + "/approve", Who: who, Handle: d.act("approve", func(r *http.Request) any {
			return map[string]any{"request": r.PostFormValue("request"), "facets": append([]string{}, r.PostForm["facet"]...)}
		})},
		{Method: http.MethodPost, Path: one + "/deny", Who: who, Handle: d.act("deny", func(r *http.Request) any {
			return map[string]any{"request": r.PostFormValue("request"), "reason": r.PostFormValue("reason")}
		})},
	}
	if d.Role != "supervisor" {
		return routes
	}
	return append(routes,
		page.Route{Method: http.MethodPost, Path: one + "/revoke", Who: who, Handle: d.act("revoke", func(r *http.Request) any {
			return map[string]any{"reason": r.PostFormValue("reason")}
		})},
		page.Route{Method: http.MethodPost, Path: one + "/review", Who: who, Handle: d.act("review", func(r *http.Request) any {
			return map[string]any{"request": r.PostFormValue("request"), "verdict": r.PostFormValue("verdict")}
		})},
		page.Route{Method: http.MethodPost, Path: one + "/tellings", Who: who, Handle: d.act("tellings", told)},
	)
}

// told reads what was said to the young person. A later time is said in days.
func told(r *http.Request) any {
	body := map[string]any{"outcome": r.PostFormValue("outcome")}
	switch r.PostFormValue("outcome") {
	case "unsafe":
		body["reason"] = r.PostFormValue("reason")
	case "later":
		days := map[string]time.Duration{"1": 1, "3": 3, "7": 7}[r.PostFormValue("days")]
		// A little less, since policy counts from when it is recorded.
		body["until"] = time.Now().Add(days*24*time.Hour - time.Minute).UTC().Format(time.RFC3339)
	}
	return body
}

// screen is one request as one person sees it.
type screen struct {
	Base, Role string
	Me         string // the reader's id
	Now        time.Time
	Q          Request
	Seen       *Evidence     // what was just read
	Problem    *page.Problem // why the last act was refused
	Act        string        // which act that was
	Form       map[string][]string
	News       bool // somebody has acted since the page was made
}

func (s screen) at(act string) templ.SafeURL {
	return templ.SafeURL(s.Base + "/requests/" + s.Q.ID + "/" + act)
}

// readable says whether the evidence may still be read by this person.
func (s screen) readable() bool {
	return s.Q.Answerable(s.Now) || s.Q.ToReview() && s.Role == "supervisor" || s.Q.Revocable() && s.Q.Answered(s.Me)
}

// chosen says whether a form that was refused had this value.
func (s screen) chosen(act, name, value string) bool {
	return s.Act == act && slices.Contains(s.Form[name], value)
}

func (d *Desk) screen(r *http.Request) (screen, error) {
	s := screen{Base: d.Base, Role: d.Role, Me: page.SessionOf(r.Context()).ID, Now: time.Now()}
	return s, d.Get(r, page.Path("/api/v1/escalations/%s", r.PathValue("id")), &s.Q)
}

func (d *Desk) show(w http.ResponseWriter, r *http.Request, status int, s screen) {
	l := d.Lang(r)
	v := d.Page(r, Ground(l, s.Q.Ground)+" · "+s.Q.Requester.Named(l))
	v.Path = d.Base + "/requests/" + s.Q.ID
	d.Render(w, r, status, screenPage(v, s))
}

func (d *Desk) open(w http.ResponseWriter, r *http.Request) {
	s, err := d.screen(r)
	if err != nil {
		d.Fail(w, r, err)
		return
	}
	d.show(w, r, http.StatusOK, s)
}

// standing says how the request stands, when that is not what the page shows.
func (d *Desk) standing(w http.ResponseWriter, r *http.Request) {
	s, err := d.screen(r)
	if err != nil {
		d.Fail(w, r, err)
		return
	}
	if s.Q.Mark() == r.URL.Query().Get("seen") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	s.News = true
	d.Render(w, r, http.StatusOK, standingPart(d.Page(r, ""), s, true))
}

// read reads what the request rests on: an entry, at each reading.
func (d *Desk) read(w http.ResponseWriter, r *http.Request) {
	var seen Evidence
	id := r.PathValue("id")
	refused := d.Send(r, http.MethodPost, page.Path("/api/v1/escalations/%s/evidence", id), r.PostFormValue("key"), nil, &seen)
	s, err := d.screen(r)
	if err != nil {
		d.Fail(w, r, err)
		return
	}
	status := http.StatusOK
	if refused != nil {
		s.Problem, s.Act = d.ProblemOf(r, refused), "evidence"
		status = s.Problem.Status
	} else {
		s.Seen = &seen
	}
	if r.Header.Get("HX-Request") != "" {
		status = http.StatusOK // what htmx shows
	}
	d.show(w, r, status, s)
}

// act does something and leads back to what waits; what is refused is told beside its form,
// with what was chosen.
func (d *Desk) act(name string, body func(*http.Request) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := r.PathValue("id")
		refused := d.Send(r, http.MethodPost, page.Path("/api/v1/escalations/%s/"+name, id), r.PostFormValue("key"), body(r), nil)
		if refused == nil {
			http.Redirect(w, r, d.Base+"?done="+id, http.StatusSeeOther)
			return
		}
		s, err := d.screen(r)
		if err != nil {
			d.Fail(w, r, err)
			return
		}
		s.Problem, s.Act, s.Form = d.ProblemOf(r, refused), name, r.PostForm
		d.show(w, r, s.Problem.Status, s)
	}
}
