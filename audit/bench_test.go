package audit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/sceau-project/sceau/audit"
)

// madeLog is a log.jsonl of n leaves of about 400 bytes, of the kinds that a
// busy service writes, and its meta.json.
func madeLog(tb testing.TB, n int64) (log, meta []byte) {
	tb.Helper()
	const origin = "bench.example/1"
	head, at := audit.Genesis(origin), time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := audit.Meta{V: 1, Origin: origin, Prev: head, Count: n}
	var out bytes.Buffer
	for seq := range n {
		e := audit.Entry{
			V: 1, Seq: seq, At: at.Add(time.Duration(seq) * time.Millisecond), Prev: head, Via: audit.ViaStaff,
			Actor:   audit.Actor{ID: "s-1f3a5b7c9d0e1f2a", Person: "p-77c1a2b3c4d5e6f7", Role: "agent", Unit: "u-09", Session: "x-4d5e6f7a8b9c0d1e"},
			Action:  audit.ActionConversationJoined,
			Case:    "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11",
			Details: audit.Details{"head": "sha256:" + strings.Repeat("01", 32), "messages": seq % 40},
		}
		leaf, err := audit.Marshal(e)
		if err != nil {
			tb.Fatal(err)
		}
		head = audit.LeafHash(leaf)
		out.Write(leaf)
		out.WriteByte('\n')
	}
	m.Head = head
	return out.Bytes(), metaJSON(m)
}

func metaJSON(m audit.Meta) []byte {
	return fmt.Appendf(nil, `{"v":%d,"origin":"%s","first":%d,"prev":"%s","count":%d,"head":"%s"}`,
		m.V, m.Origin, m.First, m.Prev, m.Count, m.Head)
}

// BenchmarkVerify is the figure that an inspector waits for: whole exports, one
// core, strictness included. Target: 300,000 entries of 400 bytes a second.
func BenchmarkVerify(b *testing.B) {
	const n = 50_000
	log, meta := madeLog(b, n)
	export := fstest.MapFS{
		audit.LogFile: {Data: log}, audit.MetaFile: {Data: meta}, audit.OpeningsFile: {},
	}
	b.SetBytes(int64(len(log)))
	b.ReportAllocs()
	for b.Loop() {
		if r := audit.Verify(export, audit.Options{}); r.Damage != nil || r.Checked != n {
			b.Fatal(r.Damage)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(len(log))/n, "bytes/entry")
}

func BenchmarkMarshal(b *testing.B) {
	leaf := goodLeaves(b)[5]
	e, err := audit.Parse(leaf)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit.Marshal(e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	leaf := goodLeaves(b)[5]
	b.ReportAllocs()
	for b.Loop() {
		if _, err := audit.Parse(leaf); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkLeafHash(b *testing.B) {
	leaf := goodLeaves(b)[5]
	b.ReportAllocs()
	for b.Loop() {
		audit.LeafHash(leaf)
	}
}
