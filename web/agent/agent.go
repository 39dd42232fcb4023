// Package agent has the pages of those who answer: agents at /agent, psychologists
// at /psychologist.
//
// An opened identity is never part of a page: it is asked for by a POST of its own,
// shown beside the conversation, and taken out again when its reading window ends or
// the page is left.
package agent

import (
	"net/http"
	"strings"

	"github.com/sceau-project/sceau/web/page"
)

// Where the two roles work.
const (
	agentBase        = "/agent"
	psychologistBase = "/psychologist"
)

const (
	roleAgent        = "agent"
	rolePsychologist = "psychologist"
	roleMinor        = "minor"
)

// talks is where the API has conversations.
const talks = "/api/v1/conversations"

const escalations = "/api/v1/escalations"

type pages struct {
	*page.Shell
	content map[page.Lang]content
}

// Pages returns what makes the pages with the staff face's shell.
func Pages() func(*page.Shell) ([]page.Route, error) {
	return func(shell *page.Shell) ([]page.Route, error) {
		all, err := readContent(files)
		if err != nil {
			return nil, err
		}
		p := &pages{Shell: shell, content: all}
		return p.table(), nil
	}
}

// table is every page and who may open it.
func (p *pages) table() []page.Route {
	const get, post = http.MethodGet, http.MethodPost
	agents, psychologists := []string{roleAgent}, []string{rolePsychologist}
	line := func(method, path string, who []string, handle http.HandlerFunc) page.Route {
		return page.Route{Method: method, Path: path, Who: who, Handle: handle}
	}
	named := func(r page.Route, fr, en string) page.Route {
		r.Nav = func(l page.Lang) string { return l.T(fr, en) }
		return r
	}
	routes := []page.Route{
		named(line(get, agentBase, agents, p.desk), "Conversations", "Conversations"),
		named(line(get, agentBase+"/requests", agents, p.requests), "Mes demandes", "My requests"),
		named(line(get, agentBase+"/confirmations", agents, p.confirmations), "À confirmer", "To confirm"),
		line(post, agentBase+"/confirmations/{escalation}", agents, p.confirm),
		named(line(get, psychologistBase, psychologists, p.desk), "Conversations", "Conversations"),
	}
	for _, side := range []struct {
		base string
		who  []string
	}{{agentBase, agents}, {psychologistBase, psychologists}} {
		c := side.base + "/c/{id}"
		routes = append(routes,
			line(get, side.base+"/rail", side.who, p.rail),
			line(get, c, side.who, p.conversation),
			line(get, c+"/new", side.who, p.newMessages),
			line(get, c+"/about", side.who, p.about),
			line(post, c+"/join", side.who, p.join),
			line(post, c+"/leave", side.who, p.leave),
			line(post, c+"/messages", side.who, p.write),
		)
	}
	c := agentBase + "/c/{id}"
	e := c + "/request/{escalation}"
	return append(routes,
		line(post, c+"/psychologist", agents, p.askPsychologist),
		line(get, c+"/hand-over", agents, p.handingOver),
		line(post, c+"/hand-over", agents, p.handOver),
		line(get, c+"/close", agents, p.closing),
		line(post, c+"/close", agents, p.close),

		line(get, c+"/request", agents, p.asking),
		line(post, c+"/request", agents, p.ask),
		line(post, c+"/preview", agents, p.preview),
		line(get, e, agents, p.escalation),
		line(get, e+"/state", agents, p.escalationPart(escalationState)),
		line(get, e+"/telling", agents, p.escalationPart(tellPart)),
		line(post, e+"/withdraw", agents, p.act("withdraw")),
		line(post, e+"/close", agents, p.act("close")),
		line(post, e+"/break-glass", agents, p.breakGlass),
		line(post, e+"/identity", agents, p.identity),
		line(post, e+"/printed", agents, p.printed),
		line(post, e+"/tell", agents, p.tell),

		line(post, psychologistBase+"/c/{id}/opinion", psychologists, p.recordOpinion),
	)
}

// view begins a page of this package.
func (p *pages) view(r *http.Request, title string) page.View {
	v := p.View(r, title+" · Sceau")
	v.Styles = append(v.Styles, "agent.css")
	v.Scripts = append(v.Scripts, "htmx.js", "live.js", "countdown.js", "idle.js", "agent.js")
	v.Events = "/api/v1/me/events"
	return v
}

// base is where the reader's role works.
func base(r *http.Request) string {
	if strings.HasPrefix(r.URL.Path, psychologistBase) {
		return psychologistBase
	}
	return agentBase
}

// at is the address of a conversation's page.
func at(base, id string) string { return base + "/c/" + id }

// part is a part of the address.
func part(r *http.Request, name string) string { return r.PathValue(name) }

// seeOther answers a form that was done.
func seeOther(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther)
}

// do sends a form without fields on, and leads to where.
func (p *pages) do(w http.ResponseWriter, r *http.Request, path string, in any, where string) {
	if err := p.Send(r, http.MethodPost, path, r.PostFormValue("key"), in, nil); err != nil {
		p.Fail(w, r, err)
		return
	}
	seeOther(w, r, where)
}

// empty is the body of a request that says all in its address.
type empty struct{}
