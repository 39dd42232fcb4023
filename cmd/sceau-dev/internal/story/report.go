package story

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Check is one thing that was tried, and whether it ended as it should.
type Check struct {
	What string // what was tried, by whom
	Got  string // the code of the refusal, or what came out
	Want string // the codes that were expected, when Got is another
	OK   bool
}

func (c Check) String() string {
	if c.OK {
		return fmt.Sprintf("✓ %s → %s", c.What, c.Got)
	}
	return fmt.Sprintf("✗ %s → %s, expected %s", c.What, c.Got, c.Want)
}

// report collects the checks of a run, or of one scene of it.
type report struct {
	over    func() bool // the story was interrupted: what fails now proves nothing
	on      func(Check)
	chapter func(title string)
	mu      sync.Mutex
	passed  int
	failed  []Check
	checks  []Check // of a scene
}

// scene is a report that waits until it is told.
func (r *report) scene() *report {
	own := &report{over: r.over}
	own.on = func(c Check) { own.checks = append(own.checks, c) } // under own.mu
	return own
}

// tell adds a scene's checks to the run's, one after the other.
func (r *report) tell(title string, scene *report) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.chapter != nil && len(scene.checks) > 0 {
		r.chapter(title)
	}
	for _, c := range scene.checks {
		r.note(c)
	}
}

func (r *report) add(c Check) {
	if r.over() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.note(c)
}

// note counts a check, r.mu being held.
func (r *report) note(c Check) {
	if c.OK {
		r.passed++
	} else {
		r.failed = append(r.failed, c)
	}
	if r.on != nil {
		r.on(c)
	}
}

// refused checks that err is a refusal with one of the codes: as the problem's
// own code or among the reasons of policy.
func (r *report) refused(what string, err error, codes ...string) {
	c := Check{What: what, Want: "a refusal with " + strings.Join(codes, " or ")}
	var p *Problem
	switch {
	case err == nil:
		c.Got = "it worked"
	case !errors.As(err, &p):
		c.Got = err.Error()
	default:
		c.Got = p.codes()
		c.OK = slices.ContainsFunc(codes, p.has)
	}
	r.add(c)
}

// held checks that something worked, and says what came out.
func (r *report) held(what string, err error, got string) {
	c := Check{What: what, Got: got, Want: "success", OK: err == nil}
	if err != nil {
		c.Got = err.Error()
	}
	r.add(c)
}
