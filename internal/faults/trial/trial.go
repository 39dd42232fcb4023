// Package trial is what tests that break things on purpose have in common: a seed
// that plays their choices again, how long they go on, and a line of report.
//
// SCEAU_SEED plays the choices of an earlier run again; SCEAU_TORTURE ("10m") is
// the long form, in which a test goes on for so long; with SCEAU_TORTURE_REPORT
// set to a file, each test adds a line of JSON to it.
package trial

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"
)

// The variables.
const (
	seedVariable    = "SCEAU_SEED"
	tortureVariable = "SCEAU_TORTURE"
	reportVariable  = "SCEAU_TORTURE_REPORT"
)

// A Trial is one test's dice, how long it is to go on, and what it counted.
type Trial struct {
	*testing.T
	Dice *rand.Rand    // the test's own goroutine's
	Long time.Duration // 0 in the short form

	seed  uint64
	began time.Time

	mu     sync.Mutex
	counts map[string]int64
}

// Begin reads the variables, and reports when the test ends.
func Begin(t *testing.T) *Trial {
	t.Helper()
	r := &Trial{T: t, seed: rand.Uint64() >> 1, began: time.Now(), counts: map[string]int64{}}
	if text := os.Getenv(seedVariable); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", seedVariable, err)
		}
		r.seed = n
	}
	if text := os.Getenv(tortureVariable); text != "" {
		d, err := time.ParseDuration(text)
		if err != nil {
			t.Fatalf("%s: %v", tortureVariable, err)
		}
		r.Long = d
	}
	r.Dice = rand.New(rand.NewPCG(r.seed, 0)) //nolint:gosec // to be repeated, not to be secret
	t.Logf("play it again with %s=%d", seedVariable, r.seed)
	t.Cleanup(r.report)
	return r
}

// Rounds calls once a first time, and in the long form again and again until the
// time is up. A round in which the test failed is the last.
func (r *Trial) Rounds(once func()) {
	r.Helper()
	for first := true; !r.Failed() && (first || time.Since(r.began) < r.Long); first = false {
		once()
		r.Count("rounds", 1)
	}
}

// Count adds to what the report tells.
func (r *Trial) Count(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

// Most keeps the largest value for the report.
func (r *Trial) Most(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] = max(r.counts[what], n)
}

// report tells the outcome in one line, for people and for machines.
func (r *Trial) report() {
	outcome := "passed"
	switch {
	case r.Failed():
		outcome = "failed"
	case r.Skipped():
		outcome = "skipped"
	}
	line, err := json.Marshal(struct {
		Test    string           `json:"test"`
		Outcome string           `json:"outcome"`
		Seed    uint64           `json:"seed"`
		Seconds float64          `json:"seconds"`
		Long    string           `json:"long,omitempty"`
		Counts  map[string]int64 `json:"counts"`
	}{r.Name(), outcome, r.seed, float64(time.Since(r.began).Milliseconds()) / 1000, os.Getenv(tortureVariable), r.counts})
	if err != nil {
		r.Error(err)
		return
	}
	r.Logf("torture %s", line)
	path := os.Getenv(reportVariable)
	if path == "" {
		return
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644) //nolint:gosec // a report to be read
	if err != nil {
		r.Error(err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n", line); err != nil {
		r.Error(err)
	}
}
