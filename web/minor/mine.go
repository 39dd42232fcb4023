package minor

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// What a child may do with what is theirs: one page for each, so that each says one
// thing.

func (p *pages) mine(w http.ResponseWriter, r *http.Request) {
	var s state
	if err := p.Get(r, talk, &s); err != nil {
		p.failed(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, minePage(p.View(r, title), s, p.texts(r).named(rightsFile)))
}

func (p *pages) phrase(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, phrasePage(p.View(r, title), "", nil))
}

// newPhrase shows the phrase in the answer itself: it is told once.
func (p *pages) newPhrase(w http.ResponseWriter, r *http.Request) {
	var got struct {
		Phrase string `json:"phrase"`
	}
	err := p.Send(r, http.MethodPost, talk+"/phrase", r.PostFormValue("key"), nil, &got)
	v := p.View(r, title)
	v.Path = "/mine/phrase"
	if err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			p.Render(w, r, problem.Status, phrasePage(v, "", problem))
		})
		return
	}
	p.Render(w, r, http.StatusOK, phrasePage(v, got.Phrase, nil))
}

// entrusted are the facets that a child may put into the safe themselves.
var entrusted = []string{"name", "contact", "location"}

// openable are those whose opening they may agree to.
var openable = []string{"name", "contact", "location", "connection"}

func facetName(l page.Lang, facet string) string {
	switch facet {
	case "name":
		return l.T("Mon nom ou mon prénom", "My name")
	case "contact":
		return l.T("Comment me joindre (téléphone, adresse mail…)", "How to reach me (phone, e-mail…)")
	case "location":
		return l.T("Où je suis, où j'habite", "Where I am, where I live")
	case "connection":
		return l.T("L'adresse internet de mon appareil", "The internet address of my device")
	}
	return facet
}

type safeForm struct {
	Facet, Value string
	Done         bool
	Problem      *page.Problem
}

func (p *pages) safe(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, safePage(p.View(r, title), safeForm{Done: r.URL.Query().Has("done")}))
}

func (p *pages) entrust(w http.ResponseWriter, r *http.Request) {
	form := safeForm{Facet: r.PostFormValue("facet"), Value: r.PostFormValue("value")}
	err := p.Send(r, http.MethodPut, page.Path(talk+"/facets/%s", form.Facet), r.PostFormValue("key"), map[string]string{"value": form.Value}, nil)
	if err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			form.Problem = problem
			v := p.View(r, title)
			v.Path = "/mine/safe"
			p.Render(w, r, problem.Status, safePage(v, form))
		})
		return
	}
	seeOther(w, r, "/mine/safe?done")
}

type consent struct {
	ID        string    `json:"id"`
	Facets    []string  `json:"facets"`
	GivenAt   time.Time `json:"given_at"`
	Withdrawn bool      `json:"withdrawn"`
	Words     string    `json:"words"` // in a copy
}

type consentForm struct {
	Given   []consent
	Facets  []string
	Words   string
	Done    string // given or taken back
	Problem *page.Problem
}

func (p *pages) consents(w http.ResponseWriter, r *http.Request) {
	p.showConsents(w, r, http.StatusOK, consentForm{Done: r.URL.Query().Get("done")})
}

func (p *pages) showConsents(w http.ResponseWriter, r *http.Request, status int, form consentForm) {
	var got struct {
		Consents []consent `json:"consents"`
	}
	if err := p.Get(r, talk+"/consents", &got); err != nil {
		p.failed(w, r, err)
		return
	}
	form.Given = got.Consents
	v := p.View(r, title)
	v.Path = "/mine/consent"
	p.Render(w, r, status, consentPage(v, form))
}

func (p *pages) consent(w http.ResponseWriter, r *http.Request) {
	form := consentForm{Facets: r.PostForm["facet"], Words: r.PostFormValue("words")}
	in := map[string]any{"facets": append([]string{}, form.Facets...), "words": form.Words}
	err := p.Send(r, http.MethodPost, talk+"/consents", r.PostFormValue("key"), in, nil)
	if err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			form.Problem = problem
			p.showConsents(w, r, problem.Status, form)
		})
		return
	}
	seeOther(w, r, "/mine/consent?done=given")
}

func (p *pages) withdraw(w http.ResponseWriter, r *http.Request) {
	err := p.Send(r, http.MethodPost, page.Path(talk+"/consents/%s/withdraw", r.PathValue("id")), r.PostFormValue("key"), nil, nil)
	if err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			p.showConsents(w, r, problem.Status, consentForm{Problem: problem})
		})
		return
	}
	seeOther(w, r, "/mine/consent?done=back")
}

