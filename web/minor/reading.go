package minor

import (
	"net/http"
	"slices"
	"strconv"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/web/page"
)

func (p *pages) texts(r *http.Request) *library { return p.content[p.Lang(r)] }

// choice is a code with what it is called.
type choice struct{ Code, Label string }

// topics asks the API what a conversation can be about.
func (p *pages) topics(r *http.Request) ([]choice, error) {
	var got struct {
		Topics []struct {
			Code  string `json:"code"`
			Label string `json:"label"`
		} `json:"topics"`
	}
	if err := p.Get(r, "/api/v1/topics", &got); err != nil {
		return nil, err
	}
	topics := make([]choice, len(got.Topics))
	for i, t := range got.Topics {
		topics[i] = choice(t)
	}
	return topics, nil
}

func placeChoices(l page.Lang) []choice {
	return []choice{
		{placeHome, l.T("À la maison", "At home")},
		{placeStreet, l.T("Dans la rue", "In the street")},
		{placeSchool, l.T("À l'école", "At school")},
		{placeSport, l.T("Au sport", "At sport")},
		{placeOnline, l.T("Sur les réseaux", "On social networks")},
	}
}

func (p *pages) welcome(w http.ResponseWriter, r *http.Request) {
	topics, err := p.topics(r)
	if err != nil {
		p.Fail(w, r, err)
		return
	}
	v := p.View(r, title)
	p.Render(w, r, http.StatusOK, welcomePage(v, p.texts(r), topics, talking(r)))
}

// find leads from where it happens and what it is about to the sheet that helps.
func (p *pages) find(w http.ResponseWriter, r *http.Request) {
	topic, place := conversation.Topic(r.PostFormValue("topic")), r.PostFormValue("place")
	if !slices.Contains(places, place) {
		place = ""
	}
	found := p.texts(r).forTopic(topic, place)
	if len(found) == 0 {
		seeOther(w, r, "/")
		return
	}
	seeOther(w, r, found[0].path()+"?t="+strconv.Itoa(slices.Index(conversation.Topics, topic)))
}

// chosenTopic is what the reader said it is about, by its position in the list: an
// address tells nothing.
func chosenTopic(r *http.Request) conversation.Topic {
	i, err := strconv.Atoi(r.URL.Query().Get("t"))
	if err != nil || i < 0 || i >= len(conversation.Topics) {
		return ""
	}
	return conversation.Topics[i]
}

func (p *pages) sheet(w http.ResponseWriter, r *http.Request) {
	l := p.texts(r)
	s := l.numbered(r.PathValue("number"))
	if s == nil {
		p.Refuse(w, r, "route.not_found")
		return
	}
	v := p.View(r, title)
	form := startForm{Topic: string(chosenTopic(r)), Brief: true}
	if form.Topic == "" && len(s.Topics) > 0 {
		form.Topic = s.Topics[0]
	}
	p.Render(w, r, http.StatusOK, sheetPage(v, s, l.beside(s), form, talking(r)))
}

// beside lists what else helps with the topics of a sheet.
func (l *library) beside(s *sheet) []*sheet {
	var others []*sheet
	for _, other := range l.Sheets {
		if other != s && slices.ContainsFunc(other.Topics, func(t string) bool { return slices.Contains(s.Topics, t) }) {
			others = append(others, other)
		}
	}
	return others
}

func (p *pages) ask(w http.ResponseWriter, r *http.Request) {
	v := p.View(r, title)
	p.Render(w, r, http.StatusOK, questionsPage(v, p.texts(r).Questions, r.PostFormValue, false))
}

// assess answers the questions in the same moment. Nothing of them is kept: no
// address, no cookie and no log has them.
func (p *pages) assess(w http.ResponseWriter, r *http.Request) {
	q := p.texts(r).Questions
	v := p.View(r, title)
	v.Path = questionsPath
	told, err := assess(r.PostFormValue)
	if err != nil {
		p.Render(w, r, http.StatusUnprocessableEntity, questionsPage(v, q, r.PostFormValue, true))
		return
	}
	p.Render(w, r, http.StatusOK, resultPage(v, q, told, startForm{Topic: string(conversation.TopicSchoolHarassment), Brief: true}, talking(r)))
}
