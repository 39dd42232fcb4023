package agent

import (
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// What the API says, as far as these pages show it.
type (
	waiting struct {
		ID       string    `json:"id"`
		Topic    string    `json:"topic"`
		OpenedAt time.Time `json:"opened_at"`
		AskedAt  time.Time `json:"asked_at"`
		WaitingS int64     `json:"waiting_s"`
	}
	present struct {
		ID   string `json:"id"`
		Role string `json:"role"`
		Name string `json:"name"`
	}
	talk struct {
		ID       string     `json:"id"`
		Topic    string     `json:"topic"`
		State    string     `json:"state"`
		OpenedAt time.Time  `json:"opened_at"`
		ClosedAt *time.Time `json:"closed_at"`
		Messages int        `json:"messages"`
		Staff    []present  `json:"staff"`
		Facets   []string   `json:"facets"`

		PsychologistAskedAt *time.Time `json:"psychologist_asked_at"`
	}
	message struct {
		Position int       `json:"position"`
		Kind     string    `json:"kind"`
		Author   string    `json:"author"`
		Staff    string    `json:"staff"`
		At       time.Time `json:"at"`
		Text     string    `json:"text"`
		SHA256   string    `json:"sha256"`
	}
)

func (t talk) closed() bool { return t.State == "closed" }

// with says whether somebody of this role is in the conversation.
func (t talk) with(role string) bool {
	return slices.ContainsFunc(t.Staff, func(p present) bool { return p.Role == role })
}

// of names a member of staff of the conversation, or their role when they have left.
func (t talk) of(l page.Lang, m message, me string) string {
	if m.Staff == me && me != "" {
		return l.T("Vous", "You")
	}
	for _, p := range t.Staff {
		if p.ID == m.Staff && p.Name != "" {
			return p.Name
		}
	}
	return page.RoleName(l, m.Author)
}

// rail is the list of conversations beside every page.
type rail struct {
	Base    string
	Shown   []string  // the conversations on the screen
	Waiting []waiting `json:"waiting"`
	Asked   []waiting `json:"asked"`
	Mine    []talk    `json:"mine"`
}

func (p *pages) readRail(r *http.Request, shown ...string) (rail, error) {
	out := rail{Base: base(r), Shown: shown}
	return out, p.Get(r, talks, &out)
}

// alone says whether this conversation is the one on the screen.
func (l rail) alone(id string) bool { return len(l.Shown) == 1 && l.Shown[0] == id }

// again is where the list is renewed.
func (l rail) again() string { return l.Base + "/rail?" + url.Values{"c": l.Shown}.Encode() }

// adding is the address of what is on the screen with one more beside it, the oldest
// giving way.
func (l rail) adding(id string) string {
	ids := append(slices.Clone(l.Shown), id)
	return l.Base + "?" + url.Values{"c": ids[max(0, len(ids)-inColumns):]}.Encode()
}

// inColumns is how many conversations stand side by side.
const inColumns = 3

// deskView is the conversations of the reader, side by side.
type deskView struct {
	page.View
	Rail  rail
	Panes []pane
}

// desk shows the queue and the reader's conversations side by side: those that the
// address names, or the latest.
func (p *pages) desk(w http.ResponseWriter, r *http.Request) {
	v := deskView{View: p.view(r, p.Lang(r).T("Conversations", "Conversations"))}
	var err error
	if v.Rail, err = p.readRail(r); err != nil {
		p.Fail(w, r, err)
		return
	}
	chosen := r.URL.Query()["c"]
	if len(chosen) == 0 {
		for _, t := range v.Rail.Mine {
			chosen = append(chosen, t.ID)
		}
		chosen = chosen[max(0, len(chosen)-inColumns):]
	}
	chosen = slices.DeleteFunc(chosen, func(id string) bool { // closed, or handed over, since the address was made
		return !slices.ContainsFunc(v.Rail.Mine, func(t talk) bool { return t.ID == id })
	})
	chosen = chosen[:min(len(chosen), inColumns)]
	v.Rail.Shown = chosen
	v.Panes = make([]pane, len(chosen))
	faults := make([]error, len(chosen))
	var all sync.WaitGroup
	for i, id := range chosen { // each waits for its own keys
		all.Go(func() {
			v.Panes[i], faults[i] = p.readPane(r, id)
			v.Panes[i].Column = true
		})
	}
	all.Wait()
	for i, err := range faults {
		if err == nil {
			continue
		}
		problem := p.ProblemOf(r, err)
		if problem.Status == http.StatusUnauthorized {
			p.Fail(w, r, err)
			return
		}
		// One conversation must not take the others, nor the queue, away.
		of := slices.IndexFunc(v.Rail.Mine, func(t talk) bool { return t.ID == chosen[i] })
		v.Panes[i].Talk, v.Panes[i].Problem, v.Panes[i].Unread = v.Rail.Mine[of], problem, true
	}
	p.Render(w, r, http.StatusOK, deskPage(v))
}

// rail answers what the list shows now.
func (p *pages) rail(w http.ResponseWriter, r *http.Request) {
	list, err := p.readRail(r, r.URL.Query()["c"]...)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, railPart(p.View(r, ""), list))
}

func (p *pages) join(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	p.do(w, r, page.Path(talks+"/%s/join", id), empty{}, at(base(r), id))
}

func (p *pages) leave(w http.ResponseWriter, r *http.Request) {
	p.do(w, r, page.Path(talks+"/%s/leave", part(r, "id")), empty{}, base(r))
}
