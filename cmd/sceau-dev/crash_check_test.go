package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
)

// checkRefusals holds all that was refused, or opened, against what was away at
// the time.
func (c *crashTest) checkRefusals() {
	c.Helper()
	counted := map[string]int{}
	for _, r := range c.crowd.refused {
		counted[r.outcome()]++
		explained := slices.ContainsFunc(c.outages, func(o outage) bool {
			return o.explains(r) && r.ended.After(o.killing) && r.began.Before(o.over.Add(settling))
		})
		if !explained {
			c.Errorf("%s at the %s face was answered %q, and nothing that was away explains it: %s", r.kind, r.face, r.outcome(), c.around(r))
			c.tellLog(r)
		}
	}
	for _, r := range c.crowd.opened {
		for _, o := range c.outages {
			if o.closes(r) && r.began.After(o.down) && r.ended.Before(o.back) {
				c.Errorf("%s showed something while %s was away", r.kind, o.victims)
			}
		}
	}
	c.Count("requests_acknowledged", c.crowd.told.Load())
	c.Count("acknowledged_when_repeated", c.crowd.repeated.Load())
	c.Logf("%d requests acknowledged, %d of them when repeated; %d messages had been written though the answer was lost; refused meanwhile: %v",
		c.crowd.told.Load(), c.crowd.repeated.Load(), c.crowd.replayed.Load(), counted)
}

// settling is how long after everything was served once a connection that broke
// in the outage may still be found broken.
const settling = 2 * time.Second

// around says how a request stands to the outage before it.
func (c *crashTest) around(r reply) string {
	for _, o := range slices.Backward(c.outages) {
		if r.ended.After(o.killing) {
			return fmt.Sprintf("it began %v after %s was killed, ended %v after, everything was served %v after",
				r.began.Sub(o.killing), o.victims, r.ended.Sub(o.killing), o.over.Sub(o.killing))
		}
	}
	return "nothing was killed before"
}

// tellLog shows what a face wrote while it answered.
func (c *crashTest) tellLog(r reply) {
	raw, err := os.ReadFile(filepath.Join(c.data, "log", r.face+".log"))
	if err != nil {
		c.Error(err)
	}
	for line := range strings.Lines(string(raw)) {
		var said struct{ Time time.Time }
		if json.Unmarshal([]byte(line), &said) == nil && said.Time.After(r.began) && said.Time.Before(r.ended) {
			c.Log(strings.TrimSpace(line))
		}
	}
}

// explains says whether an outage is a reason for this refusal.
func (o outage) explains(r reply) bool {
	return slices.ContainsFunc(o.victims, func(victim string) bool {
		switch victim {
		case victimPublic, victimStaff:
			return r.face == victim && r.outcome() == unconnected
		case victimSealed:
			return r.outcome() == "vault.unavailable"
		}
		return r.outcome() == victim+".unavailable"
	})
}

// closes says whether an outage must keep this from being opened. What a reading
// session opens needs Vault no more.
func (o outage) closes(r reply) bool {
	return slices.ContainsFunc(o.victims, func(victim string) bool {
		switch victim {
		case victimCustodian, victimPostgres:
			return true
		case victimVault, victimSealed:
			return r.kind != "read"
		}
		return r.face == victim
	})
}

// checkTalks reads every conversation from both sides: each message that was
// acknowledged at its position, and nothing else. A phrase that was told opens
// its conversation.
func (c *crashTest) checkTalks() {
	c.Helper()
	var g errgroup.Group
	g.SetLimit(4)
	for _, t := range c.crowd.talks {
		g.Go(func() error {
			if err := c.checkTalk(t); err != nil {
				c.Errorf("conversation %s: %v", t.id, err)
			}
			return nil
		})
	}
	_ = g.Wait() // each reports for itself
	messages, escalations, consents, erasures := 0, 0, 0, 0
	for _, t := range c.crowd.talks {
		messages, escalations, consents = messages+len(t.said)-1, escalations+len(t.escalations), consents+len(t.consents)
		if t.erasure != "" {
			erasures++
		}
	}
	for what, n := range map[string]int{"conversations": len(c.crowd.talks), "erasures": erasures, "messages": messages, "escalations": escalations, "consents": consents} {
		c.Count(what, int64(n))
	}
	c.Logf("%d conversations (%d erased), %d messages, %d lifts, %d consents", len(c.crowd.talks), erasures, messages, escalations, consents)
}

