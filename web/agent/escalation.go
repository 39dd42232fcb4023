package agent

import (
	"net/http"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"github.com/sceau-project/sceau/web/page"
)

// escalation is a request as its requester sees it.
type escalation struct {
	ID             string     `json:"id"`
	Conversation   string     `json:"conversation"`
	State          string     `json:"state"`
	Ground         string     `json:"ground"`
	Requester      present    `json:"requester"`
	RequestedAt    time.Time  `json:"requested_at"`
	Request        string     `json:"request"`
	Facets         []string   `json:"facets"`
	Evidence       []int64    `json:"evidence"`
	AnswerBy       *time.Time `json:"answer_by"`
	Granted        []string   `json:"granted"`
	UseBy          *time.Time `json:"use_by"`
	ReadUntil      *time.Time `json:"read_until"`
	Denial         string     `json:"denial"`
	Revocation     string     `json:"revocation"`
	ClosedFor      string     `json:"closed_for"`
	WidenedAt      *time.Time `json:"widened_at"`
	BreakGlassFrom *time.Time `json:"break_glass_from"`
	Confirmations  []struct {
		By present   `json:"by"`
		At time.Time `json:"at"`
	} `json:"confirmations"`
	Approvals []struct {
		By     present   `json:"by"`
		Facets []string  `json:"facets"`
		At     time.Time `json:"at"`
	} `json:"approvals"`
	BrokenAt *time.Time `json:"broken_at"`
	Review   string     `json:"review"`
	Printed  []struct {
		At time.Time `json:"at"`
	} `json:"printed"`
	TellBy   *time.Time `json:"tell_by"`
	Tellings []struct {
		By      present    `json:"by"`
		At      time.Time  `json:"at"`
		Outcome string     `json:"outcome"`
		Reason  string     `json:"reason"`
		Until   *time.Time `json:"until"`
	} `json:"tellings"`
}

// past says whether a moment has gone by; a moment that is none has not.
func past(at *time.Time, now time.Time) bool { return at != nil && at.Before(now) }

// openable says whether something may be opened, again perhaps, within its time.
func (e escalation) openable(now time.Time) bool {
	switch e.State {
	case "approved", "glass_broken":
		return !past(e.UseBy, now)
	case "released":
		return !past(e.ReadUntil, now)
	}
	return false
}

// mayBreak says whether nothing but the requester's hand is missing to break the glass.
func (e escalation) mayBreak(now time.Time) bool {
	return e.State == "requested" && past(e.BreakGlassFrom, now) && len(e.Confirmations) > 0 && !past(e.AnswerBy, now)
}

// open says whether the request can still come to something.
func (e escalation) open(now time.Time) bool {
	return e.State == "requested" && !past(e.AnswerBy, now) || e.openable(now)
}

// level is how a state is coloured, beside being said.
func (e escalation) level() string {
	switch e.State {
	case "approved", "released":
		return "good"
	case "requested", "glass_broken":
		return "warn"
	case "denied", "refused", "revoked", "void":
		return "danger"
	}
	return ""
}

// mine lists what the reader asked for, the latest first.
func (p *pages) mine(r *http.Request) ([]escalation, error) {
	var out struct {
		Mine []escalation `json:"mine"`
	}
	return out.Mine, p.Get(r, escalations, &out)
}

// escalationView is a request and what may be done about it.
type escalationView struct {
	escalation
	Now      time.Time
	Telling  []string
	Problem  *page.Problem
	Identity *identityView
	Outcome  string
}

func (p *pages) readEscalation(r *http.Request) (escalationView, error) {
	out := escalationView{Now: time.Now(), Telling: p.content[p.Lang(r)].Telling}
	err := p.Get(r, page.Path(escalations+"/%s", part(r, "escalation")), &out.escalation)
	if err == nil && out.Conversation != part(r, "id") {
		err = p.Get(r, escalations+"/none", nil) // of another conversation: told like one that is not
	}
	return out, err
}

func (p *pages) escalation(w http.ResponseWriter, r *http.Request) {
	p.showEscalation(w, r, http.StatusOK, nil, nil)
}

func (p *pages) showEscalation(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem, shown *identityView) {
	p.show(w, r, status, nil, func(v page.View, _ *pane) (templ.Component, error) {
		e, err := p.readEscalation(r)
		e.Problem, e.Identity, e.Outcome = problem, shown, r.PostFormValue("outcome")
		return escalationBeside(v, e), err
	})
}

