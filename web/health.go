package web

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"time"
)

// notOfMinors are the dependencies that minors do not need: they have no
// account, and policy does not decide about what they write and read. While
// these are down the public face is ready all the same.
var notOfMinors = []string{"issuer", "policy"}

// Check asks whether a dependency would serve now. Names are what /readyz says
// is down: postgres, custodian, vault, issuer, policy, head.
type Check struct {
	Name string
	// Down returns what is down: nothing, Name itself, or the dependencies
	// behind it. It must honour its context.
	Down func(context.Context) []string
}

// readyAge is for how long an answer of /readyz is repeated: whoever asks in a
// loop must not load what may be struggling.
const readyAge = 500 * time.Millisecond

type readiness struct {
	checks []Check
	spared []string // names that do not count

	mu   sync.Mutex
	at   time.Time
	down []string
}

// ask runs the checks at once, each for at most two seconds.
func (r *readiness) ask(ctx context.Context) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.at.IsZero() && time.Since(r.at) < readyAge {
		return r.down
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	found := make([][]string, len(r.checks))
	var wait sync.WaitGroup
	for i, check := range r.checks {
		wait.Go(func() { found[i] = check.Down(ctx) })
	}
	wait.Wait()
	down := slices.DeleteFunc(slices.Concat(found...), func(name string) bool { return slices.Contains(r.spared, name) })
	slices.Sort(down)
	r.down, r.at = slices.Compact(down), time.Now()
	return r.down
}

// healthz says that the process lives, whatever it depends on.
func (f *face) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"live":true}` + "\n"))
}

// readyz says whether this face would serve requests, and if not, what is down.
func (f *face) readyz(w http.ResponseWriter, r *http.Request) {
	down := f.ready.ask(r.Context())
	w.Header().Set("Content-Type", "application/json")
	if len(down) > 0 {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	_ = json.NewEncoder(w).Encode(struct {
		Ready bool     `json:"ready"`
		Down  []string `json:"down,omitempty"`
	}{len(down) == 0, down})
}
