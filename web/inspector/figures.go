package inspector

import (
	"net/http"
	"net/url"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

type groundFigures struct {
	Ground    string `json:"ground"`
	Requests  int    `json:"requests"`
	Refused   int    `json:"refused"`
	Denied    int    `json:"denied"`
	Withdrawn int    `json:"withdrawn"`
	Expired   int    `json:"expired"`
	Waiting   int    `json:"waiting"`
	Approved  int    `json:"approved"`
	InPart    int    `json:"in_part"`
	Broken    int    `json:"broken"`
	Opened    int    `json:"opened"`
	Revoked   int    `json:"revoked"`
	Decision  struct {
		N      int   `json:"n"`
		Median int64 `json:"median_s"`
		P95    int64 `json:"p95_s"`
	} `json:"decision"`
}

type bucket struct {
	Start    time.Time `json:"start"`
	Requests int       `json:"requests"`
	Opened   []int     `json:"opened"`
}

type count struct {
	Code string `json:"code"`
	N    int    `json:"n"`
}

type answerer struct {
	Who       string `json:"who"`
	Approved  int    `json:"approved"`
	Denied    int    `json:"denied"`
	Timed     int    `json:"timed"`
	Quick     int    `json:"quick"`
	MedianS   int64  `json:"median_s"`
	QuickestS int64  `json:"quickest_s"`
}

func (a answerer) total() int { return a.Approved + a.Denied }

type pair struct {
	Requester string  `json:"requester"`
	Approver  string  `json:"approver"`
	Observed  int     `json:"observed"`
	Expected  float64 `json:"expected"`
	Chance    float64 `json:"chance"`
	StandsOut bool    `json:"stands_out"`
}

type figuresShown struct {
	Read     int64           `json:"read"`
	From     time.Time       `json:"from"`
	To       time.Time       `json:"to"`
	Cases    int             `json:"cases"`
	Until    *time.Time      `json:"until"`
	Requests int             `json:"requests"`
	Ignored  int             `json:"ignored"`
	Grounds  []groundFigures `json:"grounds"`
	Unit     string          `json:"unit"`
	Series   []bucket        `json:"series"`
	Refusals []count         `json:"refusals"`
	Denials  []count         `json:"denials"`
	Glass    struct {
		Granted  int `json:"granted"`
		Broken   int `json:"broken"`
		Due      int `json:"due"`
		Overdue  int `json:"overdue"`
		Upheld   int `json:"upheld"`
		Abusive  int `json:"abusive"`
		SharePct int `json:"share_pct"`
	} `json:"glass"`
	Answers   []answerer `json:"answers"`
	PairsFrom int        `json:"pairs_from"`
	Pairs     []pair     `json:"pairs"`
}

// sum adds up a figure of all grounds.
func (f figuresShown) sum(of func(groundFigures) int) int {
	n := 0
	for _, g := range f.Grounds {
		n += of(g)
	}
	return n
}

func (f figuresShown) opened() int { return f.sum(func(g groundFigures) int { return g.Opened }) }

// period is the query string of these very figures.
func (f figuresShown) period(more ...string) string {
	values := url.Values{"from": {f.From.UTC().Format(time.RFC3339)}, "to": {f.To.UTC().Format(time.RFC3339)}}
	for i := 0; i < len(more); i += 2 {
		values.Set(more[i], more[i+1])
	}
	return query(values)
}

// named is what an answer to a question for a name shows.
type named struct {
	Who      string // the pseudonym
	Read     int64  `json:"read"`
	Person   string `json:"person"`
	Accounts []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"accounts"`
}

type figuresForm struct {
	From, To string // as the fields show them
	Figures  *figuresShown
	Named    *named
	Problem  *page.Problem
}

func (p *pages) figures(w http.ResponseWriter, r *http.Request) {
	p.showFigures(w, r, http.StatusOK, r.URL.Query().Get("from"), r.URL.Query().Get("to"), figuresForm{})
}

// showFigures asks for the figures of a period and shows them, with what was asked beside.
func (p *pages) showFigures(w http.ResponseWriter, r *http.Request, status int, from, to string, form figuresForm) {
	var f figuresShown
	err := p.Get(r, journal+"/figures"+query(url.Values{"from": {when(from)}, "to": {when(to)}}), &f)
	switch {
	case err != nil && form.Problem == nil:
		if form.Problem = p.ProblemOf(r, err); form.Problem.Status == http.StatusUnauthorized {
			p.Fail(w, r, err)
			return
		}
		status, form.From, form.To = form.Problem.Status, from, to
	case err == nil:
		form.Figures, form.From, form.To = &f, field(f.From), field(f.To)
	}
	v := p.view(r, "Chiffres", "Figures")
	p.Render(w, r, status, figuresPage(v, form))
}

// name tells whom a pseudonym stands for, in the answer itself: it is in no address, and is
// gone with the page.
func (p *pages) name(w http.ResponseWriter, r *http.Request) {
	from, to, who := r.PostFormValue("from"), r.PostFormValue("to"), r.PostFormValue("who")
	in := map[string]string{"who": who, "from": from, "to": to, "reason": r.PostFormValue("reason")}
	got := named{Who: who}
	if err := p.Send(r, http.MethodPost, journal+"/names", r.PostFormValue("key"), in, &got); err != nil {
		problem := p.ProblemOf(r, err)
		if problem.Status == http.StatusUnauthorized {
			p.Fail(w, r, err)
			return
		}
		p.showFigures(w, r, problem.Status, from, to, figuresForm{Problem: problem})
		return
	}
	p.showFigures(w, r, http.StatusOK, from, to, figuresForm{Named: &got})
}
