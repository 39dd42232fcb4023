package inspector

import (
	"net/http"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

type verified struct {
	Seq      int64     `json:"seq"`
	At       time.Time `json:"at"`
	By       string    `json:"by"`
	Holds    bool      `json:"holds"`
	Entries  int64     `json:"entries"`
	Warnings int64     `json:"warnings"`
	DamageAt *int64    `json:"damage_at"`
	Damage   string    `json:"damage"`
}

type verifying struct {
	Running bool   `json:"running"`
	Checked int64  `json:"checked"`
	Total   int64  `json:"total"`
	Failed  string `json:"failed"`
}

// percent is how far it is.
func (v verifying) percent() int64 {
	if v.Total == 0 {
		return 0
	}
	return min(100, 100*v.Checked/v.Total)
}

type waiting struct {
	What    string `json:"what"`
	Count   int    `json:"count"`
	More    bool   `json:"more"`
	OldestS int64  `json:"oldest_s"`
	Overdue int    `json:"overdue"`
}

// level says how pressing something is: in colour, and always in words beside it.
func (w waiting) level() string {
	if w.OldestS == 0 {
		return "calm"
	}
	late := map[string]int64{"conversations": 300, "requests": 180, "erasures": 30 * 86400}[w.What]
	switch {
	case w.OldestS > late:
		return "late"
	case w.OldestS > late/2:
		return "soon"
	}
	return "calm"
}

type health struct {
	Read         int64     `json:"read"`
	Origin       string    `json:"origin"`
	First        int64     `json:"first"`
	Size         int64     `json:"size"`
	Head         string    `json:"head"`
	HeadSeq      int64     `json:"head_seq"`
	HeadAt       time.Time `json:"head_at"`
	Last         *verified `json:"last"`
	LastUnknown  bool      `json:"last_unknown"` // there may have been one
	Since        int64     `json:"since"`
	Verification verifying `json:"verification"`
	Waiting      []waiting `json:"waiting"`
}

// tone is that of the notice at the top.
func (h health) tone() string {
	switch {
	case h.Last == nil:
		return "warn"
	case !h.Last.Holds:
		return "danger"
	case time.Since(h.Last.At) > 24*time.Hour:
		return "warn"
	}
	return "good"
}

func (p *pages) home(w http.ResponseWriter, r *http.Request) {
	p.showHome(w, r, http.StatusOK, nil)
}

func (p *pages) showHome(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem) {
	var h health
	if err := p.Get(r, journal+"/health", &h); err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.view(r, "La chaîne", "The chain")
	v.Path = base
	p.Render(w, r, status, homePage(v, h, problem))
}

// progress is the part of the front page that changes while a verification runs. It shows
// nothing of the log, and is no entry.
func (p *pages) progress(w http.ResponseWriter, r *http.Request) {
	var now verifying
	if err := p.Get(r, journal+"/verification", &now); err != nil {
		p.Fail(w, r, err)
		return
	}
	switch {
	case r.Header.Get("Sceau-Part") == "": // without the script that asks for it
		http.Redirect(w, r, base, http.StatusSeeOther)
	case !now.Running:
		w.WriteHeader(http.StatusNoContent) // the result is on the page
	default:
		p.Render(w, r, http.StatusOK, howFar(p.Lang(r), now))
	}
}

func (p *pages) verify(w http.ResponseWriter, r *http.Request) {
	if err := p.Send(r, http.MethodPost, journal+"/verification", r.PostFormValue("key"), nil, nil); err != nil {
		problem := p.ProblemOf(r, err)
		p.showHome(w, r, problem.Status, problem)
		return
	}
	p.await(r, shortly)
	http.Redirect(w, r, base, http.StatusSeeOther)
}

// shortly is how long whoever asks for a verification waits for it: a small log is read in
// less, and of a long one they see how far it is.
const shortly = 1500 * time.Millisecond

// await returns when no verification is under way any more, or after a while.
func (p *pages) await(r *http.Request, most time.Duration) {
	over, again := time.NewTimer(most), time.NewTicker(100*time.Millisecond)
	defer over.Stop()
	defer again.Stop()
	for {
		var now verifying
		if err := p.Get(r, journal+"/verification", &now); err != nil || !now.Running {
			return // the page says what there is to say
		}
		select {
		case <-again.C:
		case <-over.C:
			return
		case <-r.Context().Done():
			return
		}
	}
}
