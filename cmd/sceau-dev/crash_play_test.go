package main

import (
	crypto "crypto/rand"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"time"
)

// A talk is one conversation, as its people know it.
type talk struct {
	topic, id                string
	minor, agent, supervisor *person
	name                     string // entrusted, "" if not
	phrase                   string // "" if none was asked for
	escalations              []*tracked
	consents                 []*agreed
	erasure                  string // granted, "" if not

	mu   sync.Mutex
	said map[int]string  // acknowledged messages by position
	sent map[string]bool // texts that were sent, acknowledged or not
}

// agreed is a consent, as it was acknowledged last.
type agreed struct {
	id    string
	taken bool // back
}

// A lift is a request to lift anonymity, in the state that was acknowledged last.
type tracked struct {
	id, request, state string
	granted            []string
	openings           []int64 // entries that identities were said to be opened under
}

// work plays conversations until all leave.
func (w *crowd) work(i int, rng *rand.Rand) {
	for n := 0; w.going(); n++ {
		if err := w.play(i, n, rng); err != nil {
			w.tell(fmt.Sprintf("conversation %d of worker %d", n, i), err)
			return
		}
	}
}

// begin opens a conversation, and has an agent find and join it.
func (w *crowd) begin(topic, agent, supervisor string) (*talk, error) {
	t := &talk{topic: topic, minor: w.minor(), said: map[int]string{}, sent: map[string]bool{}}
	var opened struct{ Token string }
	if _, err := w.act("open", t.minor, http.MethodPost, "/conversations", object{"postal_code": "35000", "topic": topic}, &opened); err != nil {
		return nil, err
	}
	t.minor.bearer, t.said[0], t.sent["35000"] = opened.Token, "35000", true
	w.mu.Lock()
	w.talks = append(w.talks, t)
	w.mu.Unlock()
	var err error
	if t.agent, err = w.signIn(agent); err != nil {
		return nil, err
	}
	if t.supervisor, err = w.signIn(supervisor); err != nil {
		return nil, err
	}
	var queue struct{ Waiting []struct{ ID, Topic string } }
	if _, err := w.act("queue", t.agent, http.MethodGet, "/conversations", nil, &queue); err != nil {
		return nil, err
	}
	for _, q := range queue.Waiting {
		if q.Topic == topic && t.id != "" {
			return nil, errors.New("opened once and told once, and twice in the queue")
		}
		if q.Topic == topic {
			t.id = q.ID
		}
	}
	if t.id == "" {
		return nil, errors.New("opened, and not in the queue")
	}
	_, err = w.act("join", t.agent, http.MethodPost, "/conversations/"+t.id+"/join", nil, nil)
	return t, err
}

// play plays one conversation.
func (w *crowd) play(i, n int, rng *rand.Rand) error {
	perhaps := func(percent int) bool { return rng.IntN(100) < percent }
	t, err := w.begin(topics[i], []string{"amal", "bruno", "chloe"}[i%3], []string{"diane", "etienne"}[i%2])
	if err != nil {
		return err
	}
	if perhaps(60) {
		name := fmt.Sprintf("Name-%d-%d", i, n)
		if _, err := w.act("entrust", t.minor, http.MethodPut, "/conversation/facets/name", object{"value": name}, nil); err != nil {
			return err
		}
		t.name = name
	}
	steps := []func() error{
		func() error { return w.chat(t, 1+rng.IntN(3), 1+rng.IntN(3)) },
		func() error { return w.read(t, t.minor) },
		func() error { return w.read(t, t.agent) },
		func() error {
			if !perhaps(70) {
				return nil
			}
			return w.escalate(t, rng)
		},
		func() error {
			if !perhaps(40) {
				return nil
			}
			var out struct{ Phrase string }
			_, err := w.act("phrase", t.minor, http.MethodPost, "/conversation/phrase", nil, &out)
			if t.phrase = out.Phrase; errors.Is(err, errTooMany) {
				return nil
			}
			return err
		},
		func() error {
			if !perhaps(40) {
				return nil
			}
			return w.consent(t, rng)
		},
		func() error { return w.chat(t, rng.IntN(3), rng.IntN(3)) },
		func() error { return w.read(t, t.agent) },
		func() error {
			switch {
			case perhaps(40):
				_, err := w.act("close", t.minor, http.MethodPost, "/conversation/close", nil, nil)
				return err
			case perhaps(30):
				return w.erase(t)
			case perhaps(50):
				_, err := w.act("close", t.agent, http.MethodPost, "/conversations/"+t.id+"/close", nil, nil)
				return err
			}
			return nil
		},
	}
	for _, step := range steps {
		if err := step(); err != nil || !w.going() {
			return err
		}
		w.wait(time.Duration(10+rng.IntN(40)) * time.Millisecond)
	}
	return nil
}

