package agent

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/a-h/templ"

	"github.com/sceau-project/sceau/web/page"
)

// pane is one conversation: its messages and what to answer with.
type pane struct {
	Talk     talk
	Base     string
	Me       string
	Messages []message
	From     int // position of the first that is shown
	Next     int // position of the next that is not
	Column   bool
	Pick     *askForm // choosing the messages that support a request
	Draft    string
	Problem  *page.Problem
	Unread   bool // Problem is why the messages are not shown
	Replies  []text
}

// gone says that there is nothing left to answer.
func (p pane) gone() bool { return p.Unread && p.Problem.Code == "conversation.erased" }

// shownAtOnce is how many messages a pane shows; those before are a link away.
const shownAtOnce = 100

func (p *pages) readPane(r *http.Request, id string) (pane, error) {
	out := pane{Base: base(r), Me: page.SessionOf(r.Context()).ID, Replies: p.content[p.Lang(r)].Replies}
	if err := p.Get(r, page.Path(talks+"/%s", id), &out.Talk); err != nil {
		return out, err
	}
	out.From = max(0, out.Talk.Messages-shownAtOnce)
	if from, err := strconv.Atoi(r.URL.Query().Get("from")); err == nil && from >= 0 && from < out.From {
		out.From = from
	}
	out.Draft = find(out.Replies, r.URL.Query().Get("reply"))
	var err error
	if out.Messages, out.Next, err = p.readMessages(r, id, out.From); err != nil {
		// What cannot be read now can be answered all the same: a child must not wait
		// for a key.
		out.Problem, out.Unread, out.Next = p.ProblemOf(r, err), true, out.From
	}
	return out, nil
}

// readMessages reads from a position on, whatever there is.
func (p *pages) readMessages(r *http.Request, id string, from int) (all []message, next int, err error) {
	for next = from; ; {
		var got struct {
			Messages []message `json:"messages"`
		}
		if err := p.Get(r, page.Path(talks+"/%s/messages", id)+"?from="+strconv.Itoa(next), &got); err != nil {
			return nil, 0, err
		}
		if len(got.Messages) == 0 {
			return all, next, nil
		}
		all = append(all, got.Messages...)
		next = got.Messages[len(got.Messages)-1].Position + 1
		if len(got.Messages) < 200 { // less than a page of the API: there is no more
			return all, next, nil
		}
	}
}

// talkView is one conversation with what stands beside it.
type talkView struct {
	page.View
	Rail   rail
	Pane   pane
	Beside templ.Component
}

// show answers with a conversation's page. beside makes what stands beside it.
func (p *pages) show(w http.ResponseWriter, r *http.Request, status int, problem *page.Problem, beside func(page.View, *pane) (templ.Component, error)) {
	id := part(r, "id")
	var list rail
	var listFault error
	var meanwhile sync.WaitGroup
	meanwhile.Go(func() { list, listFault = p.readRail(r, id) })
	one, err := p.readPane(r, id)
	meanwhile.Wait()
	if err = cmp.Or(err, listFault); err != nil {
		p.Fail(w, r, err)
		return
	}
	// The title stays in the history of a desk that is shared: it names no topic.
	v := talkView{View: p.view(r, p.Lang(r).T("Conversation", "Conversation")), Rail: list, Pane: one}
	if problem != nil {
		v.Pane.Problem, v.Pane.Unread, v.Pane.Draft = problem, false, r.PostFormValue("text")
	}
	if v.Beside, err = beside(v.View, &v.Pane); err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, status, talkPage(v))
}

func (p *pages) conversation(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, nil, p.aboutBeside(r))
}

// aboutView is what is known of a conversation beside its messages.
type aboutView struct {
	Base     string
	Talk     talk
	Me       string
	Now      time.Time
	Consents []consent
	Opinions []opinion
	Requests []escalation
	Problem  *page.Problem
	Note     string // of an opinion that was refused
}