// escalationPart answers a part of the page that changes while it is open: how far the
// request is, what is owed to the young person.
func (p *pages) escalationPart(part func(page.View, escalationView) templ.Component) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		shown, err := p.readEscalation(r)
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		p.Render(w, r, http.StatusOK, part(p.View(r, ""), shown))
	}
}

// escalationAt is the address of a request's page.
func escalationAt(conversation, id string) string {
	return at(agentBase, conversation) + "/request/" + id
}

// done leads back to the request, or shows there what was refused.
func (p *pages) done(w http.ResponseWriter, r *http.Request, err error) {
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.showEscalation(w, r, problem.Status, problem, nil)
		return
	}
	seeOther(w, r, escalationAt(part(r, "id"), part(r, "escalation")))
}

// act sends on what says all in its address.
func (p *pages) act(what string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		p.done(w, r, p.Send(r, http.MethodPost, page.Path(escalations+"/%s/"+what, part(r, "escalation")), r.PostFormValue("key"), empty{}, nil))
	}
}

type boundTo struct {
	Request string `json:"request"`
}

func (p *pages) breakGlass(w http.ResponseWriter, r *http.Request) {
	p.done(w, r, p.Send(r, http.MethodPost, page.Path(escalations+"/%s/break-glass", part(r, "escalation")),
		r.PostFormValue("key"), boundTo{r.PostFormValue("request")}, nil))
}

// identityView is an opened identity. It is made for one answer and kept nowhere.
type identityView struct {
	Case      string
	Number    string    // of the escalation, to be quoted
	Seq       int64     `json:"seq"`
	ReadUntil time.Time `json:"read_until"`
	Now       time.Time
	Facets    []struct {
		Facet      string `json:"facet"`
		Number     int    `json:"number"`
		Value      string `json:"value"`
		Connection *struct {
			Address string    `json:"address"`
			Port    int       `json:"port"`
			At      time.Time `json:"at"`
		} `json:"connection"`
	} `json:"facets"`
	Altered []struct {
		Facet  string `json:"facet"`
		Number int    `json:"number"`
	} `json:"altered"`
}

// identity opens what was granted. A script asks for the panel alone and puts it beside
// the conversation; without a script it stands in an answer that leads away when the
// reading window ends. Neither is an address that can be gone back to.
func (p *pages) identity(w http.ResponseWriter, r *http.Request) {
	shown := &identityView{Case: part(r, "id"), Number: part(r, "escalation"), Now: time.Now()}
	facets := r.PostForm["facet"]
	if facets == nil {
		facets = []string{}
	}
	err := p.Send(r, http.MethodPost, page.Path(escalations+"/%s/identity", part(r, "escalation")), r.PostFormValue("key"), struct {
		Facets []string `json:"facets"`
	}{facets}, shown)
	alone := r.Header.Get("Sceau-Part") != ""
	if err != nil {
		problem := p.ProblemOf(r, err)
		if alone {
			p.Render(w, r, problem.Status, page.Failure(p.Lang(r), problem))
			return
		}
		p.showEscalation(w, r, problem.Status, problem, nil)
		return
	}
	if alone {
		p.Render(w, r, http.StatusOK, identityPart(p.View(r, ""), *shown, true))
		return
	}
	left := max(1, int(time.Until(shown.ReadUntil).Seconds()))
	w.Header().Set("Refresh", strconv.Itoa(left)+"; url="+escalationAt(part(r, "id"), part(r, "escalation")))
	p.showEscalation(w, r, http.StatusOK, nil, shown)
}

// printed records that the panel is printed; the script prints when it is recorded.
func (p *pages) printed(w http.ResponseWriter, r *http.Request) {
	err := p.Send(r, http.MethodPost, page.Path(escalations+"/%s/printed", part(r, "escalation")), r.PostFormValue("key"), empty{}, nil)
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.Render(w, r, problem.Status, page.Failure(p.Lang(r), problem))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// tell records that the young person was told, or why not yet.
func (p *pages) tell(w http.ResponseWriter, r *http.Request) {
	in := struct {
		Outcome string     `json:"outcome"`
		Reason  string     `json:"reason,omitempty"`
		Until   *time.Time `json:"until,omitempty"`
	}{Outcome: r.PostFormValue("outcome")}
	switch in.Outcome {
	case "unsafe":
		in.Reason = r.PostFormValue("reason")
	case "later":
		if until, err := time.ParseInLocation(localForm, r.PostFormValue("until"), paris); err == nil {
			in.Until = &until
		}
	}
	p.done(w, r, p.Send(r, http.MethodPost, page.Path(escalations+"/%s/tellings", part(r, "escalation")), r.PostFormValue("key"), in, nil))
}
