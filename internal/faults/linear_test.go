package faults_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// The acts on one escalation that race.
const (
	actApprove = "approve"
	actPart    = "approve in part"
	actDeny    = "deny"
	actAnew    = "withdraw"
	actClose   = "close"
	actRevoke  = "revoke"
	actBreak   = "break the glass"
	actRelease = "release" // of the connection
	actName    = "release the name"
	actSweep   = "sweep"
	actLook    = "look"
	actUnsay   = "withdraw the consent" // the minor
)

// asked is what every request of these tests asks for; a part is its first.
var asked = []string{"connection", "name"}

// A did is what an act came to.
type did struct {
	ok      bool
	state   escalation.State // as answered, of what answers one
	granted string
	timely  bool   // refused for a deadline, or for a clock
	unknown bool   // nobody can say whether it happened
	code    string // for people
}

// modelled is one escalation in the model: what the entries, taken one after the
// other, would make of it.
type modelled struct {
	state   escalation.State // Approved also stands for opened
	granted string
}

func (l modelled) open() bool { return l.state == escalation.Approved }

func (l modelled) holds(facet string) bool {
	return slices.Contains(strings.Split(l.granted, ","), facet)
}

// after is what an act makes of an escalation, and whether it may.
func (l modelled) after(act string) (modelled, bool) {
	requested := l.state == escalation.Requested
	switch act {
	case actApprove, actBreak:
		return modelled{escalation.Approved, strings.Join(asked, ",")}, requested
	case actPart:
		return modelled{escalation.Approved, asked[0]}, requested
	case actDeny:
		return modelled{escalation.Denied, ""}, requested
	case actAnew:
		return modelled{escalation.Withdrawn, ""}, requested
	case actClose:
		return modelled{escalation.Closed, l.granted}, l.open()
	case actRevoke:
		return modelled{escalation.Revoked, l.granted}, l.open()
	case actRelease:
		return l, l.open() && l.holds("connection")
	case actName:
		return l, l.open() && l.holds("name")
	case actUnsay:
		if requested || l.open() {
			return modelled{escalation.Closed, l.granted}, true
		}
	}
	return l, true
}

// same is whether an answer tells of this escalation.
func (l modelled) same(d did) bool {
	state := d.state
	if state == escalation.Released || state == escalation.GlassBroken {
		state = escalation.Approved
	}
	return state == l.state && (!l.open() || d.granted == l.granted)
}

// oneEscalation is the model of one that begins so. When something is refused for its
// time, the model does not say whether it was late: the fold's own tests do. mayExpire
// says that a deadline may pass meanwhile: then a sweep, of anybody, may find it
// expired at any moment.
func oneEscalation(initial modelled, mayExpire bool) *porcupine.NondeterministicModel {
	return &porcupine.NondeterministicModel{
		Init: func() []any { return []any{initial} },
		Step: func(state, input, output any) []any {
			l := state.(modelled)
			next := l.step(input.(string), output.(did))
			if mayExpire && (l.open() || l.state == escalation.Requested) {
				next = append(next, modelled{escalation.Expired, l.granted}.step(input.(string), output.(did))...)
			}
			return next
		},
		DescribeOperation: func(input, output any) string {
			d := output.(did)
			return fmt.Sprintf("%s: %v %s %s %s", input, d.ok, d.state, d.granted, d.code)
		},
	}
}

// step is every escalation that an act with this answer may leave.
func (l modelled) step(act string, d did) []any {
	next, may := l.after(act)
	switch {
	case act == actSweep, act == actLook && (d.unknown || l.same(d)):
		return []any{l}
	case act == actLook:
		return nil
	case d.unknown && may:
		return []any{l, next}
	case d.unknown, d.timely, !d.ok && !may:
		return []any{l}
	case d.ok && may && (slices.Contains([]string{actRelease, actName, actUnsay}, act) || next.same(d)):
		return []any{next}
	}
	return nil
}

// TestEscalationsAreLinearizable: people and processes act on the same
// escalations at the same time, through several faces and the custodian, when they
// have just been asked for, and around each of their deadlines. What they are
// answered must be what some order of the acts, one after the other, would answer.
func TestEscalationsAreLinearizable(t *testing.T) {
	needServers(t)
	r := begin(t)
	w := newWorld(r, func(*devstack.PostgresConfig) {}, nil)
	w.activate(policy.Demonstration) // its deadlines are seconds
	c := newCrowd(w, 3)
	r.rounds(1, func(round int) {
		var bursts sync.WaitGroup
		for i := range 12 {
			rng := rand.New(rand.NewPCG(r.seed, uint64(1000*round+i)))
			bursts.Go(func() {
				// Deadlines take seconds to come; meanwhile there is more to race for.
				for _, kind := range [][]int{{0, 3, 0, 3}, {1}, {2}}[i%3] {
					if err := c.burst(kind, rng); err != nil {
						t.Error(err)
					}
				}
			})
		}
		bursts.Wait()
	})
	c.checkLinearLog()
}