type consent struct {
	ID        string    `json:"id"`
	Facets    []string  `json:"facets"`
	At        time.Time `json:"given_at"`
	Withdrawn bool      `json:"withdrawn"`
	Words     string    `json:"words"`
}

type opinion struct {
	Opinion string    `json:"opinion"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
}

func (p *pages) readAbout(r *http.Request, t talk) (aboutView, error) {
	out := aboutView{Base: base(r), Talk: t, Me: page.SessionOf(r.Context()).ID, Now: time.Now()}
	var consents struct {
		Consents []consent `json:"consents"`
	}
	// As with the messages: what a key is missing for is said, and the rest goes on.
	if err := p.Get(r, page.Path(talks+"/%s/consents", t.ID), &consents); err != nil {
		out.Problem = p.ProblemOf(r, err)
	}
	out.Consents = consents.Consents
	var opinions struct {
		Opinions []opinion `json:"opinions"`
	}
	if err := p.Get(r, page.Path(talks+"/%s/opinions", t.ID), &opinions); err != nil {
		out.Problem = p.ProblemOf(r, err)
	}
	out.Opinions = opinions.Opinions
	slices.Reverse(out.Opinions)
	if base(r) != agentBase {
		return out, nil
	}
	list, err := p.mine(r)
	for _, e := range list {
		if e.Conversation == t.ID {
			out.Requests = append(out.Requests, e)
		}
	}
	return out, err
}

func (p *pages) aboutBeside(r *http.Request) func(page.View, *pane) (templ.Component, error) {
	return func(v page.View, one *pane) (templ.Component, error) {
		about, err := p.readAbout(r, one.Talk)
		return aboutPart(v, about), err
	}
}

// about answers what stands beside a conversation now.
func (p *pages) about(w http.ResponseWriter, r *http.Request) {
	var t talk
	err := p.Get(r, page.Path(talks+"/%s", part(r, "id")), &t)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	about, err := p.readAbout(r, t)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, aboutPart(p.View(r, ""), about))
}

// newMessages answers those from a position on, and who is there now.
func (p *pages) newMessages(w http.ResponseWriter, r *http.Request) {
	one := pane{Base: base(r), Me: page.SessionOf(r.Context()).ID}
	from, err := strconv.Atoi(r.URL.Query().Get("from"))
	if err != nil || from < 0 {
		from = 0
	}
	if r.URL.Query().Get("pick") != "" {
		one.Pick = &askForm{}
	}
	if err = p.Get(r, page.Path(talks+"/%s", part(r, "id")), &one.Talk); err == nil {
		one.Messages, one.Next, err = p.readMessages(r, part(r, "id"), from)
	}
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, newPart(p.View(r, ""), one))
}

func (p *pages) write(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	err := p.Send(r, http.MethodPost, page.Path(talks+"/%s/messages", id), r.PostFormValue("key"), struct {
		Text string `json:"text"`
	}{r.PostFormValue("text")}, nil)
	fromScript := r.Header.Get("Sceau-Part") != ""
	switch {
	case err == nil && fromScript:
		w.WriteHeader(http.StatusNoContent)
	case err == nil:
		back := at(base(r), id)
		if c := r.URL.Query()["c"]; len(c) > 0 {
			back = base(r) + "?" + url.Values{"c": c}.Encode()
		}
		seeOther(w, r, back+"#write-"+id)
	case fromScript:
		problem := p.ProblemOf(r, err)
		p.Render(w, r, problem.Status, page.Failure(p.Lang(r), problem))
	default:
		problem := p.ProblemOf(r, err)
		p.show(w, r, problem.Status, problem, p.aboutBeside(r))
	}
}

func (p *pages) askPsychologist(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	p.do(w, r, page.Path(talks+"/%s/psychologist", id), empty{}, at(agentBase, id))
}

// handView offers colleagues to hand a conversation over to.
type handView struct {
	Talk       talk
	Colleagues []struct {
		ID   string `json:"id"`
		Name string `json:"name"`
		Unit string `json:"unit"`
	} `json:"colleagues"`
	Problem *page.Problem
}

func (p *pages) handingOver(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, nil, p.handBeside(r, nil))
}

func (p *pages) handBeside(r *http.Request, problem *page.Problem) func(page.View, *pane) (templ.Component, error) {
	return func(v page.View, one *pane) (templ.Component, error) {
		hand := handView{Talk: one.Talk, Problem: problem}
		err := p.Get(r, page.Path(talks+"/%s/colleagues", one.Talk.ID), &hand)
		return handPart(v, hand), err
	}
}

func (p *pages) handOver(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	err := p.Send(r, http.MethodPost, page.Path(talks+"/%s/hand-over", id), r.PostFormValue("key"), struct {
		To string `json:"to"`
	}{r.PostFormValue("to")}, nil)
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.show(w, r, problem.Status, nil, p.handBeside(r, problem))
		return
	}
	seeOther(w, r, agentBase)
}

// closeView is the form that closes a conversation, with a last message to send.
type closeView struct {
	Talk     talk
	Closings []text
	Chosen   string
	Text     string
	Problem  *page.Problem
}

func (p *pages) closing(w http.ResponseWriter, r *http.Request) {
	p.show(w, r, http.StatusOK, nil, p.closeBeside(r, nil))
}

func (p *pages) closeBeside(r *http.Request, problem *page.Problem) func(page.View, *pane) (templ.Component, error) {
	return func(v page.View, one *pane) (templ.Component, error) {
		c := closeView{Talk: one.Talk, Closings: p.content[v.Lang].Closings, Problem: problem, Chosen: r.URL.Query().Get("text")}
		if c.Chosen == "" && problem == nil {
			c.Chosen = suggested(one.Messages)
		}
		if c.Text = find(c.Closings, c.Chosen); problem != nil {
			c.Text = r.PostFormValue("text")
		}
		return closePart(v, c), nil
	}
}

// quietFor is after how long without a word of the young person's the form proposes
// to say so.
const quietFor = 15 * time.Minute

// suggested is the last message that the form proposes: that there was no answer, when
// there was none for long.
func suggested(messages []message) string {
	for _, m := range slices.Backward(messages) {
		if m.Author == roleMinor {
			if time.Since(m.At) < quietFor {
				return "end_oriented"
			}
			break
		}
	}
	return "end_silence"
}

// close sends the last message, if there is one, and closes. The keys of both follow
// from the form's, so that sending it twice says and does it once.
func (p *pages) close(w http.ResponseWriter, r *http.Request) {
	id, key := part(r, "id"), r.PostFormValue("key")
	var err error
	if last := r.PostFormValue("text"); last != "" {
		err = p.Send(r, http.MethodPost, page.Path(talks+"/%s/messages", id), key+"-last", struct {
			Text string `json:"text"`
		}{last}, nil)
	}
	if err == nil {
		err = p.Send(r, http.MethodPost, page.Path(talks+"/%s/close", id), key, empty{}, nil)
	}
	if err != nil {
		problem := p.ProblemOf(r, err)
		p.show(w, r, problem.Status, nil, p.closeBeside(r, problem))
		return
	}
	seeOther(w, r, at(agentBase, id))
}

func (p *pages) recordOpinion(w http.ResponseWriter, r *http.Request) {
	id := part(r, "id")
	err := p.Send(r, http.MethodPost, page.Path(talks+"/%s/opinions", id), r.PostFormValue("key"), struct {
		Opinion string `json:"opinion"`
		Note    string `json:"note"`
	}{r.PostFormValue("opinion"), r.PostFormValue("note")}, nil)
	if err == nil {
		seeOther(w, r, at(psychologistBase, id))
		return
	}
	problem := p.ProblemOf(r, err)
	p.show(w, r, problem.Status, nil, func(v page.View, one *pane) (templ.Component, error) {
		about, err := p.readAbout(r, one.Talk)
		about.Problem, about.Note = problem, r.PostFormValue("note")
		return aboutPart(v, about), err
	})
}
