// Package wire stands between two parts of the service and breaks: a relay that
// counts, around a toxiproxy that delays, slices, starves, resets and silences.
// Either end may be a unix socket, which toxiproxy itself does not speak.
package wire

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

func init() {
	// toxiproxy's toxics tell of each interruption, whatever logger they are given.
	zerolog.SetGlobalLevel(zerolog.Disabled)
}

// A Wire relays what connects to Address to its target.
type Wire struct {
	Name string

	t        testing.TB
	near     *relay // counts, and speaks what the caller speaks
	far      *relay // speaks what the target speaks
	accepted atomic.Int64
	proxy    atomic.Pointer[toxiproxy.Proxy] // between the two; another after each Mend
}

// New lays a wire to a target ("tcp" or "unix"). socket is the path of a unix
// socket to listen on; empty: a free port on loopback.
func New(t testing.TB, name, network, target, socket string) *Wire {
	t.Helper()
	w := &Wire{Name: name, t: t}
	w.far = newRelay(t, "tcp", "127.0.0.1:0", func() (net.Conn, error) {
		return net.DialTimeout(network, target, 5*time.Second)
	}, nil)
	w.renew()
	near, listen := "tcp", "127.0.0.1:0"
	if socket != "" {
		near, listen = "unix", socket
	}
	w.near = newRelay(t, near, listen, func() (net.Conn, error) {
		return net.DialTimeout("tcp", w.proxy.Load().Listen, 5*time.Second)
	}, &w.accepted)
	t.Cleanup(w.close)
	return w
}

// Address is where the wire begins: "host:port", or the path of a socket.
func (w *Wire) Address() string { return w.near.address() }

// Connections is how many connections have been tried so far, in vain or not.
func (w *Wire) Connections() int64 { return w.accepted.Load() }

// Poison adds a toxic to both directions.
func (w *Wire) Poison(kind string, attributes map[string]any) {
	w.t.Helper()
	for _, direction := range []string{"upstream", "downstream"} {
		w.poison(kind, direction, attributes)
	}
}

// PoisonAnswers adds a toxic to what comes back alone: what was asked arrives.
func (w *Wire) PoisonAnswers(kind string, attributes map[string]any) {
	w.t.Helper()
	w.poison(kind, "downstream", attributes)
}

func (w *Wire) poison(kind, direction string, attributes map[string]any) {
	w.t.Helper()
	text, err := json.Marshal(map[string]any{"type": kind, "stream": direction, "name": kind + " " + direction, "attributes": attributes})
	if err == nil {
		_, err = w.proxy.Load().Toxics.AddToxicJson(strings.NewReader(string(text)))
	}
	if err != nil {
		w.t.Fatalf("%s: %v", w.Name, err)
	}
}

// Cut breaks the wire: what is connected is reset, and nothing connects.
func (w *Wire) Cut() { w.proxy.Load().Stop() }

// Mend takes away whatever was done to the wire. Connections that lived through
// it are reset, as a network that comes back does with those it forgot. The
// proxy is replaced and not healed: taking a toxic away under traffic can lock
// toxiproxy up (it waits, under the lock that ending connections need).
func (w *Wire) Mend() {
	w.t.Helper()
	old := w.proxy.Load()
	w.renew()
	old.Stop()
}

func (w *Wire) renew() {
	w.t.Helper()
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	fresh := toxiproxy.NewProxy(server, w.Name, "127.0.0.1:0", w.far.address())
	if err := fresh.Start(); err != nil {
		w.t.Fatalf("%s: %v", w.Name, err)
	}
	w.proxy.Store(fresh)
}

func (w *Wire) close() {
	w.near.close()
	w.proxy.Load().Stop()
	w.far.close()
}

// A relay copies both ways between what it accepts and what it dials. When
// either side ends, so does the other.
type relay struct {
	listener net.Listener
	dial     func() (net.Conn, error)
	accepted *atomic.Int64
	behind   sync.WaitGroup

	mu   sync.Mutex
	open map[net.Conn]bool // nil when closed
}

func newRelay(t testing.TB, network, address string, dial func() (net.Conn, error), accepted *atomic.Int64) *relay {
	t.Helper()
	listener, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, dial: dial, accepted: accepted, open: map[net.Conn]bool{}}
	r.behind.Go(r.accept)
	return r
}

func (r *relay) address() string {
	if r.listener.Addr().Network() == "unix" {
		return filepath.Clean(r.listener.Addr().String())
	}
	return r.listener.Addr().String()
}

func (r *relay) accept() {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue
		}
		if r.accepted != nil {
			r.accepted.Add(1)
		}
		r.behind.Go(func() { r.carry(conn) })
	}
}

func (r *relay) carry(conn net.Conn) {
	defer r.drop(conn)
	if !r.keep(conn) {
		return
	}
	other, err := r.dial()
	if err != nil {
		return
	}
	defer r.drop(other)
	if !r.keep(other) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{conn, other}, {other, conn}} {
		both.Go(func() {
			_, err := io.Copy(way[0], way[1])
			if tcp, is := way[0].(*net.TCPConn); is && err != nil {
				_ = tcp.SetLinger(0) // a reset arrives as a reset
			}
			way[0].Close()
			way[1].Close()
		})
	}
	both.Wait()
}

func (r *relay) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		return false
	}
	r.open[conn] = true
	return true
}

func (r *relay) drop(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, conn)
}

func (r *relay) close() {
	r.listener.Close()
	r.mu.Lock()
	open := r.open
	r.open = nil
	for conn := range open {
		conn.Close()
	}
	r.mu.Unlock()
	r.behind.Wait()
}
