package faults_test

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

// The variables of the fault tests.
const (
	seedVariable    = "SCEAU_SEED"
	tortureVariable = "SCEAU_TORTURE"
	reportVariable  = "SCEAU_TORTURE_REPORT"
)

// A trial is one test's seed, how long it is to go on, and what it counted.
type trial struct {
	*testing.T
	seed  uint64
	rng   *rand.Rand // the test's own goroutine's
	began time.Time
	long  time.Duration // 0 in the short form
	*tally
}

// A tally is what a test counted.
type tally struct {
	mu     sync.Mutex
	counts map[string]int64
}

// begin reads the variables, and reports when the test ends. Trials wait for
// their faults more than they work, so they run beside one another.
func begin(t *testing.T) *trial {
	t.Helper()
	t.Parallel()
	r := &trial{T: t, seed: rand.Uint64() >> 1, began: time.Now(), tally: &tally{counts: map[string]int64{}}}
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
		r.long = d
	}
	r.rng = rand.New(rand.NewPCG(r.seed, 0))
	t.Logf("play it again with %s=%d", seedVariable, r.seed)
	t.Cleanup(r.report)
	return r
}

// random is a stream of choices of its own, for a goroutine.
func (r *trial) random(stream uint64) *rand.Rand { return rand.New(rand.NewPCG(r.seed, 1+stream)) }

// rounds calls once again and again: n times in the short form, in the long one
// until its time is up.
func (r *trial) rounds(n int, once func(round int)) {
	r.Helper()
	for i := 0; !r.Failed() && (i < n || time.Since(r.began) < r.long); i++ {
		once(i)
		r.count("rounds", 1)
	}
}

// anew is rounds for what breaks its servers for good: each round has a trial, and
// with it servers, of its own, which are gone when it ends.
func (r *trial) anew(once func(r *trial)) {
	r.Helper()
	r.rounds(1, func(i int) {
		r.Run(fmt.Sprint("round ", i), func(t *testing.T) {
			seed := r.seed + uint64(i)
			once(&trial{T: t, seed: seed, rng: rand.New(rand.NewPCG(seed, 0)), began: time.Now(), long: r.long, tally: r.tally})
		})
	})
}

// count adds to what the report tells.
func (r *tally) count(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] += n
}

// most keeps the largest value for the report.
func (r *tally) most(what string, n int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counts[what] = max(r.counts[what], n)
}

// report tells the outcome in one line, for people and for machines.
func (r *trial) report() {
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
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		r.Error(err)
		return
	}
	defer f.Close()
	if _, err := fmt.Fprintf(f, "%s\n", line); err != nil {
		r.Error(err)
	}
}

// wait lets time pass, or the test end.
func (r *trial) wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-r.Context().Done():
	}
}

// until tries until it succeeds or the time is up, at least once, and says how
// long that took.
func (r *trial) until(within time.Duration, try func() bool) (took time.Duration, ok bool) {
	began := time.Now()
	for !try() {
		if time.Since(began) > within || r.Context().Err() != nil {
			return time.Since(began), false
		}
		r.wait(20 * time.Millisecond)
	}
	return time.Since(began), true
}

// must ends the test on an error.
func (r *trial) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}