// chat lets both sides write at once.
func (w *crowd) chat(t *talk, minor, agent int) error {
	var both [2]error
	var g sync.WaitGroup
	for side, p := range []*person{t.minor, t.agent} {
		g.Go(func() {
			for range []int{minor, agent}[side] {
				if both[side] == nil {
					both[side] = w.write(t, p, p.face+" "+crypto.Text())
				}
			}
		})
	}
	g.Wait()
	return errors.Join(both[:]...)
}

// path is where a person finds the conversation.
func (t *talk) path(p *person) string {
	if p.face == victimPublic {
		return "/conversation"
	}
	return "/conversations/" + t.id
}

// write adds one message.
func (w *crowd) write(t *talk, p *person, text string) error {
	kind := map[string]string{victimPublic: "write", victimStaff: "answer"}[p.face]
	t.mu.Lock()
	t.sent[text] = true
	t.mu.Unlock()
	var written struct {
		Position int
		At       time.Time
	}
	r, err := w.act(kind, p, http.MethodPost, t.path(p)+"/messages", object{"text": text}, &written)
	if err != nil {
		return err
	}
	if r.tries > 1 && written.At.Before(r.began) {
		w.replayed.Add(1)
	}
	return t.note(written.Position, text)
}

// note remembers an acknowledged message.
func (t *talk) note(position int, text string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, taken := t.said[position]; taken {
		return fmt.Errorf("%q and %q were both acknowledged at position %d", before, text, position)
	}
	t.said[position] = text
	return nil
}

// A message, as both faces show it.
type message struct {
	Position             int
	Author, Text, SHA256 string
}

// pageOfMessages is how many messages one request reads.
const pageOfMessages = 200

// read reads the conversation, which must hold what was acknowledged before.
func (w *crowd) read(t *talk, p *person) error {
	_, err := w.transcript(t, p)
	return err
}

