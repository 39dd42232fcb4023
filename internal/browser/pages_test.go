package browser

import (
	"slices"

	"github.com/sceau-project/sceau/web/agent"
	"github.com/sceau-project/sceau/web/inspector"
	"github.com/sceau-project/sceau/web/minor"
	"github.com/sceau-project/sceau/web/page"
	"github.com/sceau-project/sceau/web/privacy"
	"github.com/sceau-project/sceau/web/supervisor"
)

// A line is one page of the tables that the faces are mounted from, for stories/walk.mjs.
type line struct {
	Method string   `json:"method"`
	Path   string   `json:"path"`
	Who    []string `json:"who"`
}

// tables are the pages of the public face and those of staff, but for signing in and out.
func tables() (map[string][]line, error) {
	minors, err := minor.Pages(minor.Config{})(&page.Shell{Public: true})
	if err != nil {
		return nil, err
	}
	agents, err := agent.Pages()(&page.Shell{})
	if err != nil {
		return nil, err
	}
	return map[string][]line{
		"public": lines(minors),
		"staff":  lines(slices.Concat(agents, supervisor.Pages(&page.Shell{}), privacy.Pages(&page.Shell{}), inspector.Routes(&page.Shell{}))),
	}, nil
}

func lines(routes []page.Route) []line {
	out := make([]line, len(routes))
	for i, r := range routes {
		out[i] = line{r.Method, r.Path, r.Who}
	}
	return out
}
