package inspector

import (
	"net/http"
	"time"
)

type reviewed struct {
	ID         string     `json:"id"`
	Requester  actor      `json:"requester"`
	Confirmed  []actor    `json:"confirmed"`
	Ground     string     `json:"ground"`
	Facets     []string   `json:"facets"`
	State      string     `json:"state"`
	BrokenAt   time.Time  `json:"broken_at"`
	ReviewBy   time.Time  `json:"review_by"`
	Overdue    bool       `json:"overdue"`
	Verdict    string     `json:"verdict"`
	ReviewedAt *time.Time `json:"reviewed_at"`
	Reviewer   *actor     `json:"reviewer"`
}

type reviewsShown struct {
	Reviews []reviewed `json:"reviews"`
	More    bool       `json:"more"`
}

func (p *pages) reviews(w http.ResponseWriter, r *http.Request) {
	var list reviewsShown
	if err := p.Get(r, "/api/v1/reviews", &list); err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, reviewsPage(p.view(r, "Vitres brisées", "Broken glass"), list))
}

func (p *pages) exports(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, exportsPage(p.view(r, "Exports", "Exports")))
}
