// Package supervisor is where supervisors work: one queue of what awaits a decision, the
// most dangerous and oldest first, and what else is theirs: broken glasses to review, young
// people to tell, grants that can be revoked, being on call.
package supervisor

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/web/answer"
	"github.com/sceau-project/sceau/web/page"
)

const base = "/supervisor"

type pages struct{ answer.Desk }

// Pages lists them.
func Pages(shell *page.Shell) []page.Route {
	p := &pages{answer.Desk{Shell: shell, Base: base, Role: "supervisor"}}
	who := []string{p.Role}
	return append(p.Routes(),
		page.Route{Method: http.MethodGet, Path: base, Who: who, Handle: p.queue, Nav: func(l page.Lang) string { return l.T("Décisions", "Decisions") }},
		page.Route{Method: http.MethodGet, Path: base + "/queue", Who: who, Handle: p.part},
		page.Route{Method: http.MethodPost, Path: base + "/on-call", Who: who, Handle: p.onCall},
		page.Route{Method: http.MethodPost, Path: base + "/off-call", Who: who, Handle: p.offCall},
	)
}

// What the API says, beside requests.
type (
	review struct {
		ID        string           `json:"id"`
		Requester answer.Present   `json:"requester"`
		Confirmed []answer.Present `json:"confirmed"`
		Facets    []string         `json:"facets"`
		BrokenAt  time.Time        `json:"broken_at"`
		ReviewBy  time.Time        `json:"review_by"`
		Overdue   bool             `json:"overdue"`
		Verdict   string           `json:"verdict"`
	}
	telling struct {
		ID     string    `json:"id"`
		Ground string    `json:"ground"`
		Facets []string  `json:"facets"`
		TellBy time.Time `json:"tell_by"`
	}
)

// board is everything that awaits a supervisor.
type board struct {
	answer.List
	Reviews  []review
	Tellings []telling
	Gone     []answer.Request // that the page showed, and that somebody has answered since
	Now      time.Time
	Me       string
}

// ids names what waits, as decide.js counts it.
func (b board) ids() string {
	out := make([]string, len(b.Pending))
	for i, q := range b.Pending {
		out[i] = q.ID
	}
	return strings.Join(out, " ")
}

// again is where the queue asks for itself: it says what it shows, so that the answer can
// say what became of it.
func (b board) again() string {
	shown := make([]string, 0, len(b.Pending)+len(b.Gone))
	for _, q := range slices.Concat(b.Pending, b.Gone) {
		shown = append(shown, q.ID)
	}
	return base + "/queue?shown=" + strings.Join(shown[:min(len(shown), maxShown)], ",")
}

const (
	maxShown = 40
	maxGone  = 5
)

func (p *pages) board(r *http.Request) (board, error) {
	b := board{Now: time.Now(), Me: page.SessionOf(r.Context()).ID}
	if err := p.Get(r, "/api/v1/escalations", &b.List); err != nil {
		return b, err
	}
	answer.Sort(b.Pending)
	var reviews struct {
		Reviews []review `json:"reviews"`
	}
	if err := p.Get(r, "/api/v1/reviews", &reviews); err != nil {
		return b, err
	}
	b.Reviews = slices.DeleteFunc(reviews.Reviews, func(one review) bool { return one.Verdict != "" })
	var tellings struct {
		Due []telling `json:"due"`
	}
	if err := p.Get(r, "/api/v1/tellings", &tellings); err != nil {
		return b, err
	}
	b.Tellings = tellings.Due
	return b, nil
}

// gone tells what became of what the page showed a moment ago.
func (p *pages) gone(r *http.Request, b *board) {
	waits := strings.Fields(b.ids())
	for i, id := range strings.Split(r.URL.Query().Get("shown"), ",") {
		if i >= maxShown || len(b.Gone) >= maxGone {
			return
		}
		if id == "" || slices.Contains(waits, id) {
			continue
		}
		var q answer.Request
		// What cannot be told is left out: it is there to inform, not to decide on.
		if p.Get(r, page.Path("/api/v1/escalations/%s", id), &q) == nil {
			b.Gone = append(b.Gone, q)
		}
	}
}

func (p *pages) queue(w http.ResponseWriter, r *http.Request) {
	b, err := p.board(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	until, err := p.onCallUntil(r)
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
	v := p.Page(r, p.Lang(r).T("Décisions", "Decisions"))
	v.Path = base
	p.Render(w, r, http.StatusOK, queuePage(v, b, done, until, nil))
}

// onCallUntil is when the reader's being on call ends; nil when they are not.
func (p *pages) onCallUntil(r *http.Request) (*time.Time, error) {
	var me struct {
		OnCallUntil *time.Time `json:"on_call_until"`
	}
	err := p.Get(r, "/api/v1/me", &me)
	return me.OnCallUntil, err
}

func (p *pages) part(w http.ResponseWriter, r *http.Request) {
	b, err := p.board(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.gone(r, &b)
	p.Render(w, r, http.StatusOK, queuePart(p.Lang(r), b))
}

// hours are for how long one can be on call. Policy allows a day at most.
var hours = []struct {
	value string
	time.Duration
}{{"2", 2 * time.Hour}, {"8", 8 * time.Hour}, {"12", 12 * time.Hour}, {"24", 24*time.Hour - time.Minute}}

func (p *pages) onCall(w http.ResponseWriter, r *http.Request) {
	span := hours[0].Duration
	for _, h := range hours {
		if h.value == r.PostFormValue("hours") {
			span = h.Duration
		}
	}
	p.then(w, r, p.Send(r, http.MethodPut, "/api/v1/me/on-call", r.PostFormValue("key"),
		map[string]string{"until": time.Now().Add(span).UTC().Format(time.RFC3339)}, nil))
}

func (p *pages) offCall(w http.ResponseWriter, r *http.Request) {
	p.then(w, r, p.Send(r, http.MethodDelete, "/api/v1/me/on-call", r.PostFormValue("key"), nil, nil))
}

// then leads back, or tells on the same page why not.
func (p *pages) then(w http.ResponseWriter, r *http.Request, refused error) {
	if refused == nil {
		http.Redirect(w, r, base, http.StatusSeeOther)
		return
	}
	b, err := p.board(r)
	if err != nil {
		p.Fail(w, r, refused)
		return
	}
	until, err := p.onCallUntil(r)
	if err != nil {
		p.Fail(w, r, refused)
		return
	}
	problem := p.ProblemOf(r, refused)
	v := p.Page(r, p.Lang(r).T("Décisions", "Decisions"))
	v.Path = base
	p.Render(w, r, problem.Status, queuePage(v, b, nil, until, problem))
}