// receipt answers who opened the identity.
type receipt struct {
	AsOf     string    `json:"as_of"`
	Sentence string    `json:"sentence"`
	Openings []opening `json:"openings"`
}

// told is the service's sentence with the day as people write it.
func (r receipt) told(l page.Lang) string {
	day, err := time.Parse(time.DateOnly, r.AsOf)
	if err != nil {
		return r.Sentence
	}
	return strings.Replace(r.Sentence, r.AsOf, page.Day(l, day), 1)
}

type opening struct {
	OpenedAt time.Time `json:"opened_at"`
	Ground   string    `json:"ground"`
	Facets   []string  `json:"facets"`
	How      string    `json:"how"`
	Review   string    `json:"review"`
}

func (o opening) why(l page.Lang) string {
	switch o.Ground {
	case "imminent_danger":
		return l.T("Parce que tu étais en grand danger.", "Because you were in great danger.")
	case "consent":
		return l.T("Parce que tu avais dit oui.", "Because you had said yes.")
	case "judicial_requisition":
		return l.T("Parce qu'un magistrat l'a ordonné par écrit.", "Because a magistrate ordered it in writing.")
	}
	return o.Ground
}

// who says who opened: no name, since a child must not be set against one person, but
// who decided it.
func (o opening) who(l page.Lang) string {
	switch {
	case o.How == "break_glass":
		return l.T("Un agent, avec un second agent.", "An agent, together with a second agent.")
	case o.Ground == "judicial_requisition":
		return l.T("Un agent, avec l'accord de deux responsables.", "An agent, with the agreement of two people in charge.")
	}
	return l.T("Un agent, avec l'accord d'un responsable.", "An agent, with the agreement of somebody in charge.")
}

// openedName is a facet as somebody tells the child of it.
func openedName(l page.Lang, facet string) string {
	switch facet {
	case "name":
		return l.T("Ton nom ou ton prénom", "Your name")
	case "contact":
		return l.T("Comment te joindre", "How to reach you")
	case "location":
		return l.T("Où tu es, où tu habites", "Where you are, where you live")
	case "connection":
		return l.T("L'adresse internet de ton appareil", "The internet address of your device")
	}
	return facet
}

// checked says what somebody else said of an opening that could not wait.
func (o opening) checked(l page.Lang) string {
	switch o.Review {
	case "due":
		return l.T("C'était trop urgent pour attendre. Un responsable va vérifier si c'était juste.", "It was too urgent to wait. Somebody in charge will check whether it was right.")
	case "confirmed":
		return l.T("C'était trop urgent pour attendre. Un responsable a vérifié\u00a0: c'était juste.", "It was too urgent to wait. Somebody in charge has checked: it was right.")
	case "abusive":
		return l.T("C'était trop urgent pour attendre. Un responsable a vérifié\u00a0: ce n'était pas juste. Tu peux nous en parler, et en parler à un avocat.",
			"It was too urgent to wait. Somebody in charge has checked: it was not right. You can talk to us about it, and to a lawyer.")
	}
	return ""
}

// askOpenings offers the question. It is an entry for good, which no reload, no
// prefetching browser and no link may write: a tap does.
func (p *pages) askOpenings(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, openingsPage(p.View(r, title), nil, p.texts(r).named(rightsFile)))
}

func (p *pages) openings(w http.ResponseWriter, r *http.Request) {
	var got receipt
	if err := p.Get(r, talk+"/openings", &got); err != nil {
		p.failed(w, r, err)
		return
	}
	v := p.View(r, title)
	v.Path = "/mine/openings"
	p.Render(w, r, http.StatusOK, openingsPage(v, &got, p.texts(r).named(rightsFile)))
}

// ownCopy is what a child wrote.
type ownCopy struct {
	OpenedAt time.Time `json:"opened_at"`
	Messages []struct {
		At   time.Time `json:"at"`
		Text string    `json:"text"`
	} `json:"messages"`
	Consents []consent `json:"consents"`
	Facets   []string  `json:"facets"`
}

