package agent

import (
	"net/http"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// toTell is an opening that a young person is still to be told of.
type toTell struct {
	ID           string    `json:"id"`
	Conversation string    `json:"conversation"`
	Ground       string    `json:"ground"`
	OpenedAt     time.Time `json:"opened_at"`
	Facets       []string  `json:"facets"`
	TellBy       time.Time `json:"tell_by"`
	Overdue      bool      `json:"overdue"`
}

type requestsView struct {
	page.View
	Now      time.Time
	Open     []escalation
	Over     []escalation
	Tellings []toTell
}

// requests lists what the reader asked for, and whom they owe a word.
func (p *pages) requests(w http.ResponseWriter, r *http.Request) {
	v := requestsView{View: p.view(r, p.Lang(r).T("Mes demandes", "My requests")), Now: time.Now()}
	list, err := p.mine(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	for _, e := range list {
		if e.open(v.Now) {
			v.Open = append(v.Open, e)
		} else {
			v.Over = append(v.Over, e)
		}
	}
	var due struct {
		Due []toTell `json:"due"`
	}
	if err := p.Get(r, "/api/v1/tellings", &due); err != nil {
		p.Fail(w, r, err)
		return
	}
	v.Tellings = due.Due
	p.Render(w, r, http.StatusOK, requestsPage(v))
}

// confirmable is all that a second agent sees of a colleague's request.
type confirmable struct {
	ID             string    `json:"id"`
	Requester      present   `json:"requester"`
	Ground         string    `json:"ground"`
	RequestedAt    time.Time `json:"requested_at"`
	BreakGlassFrom time.Time `json:"break_glass_from"`
	Request        string    `json:"request"`
}

type confirmationsView struct {
	page.View
	Now     time.Time
	Pending []confirmable
	Problem *page.Problem
	Done    bool
}

func (p *pages) confirmations(w http.ResponseWriter, r *http.Request) {
	p.showConfirmations(w, r, http.StatusOK, nil)
}

func (p *pages) showConfirmations(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem) {
	v := confirmationsView{
		View: p.view(r, p.Lang(r).T("À confirmer", "To confirm")), Now: time.Now(), Problem: problem, Done: r.URL.Query().Get("done") != "",
	}
	var out struct {
		Pending []confirmable `json:"pending"`
	}
	if err := p.Get(r, "/api/v1/confirmations", &out); err != nil {
		p.Fail(w, r, err)
		return
	}
	v.Pending = out.Pending
	p.Render(w, r, status, confirmationsPage(v))
}

func (p *pages) confirm(w http.ResponseWriter, r *http.Request) {
	err := p.Send(r, http.MethodPost, page.Path(escalations+"/%s/confirm", part(r, "escalation")),
		r.PostFormValue("key"), boundTo{r.PostFormValue("request")}, nil)
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.showConfirmations(w, r, problem.Status, problem)
		return
	}
	seeOther(w, r, agentBase+"/confirmations?done=1")
}
