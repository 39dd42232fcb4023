package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
)

func entry() audit.Entry {
	return audit.Entry{
		V: 1, Seq: 7, At: time.Date(2026, 11, 20, 8, 0, 0, 1000, time.UTC), Via: audit.ViaStaff,
		Actor: audit.Actor{ID: "s-1"}, Action: audit.ActionLogRead,
	}
}

func TestMarshalRefusesWhatParseWould(t *testing.T) {
	for name, change := range map[string]func(*audit.Entry){
		"version":             func(e *audit.Entry) { e.V = 2 },
		"no version":          func(e *audit.Entry) { e.V = 0 },
		"negative seq":        func(e *audit.Entry) { e.Seq = -1 },
		"huge seq":            func(e *audit.Entry) { e.Seq = audit.MaxInt },
		"nanoseconds":         func(e *audit.Entry) { e.At = e.At.Add(1) },
		"year 10000":          func(e *audit.Entry) { e.At = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no via":              func(e *audit.Entry) { e.Via = "" },
		"unknown via":         func(e *audit.Entry) { e.Via = "root" },
		"no actor":            func(e *audit.Entry) { e.Actor.ID = "" },
		"actor with a name":   func(e *audit.Entry) { e.Actor.ID = "Jeanne Moreau" },
		"unit beyond ASCII":   func(e *audit.Entry) { e.Actor.Unit = "unité" },
		"quote in an id":      func(e *audit.Entry) { e.Actor.Person = `p"` },
		"long id":             func(e *audit.Entry) { e.Actor.Session = strings.Repeat("x", 257) },
		"no action":           func(e *audit.Entry) { e.Action = "" },
		"undotted action":     func(e *audit.Entry) { e.Action = "read" },
		"twice dotted action": func(e *audit.Entry) { e.Action = "log.read.twice" },
		"capital action":      func(e *audit.Entry) { e.Action = "Log.read" },
		"upper-case case":     func(e *audit.Entry) { e.Case = strings.ToUpper(caseA) },
		"case without dashes": func(e *audit.Entry) { e.Case = strings.ReplaceAll(caseA, "-", "0") },
		"newline in subject":  func(e *audit.Entry) { e.Subject.ID = "a\nb" },
		"sentence as ground":  func(e *audit.Entry) { e.Ground = "he said so" },
		"empty decision":      func(e *audit.Entry) { e.Decision = &audit.Decision{} },
		"input not committed": func(e *audit.Entry) { e.Decision = &audit.Decision{Input: "{}"} },
		"engine with a space": func(e *audit.Entry) { e.Decision = &audit.Decision{Engine: "opa 1"} },
		"float":               func(e *audit.Entry) { e.Details = audit.Details{"x": 1.5} },
		"int":                 func(e *audit.Entry) { e.Details = audit.Details{"x": 1} },
		"null":                func(e *audit.Entry) { e.Details = audit.Details{"x": nil} },
		"list":                func(e *audit.Entry) { e.Details = audit.Details{"x": []string{"y"}} },
		"nested":              func(e *audit.Entry) { e.Details = audit.Details{"x": audit.Details{"y": "z"}} },
		"2^53":                func(e *audit.Entry) { e.Details = audit.Details{"x": audit.MaxInt} },
		"-2^53":               func(e *audit.Entry) { e.Details = audit.Details{"x": -audit.MaxInt} },
		"smallest":            func(e *audit.Entry) { e.Details = audit.Details{"x": int64(math.MinInt64)} },
		"not UTF-8":           func(e *audit.Entry) { e.Details = audit.Details{"x": "\xff"} },
		"capital key":         func(e *audit.Entry) { e.Details = audit.Details{"X": "y"} },
		"empty key":           func(e *audit.Entry) { e.Details = audit.Details{"": "y"} },
		"dotted key":          func(e *audit.Entry) { e.Details = audit.Details{"x.y": "z"} },
		"commitment in clear": func(e *audit.Entry) { e.Commitments = audit.Commitments{"x": "in clear"} },
		"commitment unpadded": func(e *audit.Entry) {
			e.Commitments = audit.Commitments{"x": strings.TrimRight(audit.Hash{}.String(), "=")}
		},
		"commitment, loose bit": func(e *audit.Entry) { e.Commitments = audit.Commitments{"x": strings.Repeat("A", 42) + "B="} },
	} {
		t.Run(name, func(t *testing.T) {
			e := entry()
			change(&e)
			if leaf, err := audit.Marshal(e); err == nil {
				t.Fatalf("wrote %s", leaf)
			}
		})
	}
	if _, err := audit.Marshal(entry()); err != nil {
		t.Fatal(err)
	}
}

func TestLongestLeaf(t *testing.T) {
	e := entry()
	e.Details = audit.Details{"x": ""}
	leaf, err := audit.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	e.Details["x"] = strings.Repeat("a", audit.MaxLeaf-len(leaf))
	longest, err := audit.Marshal(e)
	if err != nil || len(longest) != audit.MaxLeaf {
		t.Fatalf("%d bytes: %v", len(longest), err)
	}
	if _, err := audit.Parse(longest); err != nil {
		t.Fatal(err)
	}
	e.Details["x"] = e.Details["x"].(string) + "a"
	if _, err := audit.Marshal(e); !errors.Is(err, audit.ErrTooLong) {
		t.Fatalf("one byte more: %v", err)
	}
	if _, err := audit.Parse(bytes.Replace(longest, []byte("aa"), []byte("aaa"), 1)); !errors.Is(err, audit.ErrTooLong) {
		t.Fatalf("one byte more: %v", err)
	}
}

func drawEntry(t *rapid.T) audit.Entry {
	id := rapid.StringMatching(`[!#-\[\]-~]{1,20}`)
	maybe := rapid.OneOf(rapid.Just(""), id)
	key := rapid.StringMatching(`[a-z][a-z0-9_]{0,8}`)
	hash := rapid.Custom(func(t *rapid.T) audit.Hash {
		return audit.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
	})
	e := audit.Entry{
		V: 1, Seq: rapid.Int64Range(0, audit.MaxInt-1).Draw(t, "seq"),
		At:      time.UnixMicro(rapid.Int64Range(-62167219200e6, 253402300799e6).Draw(t, "at")).UTC(),
		Prev:    hash.Draw(t, "prev"),
		Via:     rapid.SampledFrom([]audit.Via{"public", "staff", "custodian", "publisher", "operator"}).Draw(t, "via"),
		Actor:   audit.Actor{ID: id.Draw(t, "id"), Person: maybe.Draw(t, "person"), Role: maybe.Draw(t, "role"), Unit: maybe.Draw(t, "unit"), Session: maybe.Draw(t, "session")},
		Action:  audit.Action(key.Draw(t, "noun") + "." + key.Draw(t, "verb")),
		Case:    rapid.SampledFrom([]string{"", caseA, caseB}).Draw(t, "case"),
		Subject: audit.Subject{Type: maybe.Draw(t, "type"), ID: maybe.Draw(t, "subject")},
		Ground:  maybe.Draw(t, "ground"),
	}
	if d := (audit.Decision{ID: maybe.Draw(t, "decision"), Path: maybe.Draw(t, "path"), Policy: maybe.Draw(t, "policy"), Engine: maybe.Draw(t, "engine"), Result: maybe.Draw(t, "result")}); d != (audit.Decision{}) {
		if rapid.Bool().Draw(t, "has input") {
			d.Input = hash.Draw(t, "input").String()
		}
		e.Decision = &d
	}
	value := rapid.Custom(func(t *rapid.T) any {
		switch rapid.IntRange(0, 2).Draw(t, "kind") {
		case 0:
			return rapid.Bool().Draw(t, "bool")
		case 1:
			return rapid.Int64Range(-audit.MaxInt+1, audit.MaxInt-1).Draw(t, "int")
		}
		return rapid.OneOf(rapid.String(), rapid.StringOf(rapid.RuneFrom([]rune("\x00\b\t\n\f\r\x1f\x7f\"\\/<>&\u2027\u2028\u2029\u202a\ufffd\U0001f512")))).Draw(t, "text")
	})
	if d := rapid.MapOfN(key, value, 0, 5).Draw(t, "details"); len(d) > 0 {
		e.Details = d
	}
	commitment := rapid.Map(hash, audit.Hash.String)
	if c := rapid.MapOfN(key, commitment, 0, 3).Draw(t, "commitments"); len(c) > 0 {
		e.Commitments = c
	}
	return e
}

func TestEntriesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		e := drawEntry(t)
		leaf, err := audit.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.ContainsAny(leaf, "\n\r") {
			t.Fatalf("not one line: %q", leaf)
		}
		got, err := audit.Parse(leaf)
		if err != nil {
			t.Fatalf("%s: %v", leaf, err)
		}
		if diff := cmp.Diff(e, got); diff != "" {
			t.Fatalf("%s\n%s", leaf, diff)
		}
	})
}