func (p *pages) copy(w http.ResponseWriter, r *http.Request) {
	var got ownCopy
	if err := p.Get(r, talk+"/copy", &got); err != nil {
		p.failed(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, copyPage(p.View(r, title), got))
}

// copyFile is the copy as a text to take away. Its name tells nothing on a shared
// computer.
func (p *pages) copyFile(w http.ResponseWriter, r *http.Request) {
	var got ownCopy
	if err := p.Get(r, talk+"/copy", &got); err != nil {
		p.failed(w, r, err)
		return
	}
	l := p.Lang(r)
	var out strings.Builder
	for _, m := range got.Messages {
		fmt.Fprintf(&out, "%s\n%s\n\n", page.Moment(l, m.At), m.Text)
	}
	for _, c := range got.Consents {
		fmt.Fprintf(&out, "%s\n%s", page.Moment(l, c.GivenAt), l.T("J'ai dit oui pour\u00a0: ", "I said yes to: "))
		for i, f := range c.Facets {
			if i > 0 {
				out.WriteString(", ")
			}
			out.WriteString(facetName(l, f))
		}
		fmt.Fprintf(&out, "\n%s\n\n", c.Words)
	}
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Content-Disposition", `attachment; filename="notes.txt"`)
	_, _ = w.Write([]byte(out.String()))
}

type erasure struct {
	RequestedAt time.Time  `json:"requested_at"`
	State       string     `json:"state"`
	Reason      string     `json:"reason"`
	DecidedAt   *time.Time `json:"decided_at"`
}

func (e erasure) said(l page.Lang) string {
	switch {
	case e.State == "waiting":
		return l.T("Quelqu'un qui ne t'a jamais parlé regarde ta demande. Reviens voir la réponse ici.", "Somebody who never talked to you is looking at your request. Come back here for the answer.")
	case e.State == "granted":
		return l.T("Accepté\u00a0: tout est effacé, ou va l'être dans un instant.", "Granted: everything is erased, or will be in a moment.")
	case e.Reason == "legal_hold":
		return l.T("Refusé pour l'instant\u00a0: la justice ou la loi demande de garder ta conversation.", "Refused for now: the courts or the law ask us to keep your conversation.")
	case e.Reason == "proceedings_under_way":
		return l.T("Refusé pour l'instant\u00a0: une enquête est en cours, et elle en a besoin.", "Refused for now: an investigation is under way and needs it.")
	case e.Reason == "danger_persists":
		return l.T("Refusé pour l'instant\u00a0: on pense que quelqu'un est encore en danger.", "Refused for now: we think that somebody is still in danger.")
	}
	return l.T("Refusé pour l'instant.", "Refused for now.")
}

type eraseForm struct {
	Asked   []erasure
	Problem *page.Problem
}

// settled says whether there is nothing to ask: a request waits, or was granted.
func (f eraseForm) settled() bool {
	return len(f.Asked) > 0 && f.Asked[len(f.Asked)-1].State != "refused"
}

func (p *pages) erasures(w http.ResponseWriter, r *http.Request) {
	p.showErasures(w, r, http.StatusOK, nil)
}

func (p *pages) showErasures(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem) {
	var got struct {
		Erasures []erasure `json:"erasures"`
	}
	if err := p.Get(r, talk+"/erasures", &got); err != nil {
		p.failed(w, r, err)
		return
	}
	v := p.View(r, title)
	v.Path = "/mine/erase"
	p.Render(w, r, status, erasePage(v, eraseForm{Asked: got.Erasures, Problem: problem}))
}

func (p *pages) erase(w http.ResponseWriter, r *http.Request) {
	if !sure(r) {
		seeOther(w, r, "/mine/erase")
		return
	}
	if err := p.Send(r, http.MethodPost, talk+"/erasures", r.PostFormValue("key"), nil, nil); err != nil {
		p.refused(w, r, err, func(problem *page.Problem) { p.showErasures(w, r, problem.Status, problem) })
		return
	}
	seeOther(w, r, "/mine/erase")
}

func (p *pages) closing(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, closePage(p.View(r, title), nil))
}

func (p *pages) close(w http.ResponseWriter, r *http.Request) {
	if !sure(r) {
		seeOther(w, r, "/mine/close")
		return
	}
	if err := p.Send(r, http.MethodPost, talk+"/close", r.PostFormValue("key"), nil, nil); err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			v := p.View(r, title)
			v.Path = "/mine/close"
			p.Render(w, r, problem.Status, closePage(v, problem))
		})
		return
	}
	seeOther(w, r, "/chat")
}

// sure says whether the box was ticked: what cannot be undone takes more than one tap.
func sure(r *http.Request) bool { return r.PostFormValue("sure") != "" }
