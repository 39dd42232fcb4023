// Package privacy is where privacy officers work: requisitions that await them, requests
// for erasure, what is destroyed soon, and holds. They see ids, codes and times, and the
// magistrate's order: never a word of a child.
//
// Looking into a register is an entry of the log: these pages look when somebody comes,
// and not by themselves.
package privacy

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/sceau-project/sceau/web/answer"
	"github.com/sceau-project/sceau/web/page"
)

const base = "/privacy"

type pages struct{ answer.Desk }

// Pages lists them.
func Pages(shell *page.Shell) []page.Route {
	p := &pages{answer.Desk{Shell: shell, Base: base, Role: "privacy_officer"}}
	who := []string{p.Role}
	get := func(path string, handle http.HandlerFunc, fr, en string) page.Route {
		route := page.Route{Method: http.MethodGet, Path: path, Who: who, Handle: handle}
		if fr != "" {
			route.Nav = func(l page.Lang) string { return l.T(fr, en) }
		}
		return route
	}
	post := func(path string, handle http.HandlerFunc) page.Route {
		return page.Route{Method: http.MethodPost, Path: path, Who: who, Handle: handle}
	}
	return append(p.Routes(),
		get(base, p.queue, "Réquisitions", "Requisitions"),
		get(base+"/queue", p.part, "", ""),
		get(base+"/erasures", p.erasures, "Effacements", "Erasures"),
		post(base+"/erasures/{id}", p.decide),
		get(base+"/due", p.due, "Échéances", "Due"),
		get(base+"/holds", p.holds, "Gels", "Holds"),
		post(base+"/holds", p.set),
		post(base+"/holds/{id}/lift", p.lift),
	)
}

type (
	erasure struct {
		ID           string    `json:"id"`
		Conversation string    `json:"conversation"`
		RequestedAt  time.Time `json:"requested_at"`
		WaitingS     int64     `json:"waiting_s"`
		Held         bool      `json:"held"`
	}
	hold struct {
		ID           string     `json:"id"`
		Conversation string     `json:"conversation"`
		Reason       string     `json:"reason"`
		SetAt        time.Time  `json:"set_at"`
		LiftedAt     *time.Time `json:"lifted_at"`
	}
	due struct {
		Conversation string    `json:"conversation"`
		What         string    `json:"what"`
		Reason       string    `json:"reason"`
		At           time.Time `json:"at"`
		Held         bool      `json:"held"`
	}
)

// title begins a page; what it looks into is looked into once.
func (p *pages) title(r *http.Request, fr, en string) page.View {
	v := p.Page(r, p.Lang(r).T(fr, en))
	v.Path = r.URL.Path
	return v
}

func (p *pages) list(r *http.Request) (answer.List, error) {
	var list answer.List
	err := p.Get(r, "/api/v1/escalations", &list)
	answer.Sort(list.Pending)
	return list, err
}

