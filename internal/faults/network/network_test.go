package network

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/faults/trial"
	"github.com/sceau-project/sceau/internal/faults/wire"
	"github.com/sceau-project/sceau/internal/rig"
)

// faults are what a network does to a connection.
var faults = []struct {
	name string
	on   func(*wire.Wire)
}{
	{"late", func(w *wire.Wire) { w.Poison("latency", map[string]any{"latency": 300, "jitter": 150}) }},
	{"slow", func(w *wire.Wire) {
		w.PoisonAnswers("slicer", map[string]any{"average_size": 64, "size_variation": 32, "delay": 2000}) // bytes, µs
	}},
	{"reset", func(w *wire.Wire) { w.Poison("reset_peer", map[string]any{"timeout": 0}) }},
	{"reset answers", func(w *wire.Wire) { w.PoisonAnswers("reset_peer", map[string]any{"timeout": 0}) }},
	{"half open", func(w *wire.Wire) { w.Poison("timeout", map[string]any{"timeout": 0}) }},
	{"silent answers", func(w *wire.Wire) { w.PoisonAnswers("timeout", map[string]any{"timeout": 0}) }},
	{"cut", (*wire.Wire).Cut},
}

// A grid is the service with a wire between every pair.
type grid struct {
	*rig.Rig
	wires []*wire.Wire
	dice  *rand.Rand
	crowd *crowd
}

func newGrid(t *trial.Trial) *grid {
	t.Helper()
	g := &grid{dice: t.Dice}
	lay := func(name, network, target, socket string) string {
		w := wire.New(t, name, network, target, socket)
		g.wires = append(g.wires, w)
		return w.Address()
	}
	g.Rig = rig.Start(t, rig.Config{
		Database: func(process, text string) string {
			if process == "operator" || process == "owner" {
				return text // of commands, which do not run here
			}
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			query := u.Query()
			socket := filepath.Join(query.Get("host"), ".s.PGSQL.5432")
			query.Del("host")
			u.Host, u.RawQuery = lay(process+"–postgres", "unix", socket, ""), query.Encode()
			return u.String()
		},
		Vault: func(address string) string {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			u.Host = lay("custodian–vault", "tcp", u.Host, "")
			return u.String()
		},
		Socket: func(face, socket string) string {
			return lay(face+"–custodian", "unix", socket, filepath.Join(filepath.Dir(filepath.Dir(socket)), face+".sock"))
		},
	})
	return g
}

// TestEveryWire breaks wires while people use the service. Every request has an
// answer in time, and it is a plain one; what was acknowledged is there, once;
// while a wire is down nobody hammers it; ten seconds after it is whole
// everything is served again; and nothing is left waiting in any process.
func TestEveryWire(t *testing.T) {
	t.Parallel()
	r := trial.Begin(t)
	g := newGrid(r)
	g.crowd = newCrowd(g)
	g.crowd.try(g.crowd.limit()) // everything was used once: what follows is compared with this
	before := g.census()

	g.crowd.come()
	r.Rounds(func() {
		// Each fault and each wire has its turn in every round; the dice say where.
		wires := append(g.dice.Perm(len(g.wires)), g.dice.IntN(len(g.wires)))
		for i, f := range g.dice.Perm(len(faults)) {
			if g.suffer(g.wires[wires[i]], f); t.Failed() {
				return
			}
		}
	})
	g.crowd.leave()
	g.crowd.check()
	g.settled(before)
	r.Count("requests", g.crowd.sent.Load())
	r.Count("refused", g.crowd.refused.Load())
	r.Count("releases", g.crowd.released.Load())
	r.Count("slowest_ms", g.crowd.slowest.Load()/int64(time.Millisecond))
}

// storm is how often a second a process may try a wire that is down while nobody
// asks it for anything: listeners, sweepers, pools and renewals come back by
// themselves.
const storm = 15

// suffer puts one fault on one wire for a while.
func (g *grid) suffer(w *wire.Wire, f int) {
	g.Helper()
	fault := faults[f]
	fault.on(w)
	time.Sleep(time.Duration(400+g.dice.IntN(1200)) * time.Millisecond)
	if fault.name == "cut" || fault.name == "reset" {
		g.crowd.hold()
		from, at := w.Connections(), time.Now()
		time.Sleep(1500 * time.Millisecond)
		if rate := float64(w.Connections()-from) / time.Since(at).Seconds(); rate > storm {
			g.Errorf("%s, %s: %.0f connections a second are tried although nobody asks for anything", w.Name, fault.name, rate)
		}
		g.crowd.goOn()
	}
	w.Mend()
	mended := time.Now()
	g.crowd.try(mended.Add(rig.Recovery))
	g.Logf("%-20s %-14s everything served %4d ms after", w.Name, fault.name, time.Since(mended).Milliseconds())
}

// census counts what could leak, by process.
func (g *grid) census() map[string]int {
	g.Helper()
	count := map[string]int{}
	for _, face := range []string{rig.Public, rig.Staff} {
		count[face+" goroutines"] = int(g.Metric(face, "go_goroutines"))
	}
	for _, process := range []string{rig.Public, rig.Staff, rig.Custodian} {
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.Process(process).PID()))
		if err != nil {
			g.Logf("not root, or another system: open files are not counted: %v", err)
			continue
		}
		count[process+" files"] = len(files)
	}
	return count
}

// spare is by how much a process may have grown: connections that its pools
// keep, and what serves them.
const spare = 60

// settled waits until what the faults left has ended.
func (g *grid) settled(before map[string]int) {
	g.Helper()
	var after map[string]int
	defer func() { g.Logf("before: %v, after: %v", before, after) }()
	g.Eventually(20*time.Second, "nothing is left waiting", func() bool {
		after = g.census()
		for what, n := range after {
			if n > before[what]+spare {
				return false
			}
		}
		return true
	})
}
