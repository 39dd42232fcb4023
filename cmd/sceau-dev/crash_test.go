package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/faults/trial"
	"github.com/sceau-project/sceau/policy"
)

// roundsVariable says how many rounds are played at least, beside what package trial
// reads. A seed plays again what is killed after what, and what people do; not the
// scheduler's choices.
const roundsVariable = "SCEAU_CRASH_ROUNDS"

// recovery is how long after its end an outage may still be felt.
const recovery = 10 * time.Second

// The victims, by what /readyz and the problems call them.
const (
	victimPublic    = "public"
	victimStaff     = "staff"
	victimCustodian = "custodian"
	victimPostgres  = "postgres"
	victimVault     = "vault"
	victimSealed    = "vault, sealed" // runs on, and gives nothing
)

// victims are away at the same time: one, or two that were killed together.
type victims []string

func (v victims) String() string { return strings.Join(v, " + ") }

func (v victims) has(name string) bool { return slices.Contains(v, name) }

// An outage is that of one or two victims, on this process's clock.
type outage struct {
	victims
	killing, down, back, over time.Time // over: everything is served again
}

// A crashTest is a whole stack whose processes are killed one or two at a time, the
// people who use it meanwhile, and what they were told.
type crashTest struct {
	*trial.Trial
	stack   *stack.Stack
	data    string // the stack's directory
	inspect string // the inspector's tool
	rng     *rand.Rand
	two     []victims // pairs that are left of this deck
	crowd   *crowd
	probe   *probe
	outages []outage
}

// pairs are all of two processes that can be killed together.
func pairs() (all []victims) {
	each := []string{victimPublic, victimStaff, victimCustodian, victimPostgres, victimVault}
	for i, one := range each {
		for _, other := range each[i+1:] {
			all = append(all, victims{one, other})
		}
	}
	return all
}

// round draws what is killed, and in which order: each process once, Vault's seal, and
// half of the pairs; so that two rounds have all pairs.
func (c *crashTest) round() []victims {
	if len(c.two) == 0 {
		c.two = pairs()
		c.rng.Shuffle(len(c.two), func(i, j int) { c.two[i], c.two[j] = c.two[j], c.two[i] })
	}
	half := len(pairs()) / 2
	round := append([]victims{{victimPublic}, {victimStaff}, {victimCustodian}, {victimPostgres}, {victimVault}, {victimSealed}}, c.two[:half]...)
	c.two = c.two[half:]
	c.rng.Shuffle(len(round), func(i, j int) { round[i], round[j] = round[j], round[i] })
	return round
}

// TestKilledOneByOne kills each process of a stack in the middle of what people do,
// then two together, and seals Vault. While they are away, whatever needs them is
// refused with a 503 that names one of them and nothing is opened; soon after they
// came back everything is served again by those who survived. In the end all that
// anybody was told is there, once; the log holds; and rows, entries and Vault's own
// record say the same.
func TestKilledOneByOne(t *testing.T) {
	needServers(t)
	t.Parallel()
	rounds := number(t, roundsVariable, 1)
	r := trial.Begin(t)
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	began := time.Now()
	s, err := stack.Start(t.Context(), stack.Config{Dir: data, Sceau: filepath.Join(bin, "sceau"), Busy: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			tellLogs(t, data)
		}
		nobodyLeft(t, data)
	})
	// Its deadlines are minutes: nothing expires because a process was away.
	if err := s.Activate(t.Context(), policy.Production); err != nil {
		t.Fatal(err)
	}
	c := &crashTest{Trial: r, stack: s, data: data, inspect: filepath.Join(bin, "sceau-inspect"), rng: r.Dice}
	c.crowd = newCrowd(c, r.Dice.Uint64())
	c.probe = newProbe(c)
	t.Logf("started in %.1f s", time.Since(began).Seconds())

	c.crowd.come()
	for n := uint64(0); !t.Failed() && (n < rounds || time.Since(began) < r.Long); n++ {
		for _, v := range c.round() {
			if !t.Failed() {
				c.suffer(v)
			}
		}
		c.Count("rounds", 1)
	}
	c.crowd.leave()
	t.Logf("the last outage was over after %.1f s", time.Since(began).Seconds())

	c.checkTalks()
	c.checkEscalations()
	c.checkLog()
	c.checkExport(filepath.Join(data, "export"))
	c.checkRefusals()
	t.Logf("checked after %.1f s", time.Since(began).Seconds())
}

// number reads a variable of the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return n
}

// during names what a victim does most: it is killed in the middle of that.
var during = map[string][]string{
	victimPublic:    {"open", "write", "entrust", "close", "consent", "take back", "erase"},
	victimStaff:     {"join", "answer", "ask", "approve", "identity", "close", "revoke", "decide"},
	victimCustodian: {"identity", "evidence", "read", "phrase", "decide"},
	victimPostgres:  {"open", "write", "join", "ask", "approve", "identity", "sign in", "close", "take back", "revoke", "decide"},
	victimVault:     {"identity", "evidence", "read", "phrase", "decide"},
	victimSealed:    {"identity", "evidence", "read", "phrase"},
}

