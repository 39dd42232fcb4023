package network

import (
	"crypto/rand"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/faults/trial"
	"github.com/sceau-project/sceau/internal/faults/wire"
	"github.com/sceau-project/sceau/internal/rig"
)

// TestSilence: what is asked arrives, and no answer ever comes, as from a host
// behind a firewall that forgot the connection. Nothing may wait for ever: each
// request is refused in time, plainly, with the name of what is down, and opens
// nothing; when the wire is whole again, so is the service.
func TestSilence(t *testing.T) {
	t.Parallel()
	tr := trial.Begin(t)
	g := newGrid(tr)
	c := newCrowd(g)
	g.crowd = c
	c.try(c.limit())
	k := c.talks[0]
	before := g.census()
	type request struct {
		p            *rig.Person
		method, path string
		body         any
		down         map[string]bool // codes that may be told
	}
	method, path, body := k.escalation.Identity("connection")
	postgres := map[string]bool{"postgres.unavailable": true}
	gate := map[string]bool{"postgres.unavailable": true, "custodian.unavailable": true, "vault.unavailable": true}
	requests := []request{
		{k.Minor, http.MethodGet, "/conversation", nil, postgres},
		{k.Minor, http.MethodPost, "/conversation/messages", nil, postgres}, // each time another text
		{k.Minor, http.MethodGet, "/conversation/messages?from=0", nil, gate},
		{g.Minor(""), http.MethodPost, "/conversations", rig.Object{"postal_code": "35000", "topic": "other"}, postgres},
		{k.Agent, http.MethodGet, "/conversations", nil, postgres},
		{k.Agent, http.MethodGet, "/conversations/" + k.ID + "/messages?from=0", nil, gate},
		{k.Agent, method, path, body, gate},
		{c.supervisor, http.MethodPost, "/escalations/" + k.escalation.ID + "/evidence", nil, gate},
	}
	silent := func(name string, wires ...*wire.Wire) {
		t.Helper()
		read := c.keysRead()
		for _, w := range wires {
			w.PoisonAnswers("timeout", map[string]any{"timeout": 0})
		}
		var all sync.WaitGroup
		for _, r := range requests {
			if r.method == http.MethodPost && r.path == "/conversation/messages" {
				text := "silence " + rand.Text()
				k.mu.Lock()
				k.sent[text] = true
				k.mu.Unlock()
				r.body = rig.Object{"text": text}
			}
			all.Go(func() {
				reply := r.p.Send("", r.method, r.path, r.body)
				if r.method == http.MethodPost && r.path == "/conversations" && reply.Outcome() == "ok" {
					c.open(reply)
				}
				if reply.Took > rig.AnswerTime || !r.down[reply.Outcome()] && reply.Outcome() != "ok" {
					t.Errorf("%s silent, %s %s: %s after %v", name, r.method, r.path, reply.Outcome(), reply.Took)
				}
				t.Logf("%s silent, %s %s: %s after %v", name, r.method, r.path, reply.Outcome(), reply.Took.Round(time.Millisecond))
				if name == "everything" && reply.Outcome() == "ok" {
					t.Errorf("%s silent, %s %s: answered all the same", name, r.method, r.path)
				}
			})
		}
		all.Wait()
		// Before a key is read its entry is durable, and the custodian knows it: with
		// PostgreSQL's answers gone that cannot be, so no key is even asked for.
		if grown := c.keysRead() - read; name == "everything" && grown > 0 {
			t.Errorf("%s silent: %d keys were read", name, grown)
		}
		for _, w := range wires {
			w.Mend()
		}
		mended := time.Now()
		c.try(mended.Add(rig.Recovery))
		t.Logf("%s silent: everything served %d ms after", name, time.Since(mended).Milliseconds())
	}
	tr.Rounds(func() {
		// Connections that lie idle for a second are tried before they are used; those
		// that do not hang until the request's own end.
		time.Sleep(1500 * time.Millisecond)
		silent("everything", g.wires...)
		if tr.Long > 0 {
			silent("everything", g.wires...)
			for _, w := range g.wires {
				silent(w.Name, w)
			}
		}
	})
	c.check()
	g.settled(before)
}

// keysRead is how many keys of the crowd's cases Vault has on record as asked for.
func (c *crowd) keysRead() (n int) {
	c.Helper()
	for _, t := range c.talks {
		n += len(c.Reads(t.ID))
	}
	return n
}
