package inspector

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

type change struct {
	Escalation string `json:"escalation"`
	Before     string `json:"before"`
	After      string `json:"after"`
}

type step struct {
	Seq         int64          `json:"seq"`
	At          time.Time      `json:"at"`
	Via         string         `json:"via"`
	Actor       actor          `json:"actor"`
	Action      string         `json:"action"`
	SubjectType string         `json:"subject_type"`
	Subject     string         `json:"subject"`
	Ground      string         `json:"ground"`
	Result      string         `json:"result"`
	Details     map[string]any `json:"details"`
	Changes     []change       `json:"changes"`
	Disregarded string         `json:"disregarded"`
	Impossible  string         `json:"impossible"`
	Unjudged    bool           `json:"unjudged"`
}

// moved lists the changes that are some.
func (s step) moved() []change {
	var all []change
	for _, c := range s.Changes {
		if c.Before != c.After {
			all = append(all, c)
		}
	}
	return all
}

// tone is how a step is set off.
func (s step) tone() string {
	switch {
	case s.Impossible != "", s.Disregarded != "":
		return "danger"
	case s.Action == "identity.release_ordered", s.Action == "escalation.glass_broken", s.Action == "identity.released":
		return "opening"
	case len(s.moved()) > 0:
		return "turn"
	}
	return "plain"
}

type release struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Facets  []string  `json:"facets"`
	Until   time.Time `json:"until"`
	Outcome string    `json:"outcome"`
}

type escalationShown struct {
	ID          string     `json:"id"`
	Seq         int64      `json:"seq"`
	Ground      string     `json:"ground"`
	State       string     `json:"state"`
	Requester   actor      `json:"requester"`
	RequestedAt time.Time  `json:"requested_at"`
	Asked       []string   `json:"asked"`
	Granted     []string   `json:"granted"`
	Messages    int        `json:"messages"`
	AnswerBy    *time.Time `json:"answer_by"`
	ApprovedAt  *time.Time `json:"approved_at"`
	BrokenAt    *time.Time `json:"broken_at"`
	ReviewBy    *time.Time `json:"review_by"`
	Review      string     `json:"review"`
	TellBy      *time.Time `json:"tell_by"`
	Denial      string     `json:"denial"`
	Revocation  string     `json:"revocation"`
	ClosedFor   string     `json:"closed_for"`
	Openings    []release  `json:"openings"`
}

type caseShown struct {
	Read        int64      `json:"read"`
	ID          string     `json:"id"`
	Topic       string     `json:"topic"`
	State       string     `json:"state"`
	OpenedAt    *time.Time `json:"opened_at"`
	ClosedAt    *time.Time `json:"closed_at"`
	Erased      bool       `json:"erased"`
	Entries     int        `json:"entries"`
	Disregarded int        `json:"disregarded"`
	Broken      *struct {
		Seq int64  `json:"seq"`
		Why string `json:"why"`
	} `json:"broken"`
	Beyond      bool              `json:"beyond"`
	Escalations []escalationShown `json:"escalations"`
	Steps       []step            `json:"steps"`
	Next        *int64            `json:"next"`
}

func (p *pages) story(w http.ResponseWriter, r *http.Request) {
	var c caseShown
	values := url.Values{"from_seq": {r.URL.Query().Get("from_seq")}}
	if err := p.Get(r, page.Path(journal+"/cases/%s", r.PathValue("id"))+query(values), &c); err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, storyPage(p.view(r, "Dossier "+short(c.ID), "Case "+short(c.ID)), c))
}

// after leads to the next steps.
func (c caseShown) after() string {
	return base + "/cases/" + c.ID + "?from_seq=" + strconv.FormatInt(*c.Next, 10)
}
