package main

import (
	"context"
	crypto "crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// topics tell the conversations of different workers apart in the queue: each
// worker has at most one that waits.
var topics = []string{"threats", "neglect", "sextortion", "addiction", "school_harassment"}

// patience is how long somebody repeats a request before it counts as lost.
const patience = 30 * time.Second

// A crowd is the people who use the stack while its processes die. Each worker plays
// one conversation after another: a minor, an agent, a supervisor. Whatever they
// are told is remembered.
type crowd struct {
	*crashTest
	faces   map[string]*http.Client
	trigger atomic.Pointer[trigger]
	leaving chan struct{}
	left    sync.Once
	behind  sync.WaitGroup

	dice struct {
		sync.Mutex
		*rand.Rand
	}

	told     atomic.Int64 // requests that were acknowledged
	repeated atomic.Int64 // of these, only when they were repeated
	replayed atomic.Int64 // of these, messages that had been written all the same

	mu      sync.Mutex
	talks   []*talk
	refused []reply          // all that was not acknowledged
	opened  []reply          // what showed somebody something sealed
	entries map[int64]string // what an inspector was shown: seq → hash
}

// A trigger is sprung by the next act of its kind.
type trigger struct {
	kind   string
	sprung chan struct{}
}

func newCrowd(c *crashTest, seed uint64) *crowd {
	w := &crowd{crashTest: c, leaving: make(chan struct{}), entries: map[int64]string{}, faces: map[string]*http.Client{}}
	w.dice.Rand = rand.New(rand.NewPCG(seed, 1))
	for _, face := range []string{victimPublic, victimStaff} {
		transport := &http.Transport{MaxIdleConnsPerHost: 16}
		w.faces[face] = &http.Client{Transport: transport}
		c.Cleanup(transport.CloseIdleConnections)
	}
	c.Cleanup(w.leave)
	w.behind.Go(func() { <-w.leaving })
	return w
}

// come lets everybody begin.
func (w *crowd) come() {
	for i := range topics {
		rng := rand.New(rand.NewPCG(uint64(w.rng.Int64()), uint64(i)))
		w.behind.Go(func() { w.work(i, rng) })
	}
	w.behind.Go(w.inspectOn)
}

// leave lets everybody finish what they are at.
func (w *crowd) leave() {
	w.left.Do(func() { close(w.leaving) })
	w.behind.Wait()
}

func (w *crowd) going() bool {
	select {
	case <-w.leaving:
		return false
	default:
		return w.Context().Err() == nil
	}
}

// await returns when somebody begins an act of a kind, or after a while.
func (w *crowd) await(kind string, while time.Duration) {
	t := &trigger{kind: kind, sprung: make(chan struct{})}
	w.trigger.Store(t)
	timer := time.NewTimer(while)
	defer timer.Stop()
	select {
	case <-t.sprung:
	case <-timer.C:
		w.trigger.CompareAndSwap(t, nil)
	}
}

// errTooMany: a conversation is given a phrase a minute, even when the answer was lost.
var errTooMany = errors.New("asked too often")

// hasty says how long somebody waits for the first answer: now and then not long
// enough, so that it is lost although nothing was killed.
func (w *crowd) hasty() (context.Context, context.CancelFunc) {
	w.dice.Lock()
	defer w.dice.Unlock()
	if w.dice.IntN(100) >= 15 {
		return context.WithCancel(w.Context())
	}
	return context.WithTimeout(w.Context(), time.Duration(w.dice.IntN(40))*time.Millisecond)
}

// act sends a request until it is acknowledged, always with the same key, as a
// client does whose connection broke. out gets the answer.
func (w *crowd) act(kind string, p *person, method, path string, body, out any) (reply, error) {
	if t := w.trigger.Load(); t != nil && t.kind == kind && w.trigger.CompareAndSwap(t, nil) {
		close(t.sprung)
	}
	key, pause := crypto.Text(), 20*time.Millisecond
	ctx, cancel := w.hasty()
	defer cancel()
	for tries, giveUp := 1, time.Now().Add(patience); ; tries++ {
		r := p.send(ctx, kind, method, path, key, body)
		r.tries = tries
		if r.outcome() == "ok" {
			w.told.Add(1)
			if tries > 1 {
				w.repeated.Add(1)
			}
			if out == nil {
				return r, nil
			}
			return r, json.Unmarshal(r.body, out)
		}
		if w.Context().Err() != nil {
			return r, w.Context().Err()
		}
		if r.status == http.StatusTooManyRequests && kind == "return" {
			w.wait(time.Second) // phrases are tried no faster than so many a second
			continue
		}
		if r.status == http.StatusTooManyRequests {
			return r, errTooMany
		}
		if ctx.Err() != nil { // gone before the answer came
			ctx = w.Context()
			continue
		}
		w.note(&w.refused, r)
		if r.status >= 400 && r.status < 500 || time.Now().After(giveUp) {
			return r, fmt.Errorf("%s, try %d: %s", kind, tries, r.outcome())
		}
		w.wait(pause)
		pause = min(2*pause, 250*time.Millisecond)
	}
}

func (w *crowd) note(list *[]reply, r reply) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.body = nil
	*list = append(*list, r)
}

// minor is somebody new, without a token yet.
func (w *crowd) minor() *person {
	return &person{face: victimPublic, base: w.stack.PublicURL, http: w.faces[victimPublic]}
}

// signIn begins a session of an account.
func (w *crowd) signIn(account string) (*person, error) {
	token, err := w.stack.Issuer.Token(w.Context(), account)
	if err != nil {
		return nil, err
	}
	p := &person{face: victimStaff, base: w.stack.StaffURL, http: w.faces[victimStaff], bearer: token}
	var me struct{ ID string }
	_, err = w.act("sign in", p, http.MethodGet, "/me", nil, &me)
	p.id = me.ID
	return p, err
}

// inspectOn reads the log as it grows, until all leave.
func (w *crowd) inspectOn() {
	inspector, err := w.signIn("gilles")
	for next := int64(0); err == nil && w.going(); w.wait(300 * time.Millisecond) {
		var page struct {
			Entries []struct {
				Seq  int64
				Hash string
			}
		}
		_, err = w.act("inspect", inspector, http.MethodGet, fmt.Sprintf("/log/entries?limit=500&from_seq=%d", next), nil, &page)
		w.mu.Lock()
		for _, e := range page.Entries {
			w.entries[e.Seq], next = e.Hash, e.Seq+1
		}
		w.mu.Unlock()
	}
	w.tell("the inspector", err)
}

// tell fails the test, unless it is over anyway.
func (w *crowd) tell(who string, err error) {
	if err != nil && w.Context().Err() == nil {
		w.Errorf("%s: %v", who, err)
	}
}
