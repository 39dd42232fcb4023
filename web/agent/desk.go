package agent

import (
	"net/http"
	"net/url"
	"slices"
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
	Here    string    // the conversation that is open
	Waiting []waiting `json:"waiting"`
	Asked   []waiting `json:"asked"`
	Mine    []talk    `json:"mine"`
}

func (p *pages) readRail(r *http.Request, here string) (rail, error) {
	out := rail{Base: base(r), Here: here}
	return out, p.Get(r, talks, &out)
}

// inColumns is how many conversations stand side by side.
const inColumns = 3

// deskView is the conversations of the reader, side by side.
type deskView struct {
	page.View
	Rail  rail
	Panes []pane
	More  int // open ones that have no column
}

// desk shows the queue and the reader's conversations side by side: those that the
// address names, or the latest.
func (p *pages) desk(w http.ResponseWriter, r *http.Request) {
	v := deskView{View: p.view(r, p.Lang(r).T("Conversations", "Conversations"))}
	var err error
	if v.Rail, err = p.readRail(r, ""); err != nil {
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
	for _, id := range chosen[:min(len(chosen), inColumns)] {
		if !slices.ContainsFunc(v.Rail.Mine, func(t talk) bool { return t.ID == id }) {
			continue // closed, or handed over, since the address was made
		}
		one, err := p.readPane(r, id)
		if err != nil {
			p.Fail(w, r, err)
			return
		}
		one.Column = true
		v.Panes = append(v.Panes, one)
	}
	v.More = len(v.Rail.Mine) - len(v.Panes)
	p.Render(w, r, http.StatusOK, deskPage(v))
}

// beside is the address of the desk with these conversations.
func beside(base string, ids ...string) string {
	return base + "?" + url.Values{"c": ids}.Encode()
}

// rail answers what the list shows now.
func (p *pages) rail(w http.ResponseWriter, r *http.Request) {
	list, err := p.readRail(r, r.URL.Query().Get("here"))
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