// burst brings an escalation to where things race, and lets them.
func (c *crowd) burst(kind int, rng *rand.Rand) error {
	f, agent, supervisor := c.faces[0], c.staff["amal"], c.staff["diane"]
	s, err := c.begun(f, agent)
	if err == nil {
		k := key()
		err = c.act("entrust", func(ctx context.Context) error { return f.public.Entrust(ctx, s.id, k, "name", "Camille") })
	}
	if err == nil && kind == 3 {
		k := key()
		err = c.act("consent", func(ctx context.Context) error {
			given, err := f.public.GiveConsent(ctx, s.id, k, []conversation.Facet{conversation.FacetConnection, conversation.FacetName}, "D’accord, aidez-moi.")
			s.consent = given.ID
			return err
		})
	}
	if err == nil {
		err = c.request(f, s, agent, asked...)
	}
	for _, who := range []person{supervisor, c.staff["etienne"]} {
		if err == nil {
			err = c.evidence(s, who)
		}
	}
	if err != nil {
		return err
	}
	acts := []string{actApprove, actPart, actDeny, actAnew, actRelease, actName, actClose, actRevoke, actSweep, actLook, actLook}
	var at time.Time
	initial := modelled{state: escalation.Requested}
	switch kind {
	case 1: // around the end of the grant
		if err := c.approve(f, s, supervisor, asked...); err != nil {
			return err
		}
		initial, _ = initial.after(actApprove)
		acts = []string{actRelease, actName, actClose, actRevoke, actSweep, actSweep, actLook, actLook}
		at, err = c.deadline(f, s, supervisor, func(e *escalation.Escalation) time.Time { return e.UseBy })
	case 2: // around the moment from which the glass may be broken
		if err := c.act("confirm", func(ctx context.Context) error {
			_, err := c.gate.client.Confirm(ctx, order.Confirm{Caller: c.staff["bruno"].caller, Escalation: s.esc, Request: s.request})
			return err
		}); err != nil {
			return err
		}
		acts = append(acts, actBreak, actBreak)
		at, err = c.deadline(f, s, supervisor, func(e *escalation.Escalation) time.Time { return e.BreakGlassFrom })
	}
	if err != nil {
		return err
	}
	if !at.IsZero() {
		time.Sleep(time.Until(at) + time.Duration(rng.IntN(80)-50)*time.Millisecond)
	}
	history := c.race(s, acts, rng)
	c.count("bursts", 1)
	c.count("operations", int64(len(history)))
	model := oneEscalation(initial, kind == 1 || kind == 2)
	result := porcupine.CheckOperationsTimeout(model.ToModel(), history, time.Minute)
	if result == porcupine.Ok {
		return nil
	}
	var told []string
	slices.SortFunc(history, func(a, b porcupine.Operation) int { return int(a.Call - b.Call) })
	for _, o := range history {
		told = append(told, fmt.Sprintf("%6d-%6d µs %s", o.Call, o.Return, model.DescribeOperation(o.Input, o.Output)))
	}
	return fmt.Errorf("what was answered about %s is %s:\n%s", s.esc, result, strings.Join(told, "\n"))
}

// deadline is a time of the escalation's own.
func (c *crowd) deadline(f *face, s *story, who person, of func(*escalation.Escalation) time.Time) (time.Time, error) {
	e, err := f.escalations.Get(c.ctx, who.Actor, s.esc)
	if err != nil {
		return time.Time{}, err
	}
	return of(e), nil
}

// race lets several people do several things each, and writes down when. A minor who
// consented takes it back once, in the middle.
func (c *crowd) race(s *story, acts []string, rng *rand.Rand) (history []porcupine.Operation) {
	var people sync.WaitGroup
	var mu sync.Mutex
	began := time.Now()
	for client := range 5 {
		var mine []string
		for range 1 + rng.IntN(3) {
			mine = append(mine, acts[rng.IntN(len(acts))])
		}
		if client == 0 && s.consent != "" {
			mine = append(mine, actUnsay)
		}
		late := time.Duration(rng.IntN(40)) * time.Millisecond
		f := c.faces[client%len(c.faces)]
		people.Go(func() {
			time.Sleep(late)
			for _, act := range mine {
				call := time.Since(began).Microseconds()
				out := c.perform(f, s, act, client)
				back := time.Since(began).Microseconds()
				mu.Lock()
				history = append(history, porcupine.Operation{ClientId: client, Input: act, Call: call, Output: out, Return: back})
				mu.Unlock()
				c.count("answered_"+strings.ReplaceAll(act, " ", "_")+map[bool]string{true: "_ok", false: "_no"}[out.ok], 1)
			}
		})
	}
	people.Wait()
	return history
}