func (w *crowd) transcript(t *talk, p *person) ([]message, error) {
	t.mu.Lock()
	before := len(t.said)
	t.mu.Unlock()
	var all []message
	for more := true; more; {
		var page struct{ Messages []message }
		r, err := w.act("read", p, http.MethodGet, fmt.Sprintf("%s/messages?from=%d", t.path(p), len(all)), nil, &page)
		if err != nil {
			return nil, err
		}
		w.note(&w.opened, r)
		all, more = append(all, page.Messages...), len(page.Messages) == pageOfMessages
	}
	if len(all) < before {
		return nil, fmt.Errorf("%d messages are read where %d were acknowledged", len(all), before)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, m := range all {
		said, acknowledged := t.said[i]
		if m.Position != i || acknowledged && m.Text != said || !t.sent[m.Text] {
			return nil, fmt.Errorf("at position %d %q is read, %q was acknowledged", m.Position, m.Text, said)
		}
	}
	return all, nil
}

// lift asks for a lift of anonymity and takes it as far as chance wants.
func (w *crowd) escalate(t *talk, rng *rand.Rand) error {
	perhaps := func(percent int) bool { return rng.IntN(100) < percent }
	facets := []string{"connection"}
	if t.name != "" && perhaps(70) {
		facets = []string{"connection", "name"}
	}
	l, err := w.ask(t, facets, "")
	if err != nil {
		return err
	}
	if perhaps(10) {
		return w.answer("withdraw", l, t.agent, object(nil))
	}
	if err := w.evidence(t, l); err != nil {
		return err
	}
	if perhaps(10) {
		return w.answer("deny", l, t.supervisor, object{"request": l.request, "reason": "other_means"})
	}
	if err := w.answer("approve", l, t.supervisor, object{"request": l.request, "facets": facets[:1+rng.IntN(len(facets))]}); err != nil {
		return err
	}
	for range rng.IntN(4) {
		if err := w.identity(t, l); err != nil {
			return err
		}
	}
	switch {
	case perhaps(30), l.state == "approved": // unopened, it would expire in a long run
		return w.answer("close", l, t.agent, object(nil))
	case perhaps(30):
		return w.answer("revoke", l, t.supervisor, object{"reason": "danger_over"})
	}
	return nil
}

// consent lets the minor agree, an agent and a supervisor act on it as far as chance
// wants, and the minor take it back.
func (w *crowd) consent(t *talk, rng *rand.Rand) error {
	perhaps := func(percent int) bool { return rng.IntN(100) < percent }
	var out struct{ ID string }
	if _, err := w.act("consent", t.minor, http.MethodPost, "/conversation/consents",
		object{"facets": []string{"connection"}, "words": "yes, you may " + crypto.Text()}, &out); err != nil {
		return err
	}
	given := &agreed{id: out.ID}
	t.consents = append(t.consents, given)
	var l *tracked
	if perhaps(60) {
		var err error
		if l, err = w.ask(t, []string{"connection"}, given.id); err != nil {
			return err
		}
		if err := w.evidence(t, l); err != nil {
			return err
		}
		if err := w.answer("approve", l, t.supervisor, object{"request": l.request, "facets": []string{"connection"}}); err != nil {
			return err
		}
		if perhaps(60) {
			if err := w.identity(t, l); err != nil {
				return err
			}
		}
	}
	if !perhaps(70) {
		return nil
	}
	if _, err := w.act("take back", t.minor, http.MethodPost, "/conversation/consents/"+given.id+"/withdraw", nil, nil); err != nil {
		return err
	}
	given.taken = true
	if l != nil {
		l.state = "closed" // in that very moment
	}
	return nil
}

// erase has the minor ask that everything be erased, and a privacy officer grant it.
// Nothing may be open then.
func (w *crowd) erase(t *talk) error {
	for _, l := range t.escalations {
		if l.state == "approved" || l.state == "released" {
			if err := w.answer("close", l, t.agent, object(nil)); err != nil {
				return err
			}
		}
	}
	var asked struct{ ID string }
	if _, err := w.act("erase", t.minor, http.MethodPost, "/conversation/erasures", nil, &asked); err != nil {
		return err
	}
	officer, err := w.signIn("hana")
	if err != nil {
		return err
	}
	_, err = w.act("decide", officer, http.MethodPost, "/privacy/erasures/"+asked.ID+"/decide", object{"verdict": "granted"}, nil)
	if err == nil {
		t.erasure = asked.ID
	}
	return err
}

// ask asks for a lift, on the minor's last message: because of danger, or on a consent.
func (w *crowd) ask(t *talk, facets []string, consent string) (*tracked, error) {
	all, err := w.transcript(t, t.agent)
	if err != nil {
		return nil, err
	}
	last := 0
	for i, m := range all {
		if m.Author == "minor" {
			last = i
		}
	}
	var out struct{ ID, Request, State string }
	body := object{
		"ground": "imminent_danger", "facets": facets, "narrative": "He is on his way.",
		"evidence": []object{{"position": last, "sha256": all[last].SHA256}},
		"assessment": object{
			"immediacy": "now", "violence": "ongoing", "suicide": "none", "perpetrator_present": "yes", "captive": "no",
			"age_band": "13_15", "alone": "no", "location_known": "no",
		},
	}
	if consent != "" {
		body["ground"], body["consent"] = "consent", consent
	}
	if _, err = w.act("ask", t.agent, http.MethodPost, t.path(t.agent)+"/escalations", body, &out); err != nil {
		return nil, err
	}
	l := &tracked{id: out.ID, request: out.Request, state: out.State}
	t.escalations = append(t.escalations, l)
	if l.state != "requested" || l.request == "" {
		return nil, fmt.Errorf("asked, and the lift is %q", l.state)
	}
	return l, nil
}

// answer does something to a lift that changes its state.
func (w *crowd) answer(kind string, l *tracked, p *person, body object) error {
	var out struct {
		State   string
		Granted []string
	}
	var sent any
	if body != nil {
		sent = body
	}
	_, err := w.act(kind, p, http.MethodPost, "/escalations/"+l.id+"/"+kind, sent, &out)
	if err == nil {
		l.state, l.granted = out.State, out.Granted
	}
	return err
}

// evidence lets the supervisor read what the request rests on.
func (w *crowd) evidence(t *talk, l *tracked) error {
	r, err := w.act("evidence", t.supervisor, http.MethodPost, "/escalations/"+l.id+"/evidence", nil, nil)
	if err == nil {
		w.note(&w.opened, r)
	}
	return err
}

// identity opens what was granted and looks at it.
func (w *crowd) identity(t *talk, l *tracked) error {
	var out identity
	r, err := w.act("identity", t.agent, http.MethodPost, "/escalations/"+l.id+"/identity", object{"facets": l.granted}, &out)
	if err != nil {
		return err
	}
	w.note(&w.opened, r)
	return out.check(t, l)
}

// An identity, as the staff face shows it.
type identity struct {
	Seq    int64
	Facets []struct {
		Facet, Value string
		Number       int
	}
}

// check: exactly what was granted, and of a facet entrusted once, one.
func (i identity) check(t *talk, l *tracked) error {
	var shown []string
	for _, f := range i.Facets {
		shown = append(shown, f.Facet)
		if f.Number != 0 || f.Facet == "name" && f.Value != t.name {
			return fmt.Errorf("facet %s %d is %q, entrusted was %q", f.Facet, f.Number, f.Value, t.name)
		}
	}
	slices.Sort(shown)
	if !slices.Equal(shown, l.granted) {
		return fmt.Errorf("granted are %v, shown %v", l.granted, shown)
	}
	l.state, l.openings = "released", append(l.openings, i.Seq)
	return nil
}
