package minor

import (
	"net/http"

	"github.com/sceau-project/sceau/web/page"
)

// startForm is the form that opens a conversation.
type startForm struct {
	Postal  string
	Topic   string   // chosen before, or in the form
	Topics  []choice // offered; none in a brief form
	Brief   bool     // below a sheet: the topic is known
	Problem *page.Problem
}

func (p *pages) begin(w http.ResponseWriter, r *http.Request) {
	p.showStart(w, r, http.StatusOK, startForm{Topic: string(chosenTopic(r))})
}

func (p *pages) showStart(w http.ResponseWriter, r *http.Request, status int, form startForm) {
	topics, err := p.topics(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	form.Topics = topics
	v := p.View(r, title)
	v.Path = "/start"
	p.Render(w, r, status, startPage(v, form, talking(r)))
}

type tokenAnswer struct {
	Token string `json:"token"`
}

// start opens a conversation and keeps its token where no script reads it.
func (p *pages) start(w http.ResponseWriter, r *http.Request) {
	form := startForm{Postal: r.PostFormValue("postal_code"), Topic: r.PostFormValue("topic")}
	var opened tokenAnswer
	err := p.Send(r, http.MethodPost, "/api/v1/conversations", r.PostFormValue("key"),
		map[string]string{"postal_code": form.Postal, "topic": form.Topic}, &opened)
	if err != nil {
		form.Problem = p.ProblemOf(r, err)
		p.showStart(w, r, form.Problem.Status, form)
		return
	}
	http.SetCookie(w, p.Cookie(page.Chat, opened.Token))
	seeOther(w, r, "/chat")
}

// returnForm is the form that finds a conversation again.
type returnForm struct {
	Problem *page.Problem
	Lost    bool // this browser held none, or one that opens nothing any more
}

func (p *pages) comingBack(w http.ResponseWriter, r *http.Request) {
	p.Render(w, r, http.StatusOK, returnPage(p.View(r, title), returnForm{}))
}

// comeBack trades the phrase for a token. What was typed is not shown again: it is
// a secret, and somebody may look over a shoulder.
func (p *pages) comeBack(w http.ResponseWriter, r *http.Request) {
	var opened tokenAnswer
	err := p.Send(r, http.MethodPost, "/api/v1/conversation/return", r.PostFormValue("key"),
		map[string]string{"phrase": r.PostFormValue("phrase")}, &opened)
	if err != nil {
		problem := p.ProblemOf(r, err)
		v := p.View(r, title)
		v.Path = "/return"
		p.Render(w, r, problem.Status, returnPage(v, returnForm{Problem: problem}))
		return
	}
	http.SetCookie(w, p.Cookie(page.Chat, opened.Token))
	seeOther(w, r, "/chat")
}