func (c *crashTest) checkTalk(t *talk) error {
	people := []*person{t.minor}
	if t.agent != nil {
		people = append(people, t.agent)
	}
	if t.erasure != "" {
		return c.checkErased(t, people)
	}
	for _, p := range people {
		all, err := c.crowd.transcript(t, p)
		if err != nil {
			return err
		}
		if len(all) != len(t.said) {
			return fmt.Errorf("%d messages are there, %d were acknowledged", len(all), len(t.said))
		}
	}
	if t.phrase == "" {
		return nil
	}
	again := c.crowd.minor()
	var returned struct{ Token string }
	if _, err := c.crowd.act("return", again, http.MethodPost, "/conversation/return", object{"phrase": t.phrase}, &returned); err != nil {
		return fmt.Errorf("the phrase that was told: %w", err)
	}
	again.bearer = returned.Token
	t.minor = again // the token before is ended by it
	return c.crowd.read(t, again)
}

// erased is how long after everything is served again a granted erasure may still not
// be carried out: one whose try an outage took is tried again after 20 seconds.
const erased = 20*time.Second + recovery

// checkErased: what was to be erased nobody reads any more.
func (c *crashTest) checkErased(t *talk, people []*person) error {
	for _, p := range people {
		var r reply
		if !c.until(time.Now().Add(erased), func() bool {
			r = p.send(c.Context(), "read", http.MethodGet, t.path(p)+"/messages", "", nil)
			return r.status == http.StatusGone && r.code == "conversation.erased"
		}) {
			return fmt.Errorf("erased, and the %s face answers %q", p.face, r.outcome())
		}
	}
	return nil
}

// checkLifts asks for every lift: it is in the state that was acknowledged.
func (c *crashTest) checkEscalations() {
	c.Helper()
	for _, t := range c.crowd.talks {
		for _, l := range t.escalations {
			var now struct {
				State, Request string
				Granted        []string
			}
			if _, err := c.crowd.act("lift", t.agent, http.MethodGet, "/escalations/"+l.id, nil, &now); err != nil {
				c.Errorf("lift %s: %v", l.id, err)
			} else if now.State != l.state || now.Request != l.request || !slices.Equal(now.Granted, l.granted) {
				c.Errorf("lift %s is %+v, acknowledged was %+v", l.id, now, *l)
			}
		}
	}
}

// checkExport exports the log and has the inspector's tool verify it, against
// hashes that an inspector was shown before.
func (c *crashTest) checkExport(dir string) {
	c.Helper()
	if err := c.stack.Export(c.Context(), dir, "crash test"); err != nil {
		c.Fatal(err)
	}
	args := []string{"--lang", "en", "verify", dir}
	for i, seq := range slices.Sorted(maps.Keys(c.crowd.entries)) {
		if i%97 == 0 {
			args = append(args, "--known", fmt.Sprintf("%d:%s", seq, c.crowd.entries[seq]))
		}
	}
	out, err := stack.Run(c.Context(), c.inspect, args...)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit) && exit.ExitCode() == 3:
		for line := range strings.Lines(string(out)) {
			if strings.HasPrefix(line, "WARNING") && !strings.Contains(line, "possibly opened") {
				c.Errorf("sceau-inspect warns of something else: %s", line)
			}
		}
	case err != nil:
		c.Errorf("sceau-inspect verify: %v\n%s", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	c.Logf("sceau-inspect: %s; %s", lines[min(1, len(lines)-1)], lines[len(lines)-1])
}