// perform does one act once.
func (c *crowd) perform(f *face, s *story, act string, client int) did {
	agent, supervisor := c.staff["amal"], c.staff[[]string{"diane", "etienne"}[client%2]]
	request, err := audit.ParseHash(s.request)
	if err != nil {
		return did{code: err.Error()}
	}
	idem := pglog.Idempotency{Actor: supervisor.ID, Key: key(), Body: []byte(act)}
	var r escalationstore.Receipt
	switch act {
	case actApprove:
		r, err = f.escalations.Approve(c.ctx, idem, supervisor.Actor, s.esc, request, asked)
	case actPart:
		r, err = f.escalations.Approve(c.ctx, idem, supervisor.Actor, s.esc, request, asked[:1])
	case actDeny:
		r, err = f.escalations.Deny(c.ctx, idem, supervisor.Actor, s.esc, request, "other_means")
	case actAnew:
		r, err = f.escalations.Withdraw(c.ctx, idem, agent.Actor, s.esc)
	case actClose:
		r, err = f.escalations.Close(c.ctx, idem, agent.Actor, s.esc)
	case actRevoke:
		r, err = f.escalations.Revoke(c.ctx, idem, supervisor.Actor, s.esc, "danger_over")
	case actBreak:
		r, err = f.escalations.BreakGlass(c.ctx, idem, agent.Actor, s.esc, request)
	case actRelease, actName:
		facet := map[string]string{actRelease: "connection", actName: "name"}[act]
		_, err = c.gate.client.Release(c.ctx, order.Release{Caller: agent.caller, Escalation: s.esc, Facets: []string{facet}, IdempotencyKey: order.Secret(key())})
	case actUnsay:
		err = f.public.WithdrawConsent(c.ctx, s.id, key(), s.consent)
	case actSweep:
		_, err = f.escalations.Sweep(c.ctx)
	case actLook:
		var e *escalation.Escalation
		if e, err = f.escalations.Get(c.ctx, agent.Actor, s.esc); err == nil {
			r.State, r.Granted = e.State, e.Granted
		}
	}
	return c.judge(act, r, err)
}

// timely are the reasons that a deadline or a clock gives.
var timely = []string{policy.ReasonTooLate, policy.ReasonGrantExpired, policy.ReasonGrantWindowOver, policy.ReasonGlassTooEarly, policy.ReasonClockTrails}

// judge sorts an answer.
func (c *crowd) judge(act string, r escalationstore.Receipt, err error) did {
	if err == nil {
		return did{ok: true, state: r.State, granted: strings.Join(r.Granted, ",")}
	}
	codes := []string{escalation.Code(err)}
	var refused *policystore.Refused
	var refusal *order.Refusal
	switch {
	case errors.As(err, &refused):
		codes = refused.Reasons
	case errors.As(err, &refusal):
		codes = append(refusal.Reasons, refusal.Code)
	}
	d := did{code: strings.Join(codes, " "), unknown: heals(err)}
	d.timely = slices.ContainsFunc(codes, func(code string) bool { return slices.Contains(timely, code) })
	if codes[0] == "" && !d.unknown {
		c.Errorf("%s: %v", act, err)
	}
	return d
}

// checkLinearLog: the races are over, the log holds and the rows say what it says.
func (c *crowd) checkLinearLog() {
	c.Helper()
	c.verify()
	for _, s := range c.stories {
		file, err := escalationstore.ReadCase(c.Context(), c.db.Super, s.id)
		if err != nil {
			c.Error(err)
			continue
		}
		e, ok := file.Escalation(s.esc)
		if !ok {
			c.Errorf("%s has no entry", s.esc)
			continue
		}
		row := c.super(`SELECT state, last_seq FROM sceau.escalations WHERE escalation_id = $1`, s.esc)
		if row[0] != string(e.State) || row[1] != e.LastSeq {
			c.Errorf("%s: the row says %v by %v, the entries %s by %d", s.esc, row[0], row[1], e.State, e.LastSeq)
		}
	}
}
