package network

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sceau-project/sceau/internal/rig"
)

// workers are how many conversations go on at once.
const workers = 3

// A crowd is the people who use the service while its wires break.
type crowd struct {
	*grid
	talks      []*talk
	supervisor *rig.Person

	sent, refused, released, slowest atomic.Int64

	held    sync.RWMutex // held for writing while nobody asks for anything
	leaving chan struct{}
	behind  sync.WaitGroup

	mu     sync.Mutex
	opened map[string]bool // tokens that were given out
}

// A talk is a conversation with a granted escalation, and what was acknowledged in it.
type talk struct {
	*rig.Talk
	escalation rig.Escalation

	mu   sync.Mutex
	said map[int]string
	sent map[string]bool
}

func newCrowd(g *grid) *crowd {
	g.Helper()
	c := &crowd{grid: g, leaving: make(chan struct{}), opened: map[string]bool{}, supervisor: g.Hire("diane")}
	for _, account := range []string{"amal", "bruno", "chloe"}[:workers] {
		t := &talk{Talk: g.Talk(g.Hire(account)), said: map[int]string{}, sent: map[string]bool{}}
		c.talks = append(c.talks, t)
		c.write(t, t.Minor, "/conversation", c.limit())
		t.escalation = g.Ask(t.Talk, 1, "He is at the door.", "connection")
		g.Approve(c.supervisor, t.escalation, "connection")
	}
	g.Cleanup(c.leave)
	return c
}

// patience is how long somebody repeats a request while wires break: a fault,
// the requests that hang in it, and what comes after.
func (c *crowd) limit() time.Time { return time.Now().Add(90 * time.Second) }

// act repeats a request with one key until it is acknowledged, and holds every
// answer to what answers must be.
func (c *crowd) act(p *rig.Person, deadline time.Time, method, path string, body any) (rig.Reply, bool) {
	key := rand.Text()
	for {
		c.held.RLock()
		r := p.Send(key, method, path, body)
		c.held.RUnlock()
		c.sent.Add(1)
		for slowest := c.slowest.Load(); int64(r.Took) > slowest && !c.slowest.CompareAndSwap(slowest, int64(r.Took)); slowest = c.slowest.Load() {
		}
		switch {
		case r.Took > rig.AnswerTime:
			c.Errorf("%s %s: an answer after %v: %s", method, path, r.Took, r.Outcome())
			return r, false
		case r.Outcome() == "ok":
			return r, true
		case r.Status != http.StatusServiceUnavailable || r.Header.Get("Retry-After") == "":
			c.Errorf("%s %s: %d %s is no plain refusal of an outage: %s", method, path, r.Status, r.Outcome(), r.Body)
			return r, false
		}
		c.refused.Add(1)
		if time.Now().After(deadline) {
			c.Errorf("%s %s: still %s", method, path, r.Outcome())
			return r, false
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// come lets everybody begin.
func (c *crowd) come() {
	for _, t := range c.talks {
		c.behind.Go(func() {
			for c.going() {
				c.round(t, c.limit())
			}
		})
	}
}

func (c *crowd) going() bool {
	select {
	case <-c.leaving:
		return false
	default:
		return !c.Failed()
	}
}

func (c *crowd) leave() {
	select {
	case <-c.leaving:
	default:
		close(c.leaving)
	}
	c.behind.Wait()
}

// hold waits until no request is under way, and lets none begin.
func (c *crowd) hold() { c.held.Lock() }
func (c *crowd) goOn() { c.held.Unlock() }

// try does everything once, in a conversation that others use too.
func (c *crowd) try(deadline time.Time) {
	c.Helper()
	c.round(c.talks[0], deadline)
	for _, face := range []string{rig.Public, rig.Staff} {
		c.Eventually(max(time.Until(deadline), time.Second), "the "+face+" face is ready", func() bool { return c.Down(face) == "" })
	}
}

// round does everything that needs a wire.
func (c *crowd) round(t *talk, deadline time.Time) {
	theirs := "/conversations/" + t.ID
	c.write(t, t.Minor, "/conversation", deadline)
	c.write(t, t.Agent, theirs, deadline)
	c.act(t.Minor, deadline, http.MethodGet, "/conversation/messages?from=0", nil)
	c.act(t.Agent, deadline, http.MethodGet, theirs+"/messages?from=0", nil)
	if r, ok := c.act(c.Minor(""), deadline, http.MethodPost, "/conversations", rig.Object{"postal_code": "29200", "topic": "other"}); ok {
		c.open(r)
	}
	method, path, body := t.escalation.Identity("connection")
	if _, ok := c.act(t.Agent, deadline, method, path, body); ok {
		c.released.Add(1)
	}
	c.act(c.supervisor, deadline, http.MethodPost, "/escalations/"+t.escalation.ID+"/evidence", nil)
}

func (c *crowd) open(r rig.Reply) {
	var out struct{ Token string }
	if err := json.Unmarshal(r.Body, &out); err != nil {
		c.Error(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.opened[out.Token] {
		c.Error("one conversation was given to two minors")
	}
	c.opened[out.Token] = true
}

func (c *crowd) write(t *talk, p *rig.Person, path string, deadline time.Time) {
	text := "message " + rand.Text()
	t.mu.Lock()
	t.sent[text] = true
	t.mu.Unlock()
	r, ok := c.act(p, deadline, http.MethodPost, path+"/messages", rig.Object{"text": text})
	if !ok {
		return
	}
	var written struct{ Position int }
	if err := json.Unmarshal(r.Body, &written); err != nil {
		c.Error(err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if before, taken := t.said[written.Position]; taken {
		c.Errorf("%q and %q were both acknowledged at position %d", before, text, written.Position)
	}
	t.said[written.Position] = text
}

// check reads all that was acknowledged, when every wire is whole.
func (c *crowd) check() {
	c.Helper()
	for _, t := range c.talks {
		there := map[string]int{}
		for from := 0; ; {
			var page struct {
				Messages []struct {
					Position int
					Text     string
				}
			}
			t.Agent.Into(&page, http.MethodGet, fmt.Sprintf("/conversations/%s/messages?from=%d", t.ID, from), nil)
			if len(page.Messages) == 0 {
				break
			}
			for _, m := range page.Messages {
				if there[m.Text]++; there[m.Text] > 1 || m.Position > 0 && !t.sent[m.Text] {
					c.Errorf("%q is there %d times", m.Text, there[m.Text])
				}
				if said, is := t.said[m.Position]; is && said != m.Text {
					c.Errorf("position %d: %q was acknowledged, %q is there", m.Position, said, m.Text)
				}
				from = m.Position + 1
			}
		}
		for position, text := range t.said {
			if there[text] == 0 {
				c.Errorf("%q was acknowledged at %d and is lost", text, position)
			}
		}
		// A retried release writes another intent and takes no second use; each
		// intent has its outcome, or reads "possibly opened".
		if actions := c.Actions(t.ID); strings.Count(actions, "identity.released") > strings.Count(actions, "identity.release_ordered") {
			c.Errorf("more outcomes than intents: %s", actions)
		}
	}
	var conversations, entries int
	c.Must(c.DB.Super.QueryRow(c.Context(), `SELECT (SELECT count(*) FROM sceau.conversations),
		(SELECT count(*) FROM sceau.entries WHERE action = 'conversation.opened')`).Scan(&conversations, &entries))
	if want := len(c.opened) + len(c.talks); conversations != want || entries != want {
		c.Errorf("%d conversations were acknowledged, %d are there, with %d entries", want, conversations, entries)
	}
}