// suffer takes victims away together and brings them back.
func (c *crashTest) suffer(v victims) {
	c.Helper()
	c.expectReadyKeys(time.Now().Add(recovery))
	before := c.pids()
	first := v[c.rng.IntN(len(v))]
	kind := during[first][c.rng.IntN(len(during[first]))]
	c.crowd.await(kind, 3*time.Second)
	c.wait(time.Duration(c.rng.IntN(25)) * time.Millisecond)

	o := outage{victims: v, killing: time.Now()}
	for _, victim := range v {
		c.kill(victim)
	}
	o.down = time.Now()
	c.probe.during(v)
	c.wait(time.Duration(c.rng.IntN(800)) * time.Millisecond)
	o.back = time.Now()
	for _, victim := range revived {
		if !v.has(victim) {
			continue
		}
		if err := c.revive(victim); err != nil {
			c.Fatalf("bringing back %s: %v", victim, err)
		}
	}
	returned := time.Now()
	c.probe.after(v, returned.Add(recovery))
	o.over = time.Now()
	c.outages = append(c.outages, o)
	c.Count("outages", 1)
	c.Most("recovered_ms_most", o.over.Sub(returned).Milliseconds())
	c.Logf("%-22s away for %4d ms during %q, everything served %4d ms after", v,
		o.back.Sub(o.down).Milliseconds(), kind, o.over.Sub(returned).Milliseconds())
	for name, pid := range c.pids() {
		if pid != before[name] && !v.has(name) {
			c.Errorf("%s did not survive that %s was killed", name, v)
		}
	}
}

// revived is the order in which victims come back: servers before who uses them.
var revived = []string{victimPostgres, victimVault, victimSealed, victimCustodian, victimPublic, victimStaff}

// leastReady is how many cases with fresh keys outlast an outage.
const leastReady = 16

// expectReadyKeys waits until the custodian has made up for the last outage, so
// that conversations can be opened all through the next.
func (c *crashTest) expectReadyKeys(deadline time.Time) {
	c.Helper()
	conn, err := pgx.Connect(c.Context(), c.stack.SuperuserURL())
	if err != nil {
		c.Fatal(err)
	}
	defer conn.Close(c.Context())
	ready := 0
	if !c.until(deadline, func() bool {
		err = conn.QueryRow(c.Context(), `SELECT count(*) FROM sceau.cases
			WHERE NOT opened AND coalesce(reserved_until < clock_timestamp(), true)`).Scan(&ready)
		return err == nil && ready >= leastReady
	}) {
		c.Errorf("%d cases are ready, %v", ready, err)
	}
}

// pids of all that run, 0 for what has ended.
func (c *crashTest) pids() map[string]int {
	pids := map[string]int{}
	for name, p := range map[string]*devstack.Process{
		victimPublic: c.stack.Process(victimPublic), victimStaff: c.stack.Process(victimStaff), victimCustodian: c.stack.Process(victimCustodian),
		victimPostgres: c.stack.Postgres.Process(), victimVault: c.stack.Vault.Process(),
	} {
		select {
		case <-p.Done():
			pids[name] = 0
		default:
			pids[name] = p.PID()
		}
	}
	return pids
}

func (c *crashTest) kill(victim string) {
	c.Helper()
	switch victim {
	case victimPostgres:
		c.stack.Postgres.Kill()
	case victimVault:
		c.stack.Vault.Kill()
	case victimSealed:
		if err := c.stack.Vault.Seal(c.Context()); err != nil {
			c.Fatal(err)
		}
	default:
		c.stack.Process(victim).Kill()
	}
}

func (c *crashTest) revive(victim string) error {
	switch victim {
	case victimPostgres:
		return c.stack.Postgres.Restart(c.Context())
	case victimVault:
		return c.stack.Vault.Restart(c.Context())
	case victimSealed:
		return c.stack.Vault.Unseal(c.Context())
	default:
		return c.stack.StartProcess(victim)
	}
}

// wait lets time pass, or the test end.
func (c *crashTest) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.Context().Done():
	}
}

// until tries until it succeeds or the deadline has passed, at least once.
func (c *crashTest) until(deadline time.Time, try func() bool) bool {
	for !try() {
		if time.Now().After(deadline) || c.Context().Err() != nil {
			return false
		}
		c.wait(50 * time.Millisecond)
	}
	return true
}

// ready asks a face what is down.
func (c *crashTest) ready(p *person) (status int, down []string) {
	req, err := http.NewRequestWithContext(c.Context(), http.MethodGet, p.base+"/readyz", nil)
	if err != nil {
		c.Fatal(err)
	}
	res, err := p.http.Do(req)
	if err != nil {
		return 0, nil
	}
	defer res.Body.Close()
	var said struct {
		Ready bool
		Down  []string
	}
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil || said.Ready != (res.StatusCode == http.StatusOK) {
		c.Errorf("/readyz of the %s face: status %d, %v", p.face, res.StatusCode, err)
	}
	return res.StatusCode, said.Down
}

// expectReady waits until /readyz says of a face what it should.
func (c *crashTest) expectReady(p *person, deadline time.Time, down ...string) {
	c.Helper()
	want := fmt.Sprint(http.StatusOK, []string{})
	if len(down) > 0 {
		want = fmt.Sprint(http.StatusServiceUnavailable, down)
	}
	var got string
	if !c.until(deadline, func() bool {
		status, said := c.ready(p)
		slices.Sort(said)
		got = fmt.Sprint(status, said)
		return got == want
	}) {
		c.Errorf("/readyz of the %s face: %s, want %s", p.face, got, want)
	}
}