func TestTimes(t *testing.T) {
	for text, ok := range map[string]bool{
		"2026-11-20T08:00:00.000000Z":      true,
		"0000-01-01T00:00:00.000000Z":      true,
		"9999-12-31T23:59:59.999999Z":      true,
		"2024-02-29T00:00:00.000000Z":      true,
		"2000-02-29T00:00:00.000000Z":      true,
		"2026-02-29T00:00:00.000000Z":      false,
		"1900-02-29T00:00:00.000000Z":      false,
		"2026-04-31T00:00:00.000000Z":      false,
		"2026-13-01T00:00:00.000000Z":      false,
		"2026-00-01T00:00:00.000000Z":      false,
		"2026-01-00T00:00:00.000000Z":      false,
		"2026-11-20T24:00:00.000000Z":      false,
		"2026-11-20T08:60:00.000000Z":      false,
		"2016-12-31T23:59:60.000000Z":      false,
		"2026-11-20T08:00:00Z":             false,
		"2026-11-20T08:00:00.000Z":         false,
		"2026-11-20T08:00:00.000000000Z":   false,
		"2026-11-20T08:00:00,000000Z":      false,
		"2026-11-20t08:00:00.000000z":      false,
		"2026-11-20 08:00:00.000000Z":      false,
		"2026-11-20T08:00:00.000000+00:00": false,
		"+026-11-20T08:00:00.000000Z":      false,
	} {
		at, err := audit.ParseTime(text)
		if ok != (err == nil) {
			t.Errorf("ParseTime(%s): %v", text, err)
		}
		if ok && audit.FormatTime(at) != text {
			t.Errorf("%s became %s", text, audit.FormatTime(at))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.UnixMicro(rapid.Int64Range(-62167219200e6, 253402300799e6).Draw(t, "at"))
		got, err := audit.ParseTime(audit.FormatTime(at))
		if err != nil || !got.Equal(at) {
			t.Fatalf("%v became %v: %v", at, got, err)
		}
	})
}

func TestHashes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := audit.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash"))
		got, err := audit.ParseHash(h.String())
		if err != nil || got != h {
			t.Fatalf("%s became %s: %v", h, got, err)
		}
	})
	zero := audit.Hash{}.String()
	for _, bad := range []string{"", zero[:43], zero + "=", zero[1:] + "A", zero[:42] + "B=", zero[:42] + "-=", " " + zero[1:], zero[:20] + "\n" + zero[20:]} {
		if _, err := audit.ParseHash(bad); err == nil {
			t.Errorf("ParseHash(%q) accepted", bad)
		}
	}
}

func ExampleChain() {
	log := audit.NewChain("log.example.org/2026")
	leaf, err := audit.Marshal(audit.Entry{
		V: 1, Seq: log.Seq, Prev: log.Head, At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
		Via: audit.ViaOperator, Actor: audit.Actor{ID: "operator"}, Action: audit.ActionLogExported,
	})
	if err != nil {
		panic(err)
	}
	if _, err := log.Next(leaf); err != nil {
		panic(err)
	}
	_, err = log.Next(leaf) // the same again
	fmt.Println(err)
	// Output: seq 1: seq: the entry here says seq 0
}
