package minor

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/sceau-project/sceau/web/page"
)

const talk = "/api/v1/conversation"

// state is the conversation as the API tells it.
type state struct {
	Topic    string     `json:"topic"`
	State    string     `json:"state"` // waiting, active, closed
	OpenedAt time.Time  `json:"opened_at"`
	ClosedAt *time.Time `json:"closed_at"`
	Messages int        `json:"messages"`
	Staff    []string   `json:"staff"`
}

// States of a conversation.
const (
	waiting = "waiting"
	closed  = "closed"
)

func (s state) closed() bool { return s.State == closed }

func (s state) with(role string) bool { return slices.Contains(s.Staff, role) }

type message struct {
	Position int       `json:"position"`
	Kind     string    `json:"kind"`
	Author   string    `json:"author"`
	At       time.Time `json:"at"`
	Text     string    `json:"text"`
}

// shownAtOnce is how many messages a page shows; those before are a link away.
const shownAtOnce = 100

// talkView is what the page of the conversation shows.
type talkView struct {
	state
	Now      time.Time
	Answered bool // somebody has been there already
	Messages []message
	From     int // position of the first that is shown
	Next     int // position of the next that is not
	Draft    string
	Problem  *page.Problem
}

func (p *pages) chat(w http.ResponseWriter, r *http.Request) {
	p.showChat(w, r, http.StatusOK, talkView{})
}

func (p *pages) showChat(w http.ResponseWriter, r *http.Request, status int, t talkView) {
	if err := p.Get(r, talk, &t.state); err != nil {
		p.failed(w, r, err)
		return
	}
	t.From = max(0, t.state.Messages-shownAtOnce)
	if from, err := strconv.Atoi(r.URL.Query().Get("from")); err == nil && from >= 0 && from < t.From {
		t.From = from
	}
	t.Next = t.From
	for t.Next < t.state.Messages {
		var got struct {
			Messages []message `json:"messages"`
		}
		if err := p.Get(r, talk+"/messages?from="+strconv.Itoa(t.Next), &got); err != nil {
			p.failed(w, r, err)
			return
		}
		if len(got.Messages) == 0 {
			break
		}
		t.Messages = append(t.Messages, got.Messages...)
		t.Next = got.Messages[len(got.Messages)-1].Position + 1
	}
	t.Now = time.Now()
	t.Answered = slices.ContainsFunc(t.Messages, func(m message) bool { return m.Author == "agent" || m.Author == "psychologist" })
	v := p.View(r, title)
	v.Path = "/chat"
	v.Scripts = append(v.Scripts, "chat.js")
	p.Render(w, r, status, chatPage(v, t))
}

// status is the part of the page that says who is there and for how long one waits.
func (p *pages) status(w http.ResponseWriter, r *http.Request) {
	t := talkView{Now: time.Now(), Answered: r.URL.Query().Has("answered")}
	if err := p.Get(r, talk, &t.state); err != nil {
		p.failed(w, r, err)
		return
	}
	p.Render(w, r, http.StatusOK, statusPart(p.Lang(r), t))
}

// write is for browsers without scripts; with them, the page speaks to the API.
func (p *pages) write(w http.ResponseWriter, r *http.Request) {
	text := r.PostFormValue("text")
	err := p.Send(r, http.MethodPost, talk+"/messages", r.PostFormValue("key"), map[string]string{"text": text}, nil)
	if err != nil {
		p.refused(w, r, err, func(problem *page.Problem) {
			p.showChat(w, r, problem.Status, talkView{Draft: text, Problem: problem})
		})
		return
	}
	seeOther(w, r, "/chat#write")
}

func authorName(l page.Lang, author string) string {
	switch author {
	case "minor":
		return l.T("Toi", "You")
	case "agent":
		return l.T("Agent", "Agent")
	case "psychologist":
		return l.T("Psychologue", "Psychologist")
	case "service":
		return l.T("Le service", "The service")
	}
	return author
}
