package audit_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sceau-project/sceau/audit"
)

const (
	testOrigin = "log.example.test/built"
	caseA      = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"
	caseB      = "00000000-0000-4000-8000-00000000000b"
)

// builtLog makes logs that hold, for tests to damage.
type builtLog struct {
	t        testing.TB
	meta     audit.Meta
	leaves   [][]byte
	openings []audit.Opening
	extra    fstest.MapFS
}

func build(t testing.TB) *builtLog {
	prev := audit.Genesis(testOrigin)
	return &builtLog{t: t, meta: audit.Meta{V: 1, Origin: testOrigin, Prev: prev, Head: prev}, extra: fstest.MapFS{}}
}

// add chains e behind the rest and returns its hash.
func (b *builtLog) add(e audit.Entry) audit.Hash {
	b.t.Helper()
	e.V, e.Seq, e.Prev = 1, b.meta.First+b.meta.Count, b.meta.Head
	e.At = time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC).Add(time.Duration(e.Seq) * time.Second)
	if e.Actor.ID == "" {
		e.Actor.ID = string(e.Via)
	}
	leaf, err := audit.Marshal(e)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.raw(leaf)
}

// raw chains a leaf that Marshal would not write.
func (b *builtLog) raw(leaf []byte) audit.Hash {
	b.leaves = append(b.leaves, leaf)
	b.meta.Count++
	b.meta.Head = audit.LeafHash(leaf)
	return b.meta.Head
}

func (b *builtLog) act(via audit.Via, action audit.Action) audit.Hash {
	b.t.Helper()
	return b.add(audit.Entry{Via: via, Action: action})
}

func (b *builtLog) fs() fstest.MapFS {
	b.t.Helper()
	log := bytes.Join(b.leaves, []byte("\n"))
	if len(log) > 0 {
		log = append(log, '\n')
	}
	var openings bytes.Buffer
	for _, o := range b.openings {
		enc := json.NewEncoder(&openings)
		enc.SetEscapeHTML(false)
		if err := enc.Encode(struct {
			Seq   int64  `json:"seq"`
			Field string `json:"field"`
			Case  string `json:"case"`
			Salt  []byte `json:"salt"`
			Value string `json:"value"`
		}{o.Seq, o.Field, o.Case, o.Salt, string(o.Value)}); err != nil {
			b.t.Fatal(err)
		}
	}
	files := fstest.MapFS{
		audit.LogFile: {Data: log}, audit.MetaFile: {Data: metaJSON(b.meta)}, audit.OpeningsFile: {Data: openings.Bytes()},
	}
	for name, file := range b.extra {
		files[name] = file
	}
	return files
}

func (b *builtLog) verify(known ...audit.Known) *audit.Report {
	b.t.Helper()
	return audit.Verify(b.fs(), audit.Options{Known: known})
}

// wantDamage fails unless the report says this and nothing else.
func wantDamage(t *testing.T, r *audit.Report, seq int64, code audit.Code) {
	t.Helper()
	if r.Damage == nil {
		t.Fatalf("holds, want damage %s at seq %d", code, seq)
	}
	if r.Damage.Seq != seq || r.Damage.Code != code {
		t.Fatalf("%v, want damage %s at seq %d", r.Damage, code, seq)
	}
}

func wantHolds(t *testing.T, r *audit.Report) {
	t.Helper()
	if r.Damage != nil {
		t.Fatal(r.Damage)
	}
	if r.Checked != r.Meta.Count {
		t.Fatalf("%d of %d entries checked", r.Checked, r.Meta.Count)
	}
}
