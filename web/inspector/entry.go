package inspector

import (
	"encoding/json"
	"net/http"

	"github.com/sceau-project/sceau/web/page"
)

type commitment struct {
	Field    string   `json:"field"`
	Hash     string   `json:"hash"`
	State    string   `json:"state"`
	Value    string   `json:"value"`
	Salt     string   `json:"salt"`
	ErasedBy *int64   `json:"erased_by"`
	Check    []string `json:"check"`
}

type verdict struct {
	Allow   bool     `json:"allow"`
	Reasons []string `json:"reasons"`
}

type rule struct {
	Code string `json:"code"`
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

type decision struct {
	ID        string          `json:"id"`
	Path      string          `json:"path"`
	Policy    string          `json:"policy"`
	Engine    string          `json:"engine"`
	Result    string          `json:"result"`
	Activated *int64          `json:"activated"`
	InForce   bool            `json:"in_force"`
	Input     json.RawMessage `json:"input"`
	Replay    string          `json:"replay"`
	ErasedBy  *int64          `json:"erased_by"`
	Recorded  *verdict        `json:"recorded"`
	Now       *verdict        `json:"now"`
	NowRaw    string          `json:"now_raw"`
	Unbound   bool            `json:"unbound"`
	Other     bool            `json:"other_engine"`
	Rules     []rule          `json:"rules"`
}

type entryShown struct {
	Read        int64        `json:"read"`
	Seq         int64        `json:"seq"`
	Hash        string       `json:"hash"`
	Prev        string       `json:"prev"`
	Continues   string       `json:"continues"`
	Followed    bool         `json:"followed"`
	Raw         string       `json:"raw"`
	Leaf        *leaf        `json:"leaf"`
	Damage      string       `json:"damage"`
	Check       []string     `json:"check"`
	Commitments []commitment `json:"commitments"`
	Decision    *decision    `json:"decision"`
}

// whole says whether the entry is what it says, as far as it alone can tell.
func (e entryShown) whole() bool { return e.Damage == "" && e.Continues != "no" }

func (p *pages) entry(w http.ResponseWriter, r *http.Request) {
	var e entryShown
	if err := p.Get(r, page.Path(journal+"/entries/%s", r.PathValue("seq")), &e); err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.view(r, "Entrée "+r.PathValue("seq"), "Entry "+r.PathValue("seq"))
	p.Render(w, r, http.StatusOK, entryPage(v, e))
}
