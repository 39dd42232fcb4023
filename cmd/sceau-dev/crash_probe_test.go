package main

import (
	crypto "crypto/rand"
	"encoding/json"
	"net/http"
	"slices"
	"time"
)

// A probe is one conversation with a granted lift on which everything is tried
// once in every outage: what the outage takes away must be refused with its name
// and give nothing, and what it does not must go on.
type probe struct {
	*crashTest
	*talk
	esc       *tracked
	inspector *person
	samples   []sample
}

// A sample is one request, and whom it needs besides its face and PostgreSQL.
type sample struct {
	kind         string
	by           *person
	needs        []string
	method, path string
	body         func(key string) any            // nil: none
	took         func(key string, r reply) error // looks at what was answered
}

func newProbe(c *crashTest) *probe {
	c.Helper()
	must := func(err error) {
		c.Helper()
		if err != nil {
			c.Fatal(err)
		}
	}
	p := &probe{crashTest: c}
	var err error
	p.talk, err = c.crowd.begin("other", "amal", "diane")
	must(err)
	p.inspector, err = c.crowd.signIn("gilles")
	must(err)
	must(c.crowd.chat(p.talk, 1, 1))
	must(c.crowd.read(p.talk, p.minor))
	p.esc, err = c.crowd.ask(p.talk, []string{"connection"}, "")
	must(err)
	must(c.crowd.evidence(p.talk, p.esc))
	must(c.crowd.answer("approve", p.esc, p.supervisor, object{"request": p.esc.request, "facets": []string{"connection"}}))
	must(c.crowd.identity(p.talk, p.esc))
	p.samples = p.all()
	return p
}

func (p *probe) all() []sample {
	const get, post = http.MethodGet, http.MethodPost
	gate, key := []string{victimCustodian}, []string{victimCustodian, victimVault}
	text := func(key string) any {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.sent["probe "+key] = true
		return object{"text": "probe " + key}
	}
	written := func(key string, r reply) error {
		var w struct{ Position int }
		if err := json.Unmarshal(r.body, &w); err != nil {
			return err
		}
		return p.note(w.Position, "probe "+key)
	}
	secret := func(_ string, r reply) error {
		p.crowd.note(&p.crowd.opened, r)
		return nil
	}
	of := func(v any) func(string) any { return func(string) any { return v } }
	esc := "/escalations/" + p.esc.id
	return []sample{
		{"look", p.minor, nil, get, "/conversation", nil, nil},
		{"write", p.minor, nil, post, "/conversation/messages", text, written},
		{"read", p.minor, gate, get, "/conversation/messages", nil, secret},
		{"phrase", p.minor, key, post, "/conversation/phrase", nil, p.gotPhrase},
		{"open", p.crowd.minor(), nil, post, "/conversations", of(object{"postal_code": "29200", "topic": "other"}), p.opened},
		{"queue", p.agent, nil, get, "/conversations", nil, nil},
		{"answer", p.agent, nil, post, p.path(p.agent) + "/messages", text, written},
		{"read", p.agent, gate, get, p.path(p.agent) + "/messages", nil, secret},
		{"lift", p.agent, nil, get, esc, nil, nil},
		{"identity", p.agent, key, post, esc + "/identity", of(object{"facets": []string{"connection"}}), p.identified},
		{"evidence", p.supervisor, key, post, esc + "/evidence", nil, secret},
		{"inspect", p.inspector, nil, get, "/log/entries?limit=1", nil, nil},
	}
}

func (p *probe) gotPhrase(_ string, r reply) error {
	var out struct{ Phrase string }
	err := json.Unmarshal(r.body, &out)
	p.phrase = out.Phrase
	return err
}

func (p *probe) opened(_ string, r reply) error {
	var out struct{ Token string }
	if err := json.Unmarshal(r.body, &out); err != nil {
		return err
	}
	t := &talk{minor: p.crowd.minor(), said: map[int]string{0: "29200"}, sent: map[string]bool{"29200": true}}
	t.minor.bearer = out.Token
	p.crowd.mu.Lock()
	defer p.crowd.mu.Unlock()
	p.crowd.talks = append(p.crowd.talks, t)
	return nil
}

func (p *probe) identified(_ string, r reply) error {
	p.crowd.note(&p.crowd.opened, r)
	var out identity
	if err := json.Unmarshal(r.body, &out); err != nil {
		return err
	}
	return out.check(p.talk, p.esc)
}

// send sends a sample once.
func (p *probe) send(s sample, key string) reply {
	var body any
	if s.body != nil {
		body = s.body(key)
	}
	return s.by.send(p.Context(), s.kind, s.method, s.path, key, body)
}

// outcomes of a sample while victims are away: any of them that it needs may be
// named. Without one of them it must succeed.
func (s sample) outcomes(away victims) (all []string) {
	if away.has(s.by.face) {
		return []string{unconnected}
	}
	if away.has(victimPostgres) {
		all = append(all, "postgres.unavailable")
	}
	if away.has(victimCustodian) && slices.Contains(s.needs, victimCustodian) {
		all = append(all, "custodian.unavailable")
	}
	if (away.has(victimVault) || away.has(victimSealed)) && slices.Contains(s.needs, victimVault) {
		all = append(all, "vault.unavailable")
	}
	if all == nil {
		all = []string{"ok"}
	}
	return all
}

// again says that the answer was a good one: a conversation is given one phrase
// a minute, and this one was given its own.
func (s sample) again(r reply) bool {
	return s.kind == "phrase" && r.status == http.StatusTooManyRequests
}

// faces that are there to be asked.
func (p *probe) faces(away victims) []*person {
	return slices.DeleteFunc([]*person{p.minor, p.agent}, func(f *person) bool { return away.has(f.face) })
}

// during tries everything while victims are away.
func (p *probe) during(away victims) {
	p.Helper()
	for _, s := range p.samples {
		key := crypto.Text()
		r := p.send(s, key)
		if want := s.outcomes(away); !slices.Contains(want, r.outcome()) && !s.again(r) {
			p.Errorf("%s away, %s: %s, want %s", away, s.kind, r.outcome(), want)
		}
		p.took(s, key, r)
	}
	for _, face := range p.faces(away) {
		p.expectReady(face, time.Now().Add(3*time.Second), away.down()...)
	}
}

// down is what /readyz names. Of what is behind a custodian that does not answer,
// nobody knows anything.
func (v victims) down() (down []string) {
	for _, victim := range v {
		switch victim {
		case victimCustodian, victimPostgres:
			down = append(down, victim)
		case victimVault, victimSealed:
			if !v.has(victimCustodian) {
				down = append(down, victimVault)
			}
		}
	}
	slices.Sort(down)
	return down
}

// after tries everything until it succeeds again.
func (p *probe) after(away victims, deadline time.Time) {
	p.Helper()
	for _, s := range p.samples {
		key := crypto.Text()
		var r reply
		if !p.until(deadline, func() bool { r = p.send(s, key); return r.outcome() == "ok" || s.again(r) }) {
			p.Errorf("%s is back, %s: %s", away, s.kind, r.outcome())
			return
		}
		p.took(s, key, r)
	}
	for _, face := range p.faces(nil) {
		p.expectReady(face, deadline)
	}
}

func (p *probe) took(s sample, key string, r reply) {
	p.Helper()
	if s.took == nil || r.outcome() != "ok" {
		return
	}
	if err := s.took(key, r); err != nil {
		p.Errorf("%s: %v", s.kind, err)
	}
}
