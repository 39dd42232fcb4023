package agent

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"github.com/sceau-project/sceau/web/page"
)

// askForm is a request to lift anonymity as it is being filled in.
type askForm struct {
	Talk     talk
	Consents []consent // that stand
	Values   url.Values
	Problem  *page.Problem
	Preview  *preview
}

// is says whether a choice is made.
func (f *askForm) is(name, value string) bool { return slices.Contains(f.Values[name], value) }

func (f *askForm) value(name string) string { return f.Values.Get(name) }

// cites says whether a message supports the request.
func (f *askForm) cites(m message) bool { return f.is("m", cited(m)) }

// cited names a message, and the exact sealed bytes that were read.
func cited(m message) string { return strconv.Itoa(m.Position) + " " + m.SHA256 }

// asked is the body of the request.
type asked struct {
	Ground      string            `json:"ground"`
	Assessment  map[string]string `json:"assessment"`
	Facets      []string          `json:"facets"`
	Evidence    []evidence        `json:"evidence"`
	Consent     string            `json:"consent,omitempty"`
	Requisition *requisition      `json:"requisition,omitempty"`
	Narrative   string            `json:"narrative,omitempty"`
}

type evidence struct {
	Position int    `json:"position"`
	SHA256   string `json:"sha256"`
}

type requisition struct {
	Authority  string   `json:"authority"`
	Reference  string   `json:"reference"`
	ListedCase string   `json:"listed_case,omitempty"`
	Facets     []string `json:"facets,omitempty"`
}

// body reads what was filled in. What belongs to another ground is left out.
func (f *askForm) body() asked {
	out := asked{Ground: f.value("ground"), Assessment: map[string]string{}, Facets: f.Values["facet"], Evidence: []evidence{}}
	if out.Facets == nil {
		out.Facets = []string{}
	}
	for _, q := range questions {
		if answer := f.value(q.code); answer != "" {
			out.Assessment[q.code] = answer
		}
	}
	for _, m := range f.Values["m"] {
		position, sum, _ := strings.Cut(m, " ")
		if n, err := strconv.Atoi(position); err == nil {
			out.Evidence = append(out.Evidence, evidence{n, sum})
		}
	}
	switch out.Ground {
	case "consent":
		out.Consent = f.value("consent")
	case "judicial_requisition":
		out.Requisition = &requisition{
			Authority: f.value("authority"), Reference: f.value("reference"), Facets: f.Values["ordered"],
		}
		if slices.Contains(out.Facets, "connection") {
			out.Requisition.ListedCase = f.value("listed_case")
		}
	}
	return out
}

// preview is what policy would answer.
type preview struct {
	Allow   bool `json:"allow"`
	Reasons []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"reasons"`
	Approvals []struct {
		Role  string `json:"role"`
		Count int    `json:"count"`
	} `json:"approvals"`
	AnswerWithin int64 `json:"answer_within_s"`
	UseWithin    int64 `json:"use_within_s"`
	ReadFor      int64 `json:"read_for_s"`
	GlassAfter   int64 `json:"break_glass_after_s"`
}

func (p *pages) readPreview(r *http.Request, id string, body asked) (*preview, error) {
	body.Narrative = "" // not looked at, and nobody's business yet
	var out preview
	return &out, p.Send(r, http.MethodPost, page.Path(talks+"/%s/escalations/preview", id), page.NewKey(), body, &out)
}

func (p *pages) asking(w http.ResponseWriter, r *http.Request) {
	f := &askForm{Values: url.Values{"ground": {"imminent_danger"}}}
	p.show(w, r, http.StatusOK, nil, p.askBeside(r, f))
}

func (p *pages) askBeside(r *http.Request, f *askForm) func(page.View, *pane) (templ.Component, error) {
	return func(v page.View, one *pane) (templ.Component, error) {
		f.Talk = one.Talk
		var consents struct {
			Consents []consent `json:"consents"`
		}
		if err := p.Get(r, page.Path(talks+"/%s/consents", one.Talk.ID), &consents); err != nil {
			return nil, err
		}
		for _, c := range consents.Consents {
			if !c.Withdrawn {
				f.Consents = append(f.Consents, c)
			}
		}
		if one.Pick = f; f.Preview == nil {
			var err error
			if f.Preview, err = p.readPreview(r, one.Talk.ID, f.body()); err != nil {
				f.Preview = nil
				if f.Problem == nil {
					f.Problem = p.ProblemOf(r, err)
				}
			}
		}
		return askPart(v, f), nil
	}
}

// preview answers what policy would say to what is filled in so far.
func (p *pages) preview(w http.ResponseWriter, r *http.Request) {
	f := &askForm{Values: r.PostForm}
	answer, err := p.readPreview(r, part(r, "id"), f.body())
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.Render(w, r, http.StatusOK, page.Failure(p.Lang(r), problem))
		return
	}
	p.Render(w, r, http.StatusOK, previewPart(p.View(r, ""), answer))
}

// ask makes the request, or shows again what policy would say where that was asked.
func (p *pages) ask(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	f := &askForm{Values: r.PostForm}
	if r.PostFormValue("look") != "" {
		p.show(w, r, http.StatusOK, nil, p.askBeside(r, f))
		return
	}
	body := f.body()
	body.Narrative = f.value("narrative")
	var made escalation
	err := p.Send(r, http.MethodPost, page.Path(talks+"/%s/escalations", id), r.PostFormValue("key"), body, &made)
	if err != nil {
		f.Problem = p.ProblemOf(r, err)
		p.show(w, r, f.Problem.Status, nil, p.askBeside(r, f))
		return
	}
	seeOther(w, r, at(agentBase, id)+"/request/"+made.ID)
}
