package inspector

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

// leaf is an entry as it is read: what a page shows of it.
type leaf struct {
	Seq     int64     `json:"seq"`
	At      time.Time `json:"at"`
	Prev    string    `json:"prev"`
	Via     string    `json:"via"`
	Actor   actor     `json:"actor"`
	Action  string    `json:"action"`
	Case    string    `json:"case"`
	Subject struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"subject"`
	Ground   string `json:"ground"`
	Decision *struct {
		Path   string `json:"path"`
		Result string `json:"result"`
	} `json:"decision"`
	Details map[string]any `json:"details"`
}

type actor struct {
	ID      string `json:"id"`
	Person  string `json:"person"`
	Role    string `json:"role"`
	Unit    string `json:"unit"`
	Session string `json:"session"`
}

// alone says whether the id says all there is: a process, or the minor.
func (a actor) alone() bool { return a.ID == a.Role || a.Role == "" }

type found struct {
	Seq    int64  `json:"seq"`
	Hash   string `json:"hash"`
	Leaf   *leaf  `json:"leaf"`
	Damage string `json:"damage"`
}

type results struct {
	Read    int64   `json:"read"`
	Entries []found `json:"entries"`
	More    bool    `json:"more"`
	Next    *int64  `json:"next"`
	Looked  int64   `json:"looked"`
}

// filters are what the form offers, in the names of the API. They and nothing else are a
// search's state, so that its address can be kept and sent.
var filters = []string{"from", "to", "person", "actor", "role", "via", "case", "action", "subject", "ground", "result", "state", "looks", "order"}

// rare are the filters that the form shows when it is unfolded.
var rare = []string{"person", "actor", "role", "via", "subject", "ground", "result", "state"}

type searchForm struct {
	Values  url.Values // of the filters, as they were sent
	Results results
	Problem *page.Problem
}

func (f searchForm) value(name string) string { return f.Values.Get(name) }

// wrong says whether the API found fault with a field.
func (f searchForm) wrong(name string) bool {
	return f.Problem != nil && slices.ContainsFunc(f.Problem.Errors, func(e struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	},
	) bool {
		return e.Location == "query."+name
	})
}

// rarely says whether the form must be unfolded to show all that it filters by.
func (f searchForm) rarely() bool {
	for _, name := range rare {
		if f.value(name) != "" {
			return true
		}
	}
	return false
}

// with is the address of this search with other values; "" takes one away.
func (f searchForm) with(pairs ...string) string {
	values := url.Values{}
	for _, name := range filters {
		values.Set(name, f.value(name))
	}
	for i := 0; i < len(pairs); i += 2 {
		values.Set(pairs[i], pairs[i+1])
	}
	return base + "/entries" + query(values)
}

// next leads to the following page.
func (f searchForm) next() string {
	if f.Results.Next == nil {
		return ""
	}
	name := "before"
	if f.value("order") == "oldest" {
		name = "from_seq"
	}
	return f.with(name, strconv.FormatInt(*f.Results.Next, 10))
}

// export is the address of all that this search finds, as a file.
func (f searchForm) export(as string) string {
	values := asked(f.Values)
	values.Del("order")
	values.Set("as", as)
	return exports + "/entries" + query(values)
}

// asked are the filters as the API wants them.
func asked(form url.Values) url.Values {
	values := url.Values{}
	for _, name := range filters {
		if v := form.Get(name); v != "" {
			values.Set(name, v)
		}
	}
	for _, name := range []string{"from", "to"} {
		if v := values.Get(name); v != "" {
			values.Set(name, when(v))
		}
	}
	return values
}

func (p *pages) search(w http.ResponseWriter, r *http.Request) {
	if r.URL.RawQuery == "" {
		// The address says all: also what is left out of what nobody asked for yet.
		http.Redirect(w, r, base+"/entries?looks=hide&order=newest", http.StatusSeeOther)
		return
	}
	form := searchForm{Values: r.URL.Query()}
	if form.value("order") == "" {
		form.Values.Set("order", "newest")
	}
	values := asked(form.Values)
	for _, name := range []string{"before", "from_seq"} {
		values.Set(name, form.value(name))
	}
	values.Set("limit", "50")
	status := http.StatusOK
	if err := p.Get(r, journal+"/entries"+query(values), &form.Results); err != nil {
		if form.Problem = p.ProblemOf(r, err); form.Problem.Status == http.StatusUnauthorized {
			p.Fail(w, r, err)
			return
		}
		status = form.Problem.Status
	}
	p.Render(w, r, status, searchPage(p.view(r, "Recherche", "Search"), form))
}

// pretty lays out JSON to be read, in its own order. The exact bytes stand elsewhere.
func pretty(raw json.RawMessage) string {
	var out bytes.Buffer
	if json.Indent(&out, raw, "", "  ") != nil {
		return string(raw)
	}
	return out.String()
}