func (p *pages) queue(w http.ResponseWriter, r *http.Request) {
	list, err := p.list(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	var done *answer.Request
	if id := r.URL.Query().Get("done"); id != "" {
		var q answer.Request
		if p.Get(r, page.Path("/api/v1/escalations/%s", id), &q) == nil {
			done = &q
		}
	}
	v := p.title(r, "Réquisitions", "Requisitions")
	p.Render(w, r, http.StatusOK, queuePage(v, list, done, time.Now()))
}

func (p *pages) part(w http.ResponseWriter, r *http.Request) {
	list, err := p.list(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, queuePart(p.Lang(r), page.SessionOf(r.Context()).ID, list, time.Now()))
}

func (p *pages) erasures(w http.ResponseWriter, r *http.Request) {
	p.showErasures(w, r, http.StatusOK, nil, "")
}

func (p *pages) showErasures(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem, of string) {
	var out struct {
		Erasures []erasure `json:"erasures"`
	}
	if err := p.Get(r, "/api/v1/privacy/erasures", &out); err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.title(r, "Demandes d'effacement", "Requests for erasure")
	v.Path = base + "/erasures"
	p.Render(w, r, status, erasuresPage(v, out.Erasures, problem, of, r.URL.Query().Get("done")))
}

func (p *pages) decide(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	body := map[string]string{"verdict": r.PostFormValue("verdict")}
	if body["verdict"] == "refused" {
		body["reason"] = r.PostFormValue("reason")
	}
	if refused := p.Send(r, http.MethodPost, page.Path("/api/v1/privacy/erasures/%s/decide", id), r.PostFormValue("key"), body, nil); refused != nil {
		problem := p.ProblemOf(r, refused)
		p.showErasures(w, r, problem.Status, problem, id)
		return
	}
	http.Redirect(w, r, base+"/erasures?done="+url.QueryEscape(body["verdict"]), http.StatusSeeOther)
}

// spans are how far ahead one can look, in days.
var spans = []int{7, 30, 90, 365}

func (p *pages) due(w http.ResponseWriter, r *http.Request) {
	days, err := strconv.Atoi(r.URL.Query().Get("days"))
	if err != nil || !slices.Contains(spans, days) {
		days = spans[1]
	}
	var out struct {
		Due []due `json:"due"`
	}
	if err := p.Get(r, "/api/v1/privacy/due?within_days="+strconv.Itoa(days), &out); err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.title(r, "Bientôt détruit", "Destroyed soon")
	v.Path = r.URL.RequestURI()
	p.Render(w, r, http.StatusOK, duePage(v, out.Due, days, time.Now()))
}

func (p *pages) holds(w http.ResponseWriter, r *http.Request) {
	p.showHolds(w, r, http.StatusOK, holdForm{Conversation: r.URL.Query().Get("conversation"), Done: r.URL.Query().Get("done")})
}

// holdForm is what was typed, and why it was refused.
type holdForm struct {
	Conversation, Reason string
	Of                   string // the hold to lift; "" for the form that sets one
	Problem              *page.Problem
	Done                 string
}

// setting ties a field of the form that sets a hold to why it was refused.
func (f holdForm) setting(field string) templ.Attributes {
	if f.Of != "" {
		return nil
	}
	return f.Problem.Field(field, "")
}

func (p *pages) showHolds(w http.ResponseWriter, r *http.Request, status int, form holdForm) {
	all := r.URL.Query().Get("all") != ""
	var out struct {
		Holds []hold `json:"holds"`
	}
	path := "/api/v1/privacy/holds"
	if all {
		path += "?all=true"
	}
	if err := p.Get(r, path, &out); err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.title(r, "Gels", "Holds")
	v.Path = base + "/holds"
	p.Render(w, r, status, holdsPage(v, out.Holds, all, form))
}

func (p *pages) set(w http.ResponseWriter, r *http.Request) {
	form := holdForm{Conversation: r.PostFormValue("conversation"), Reason: r.PostFormValue("reason")}
	p.hold(w, r, form, "/api/v1/privacy/holds", map[string]string{"conversation": form.Conversation, "reason": form.Reason}, "set")
}

func (p *pages) lift(w http.ResponseWriter, r *http.Request) {
	form := holdForm{Of: r.PathValue("id"), Reason: r.PostFormValue("reason")}
	p.hold(w, r, form, page.Path("/api/v1/privacy/holds/%s/lift", form.Of), map[string]string{"reason": form.Reason}, "lifted")
}

func (p *pages) hold(w http.ResponseWriter, r *http.Request, form holdForm, path string, body any, done string) {
	if refused := p.Send(r, http.MethodPost, path, r.PostFormValue("key"), body, nil); refused != nil {
		form.Problem = p.ProblemOf(r, refused)
		p.showHolds(w, r, form.Problem.Status, form)
		return
	}
	http.Redirect(w, r, base+"/holds?done="+done, http.StatusSeeOther)
}
