package main

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
)

// A pager receives notices on this machine and verifies each as any receiver would:
// with the library of Standard Webhooks.
type pager struct {
	stack.Pager
	verifier *standardwebhooks.Webhook
	server   *http.Server

	mu     sync.Mutex
	seen   map[string]bool // by webhook-id: deliveries repeat
	kinds  map[string]int
	faults []string
}

// newPager listens until it is closed.
func newPager() (*pager, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for notices: %w", err)
	}
	key := make([]byte, 32)
	rand.Read(key)
	p := &pager{seen: map[string]bool{}, kinds: map[string]int{}}
	p.URL, p.Secret = "http://"+ln.Addr().String()+"/notices", "whsec_"+base64.StdEncoding.EncodeToString(key)
	if p.verifier, err = standardwebhooks.NewWebhook(p.Secret); err != nil {
		return nil, errors.Join(fmt.Errorf("making a receiver of notices: %w", err), ln.Close())
	}
	p.server = &http.Server{Handler: p, ReadTimeout: 10 * time.Second}
	go p.server.Serve(ln) // ends with close
	return p, nil
}

func (p *pager) close() error { return p.server.Close() }

// ServeHTTP takes one notice.
func (p *pager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, 64<<10))
	if err == nil {
		err = p.verifier.Verify(body, r.Header)
	}
	kind := ""
	if err == nil {
		kind, err = checkNotice(body)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.faults = append(p.faults, err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if id := r.Header.Get("webhook-id"); !p.seen[id] {
		p.seen[id] = true
		p.kinds[kind]++
	}
	w.WriteHeader(http.StatusNoContent)
}

// checkNotice says of which kind a notice is, and refuses one that says more than a
// notice may.
func checkNotice(body []byte) (kind string, err error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(body, &fields); err != nil {
		return "", fmt.Errorf("a notice is no JSON: %w", err)
	}
	for field := range fields {
		if !slices.Contains([]string{"type", "id", "at", "roles", "unit"}, field) {
			return "", fmt.Errorf("a notice has a field %q", field)
		}
	}
	if err := json.Unmarshal(fields["type"], &kind); err != nil {
		return "", fmt.Errorf("a notice has no type: %w", err)
	}
	return kind, nil
}

// called says what came so far.
func (p *pager) called() (kinds map[string]int, faults []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.kinds), slices.Clone(p.faults)
}
