package audit_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/audit"
)

func salt(n byte) []byte { return bytes.Repeat([]byte{n}, audit.SaltSize) }

// withOpenings is a log of three entries: 0 and 2 commit to values, all opened
// but the narrative, which is sealed elsewhere.
func withOpenings(t *testing.T) *builtLog {
	b := build(t)
	input, result := []byte(`{"ground":"imminent_danger"}`), []byte("line\nbreak \u2028 é <&>")
	b.add(audit.Entry{
		Via: audit.ViaStaff, Action: audit.ActionEscalationRequested, Case: caseA,
		Decision: &audit.Decision{Input: audit.Commit(salt(1), "input", caseA, input), Result: audit.ResultAllow},
		Commitments: audit.Commitments{
			"narrative": audit.Commit(salt(2), "narrative", caseA, []byte("never shown")),
			"result":    audit.Commit(salt(3), "result", caseA, result),
		},
	})
	b.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	b.add(audit.Entry{
		Via: audit.ViaStaff, Action: audit.ActionLogRead,
		Commitments: audit.Commitments{"filter": audit.Commit(salt(4), "filter", "", []byte("last night"))},
	})
	b.openings = []audit.Opening{
		{Seq: 0, Field: "input", Case: caseA, Salt: salt(1), Value: input},
		{Seq: 0, Field: "result", Case: caseA, Salt: salt(3), Value: result},
		{Seq: 2, Field: "filter", Salt: salt(4), Value: []byte("last night")},
	}
	return b
}

func TestOpenings(t *testing.T) {
	r := withOpenings(t).verify()
	wantHolds(t, r)
	if r.Committed != 4 || r.Opened != 3 {
		t.Errorf("%d committed, %d opened, want 4 and 3", r.Committed, r.Opened)
	}
}

func TestErasedOpeningsLeaveTheChainWhole(t *testing.T) {
	b := withOpenings(t)
	b.openings = b.openings[2:]
	r := b.verify()
	wantHolds(t, r)
	if r.Committed != 4 || r.Opened != 1 {
		t.Errorf("%d committed, %d opened, want 4 and 1", r.Committed, r.Opened)
	}
}

func TestFalseOpenings(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(o []audit.Opening) []audit.Opening
		seq   int64
	}{
		"another value":         {func(o []audit.Opening) []audit.Opening { o[0].Value = []byte(`{"ground":"consent"}`); return o }, 0},
		"another salt":          {func(o []audit.Opening) []audit.Opening { o[2].Salt = salt(9); return o }, 2},
		"another case":          {func(o []audit.Opening) []audit.Opening { o[0].Case = caseB; return o }, 0},
		"without the case":      {func(o []audit.Opening) []audit.Opening { o[0].Case = ""; return o }, 0},
		"with a case":           {func(o []audit.Opening) []audit.Opening { o[2].Case = caseA; return o }, 2},
		"field never committed": {func(o []audit.Opening) []audit.Opening { o[2].Field = "reason"; return o }, 2},
		"fields swapped": {func(o []audit.Opening) []audit.Opening {
			o[0].Value, o[1].Value, o[0].Salt, o[1].Salt = o[1].Value, o[0].Value, o[1].Salt, o[0].Salt
			return o
		}, 0},
		"of an entry without commitments": {func(o []audit.Opening) []audit.Opening { o[2].Seq = 1; return o }, 1},
		"unsorted entries":                {func(o []audit.Opening) []audit.Opening { return []audit.Opening{o[2], o[0]} }, 0},
		"unsorted fields":                 {func(o []audit.Opening) []audit.Opening { return []audit.Opening{o[1], o[0]} }, 0},
		"twice":                           {func(o []audit.Opening) []audit.Opening { return []audit.Opening{o[0], o[0]} }, 0},
		"after the last entry":            {func(o []audit.Opening) []audit.Opening { o[2].Seq = 3; return o }, 3},
		"short salt":                      {func(o []audit.Opening) []audit.Opening { o[0].Salt = salt(1)[1:]; return o }, audit.NoSeq},
	} {
		t.Run(name, func(t *testing.T) {
			b := withOpenings(t)
			b.openings = c.alter(b.openings)
			wantDamage(t, b.verify(), c.seq, audit.CodeOpening)
		})
	}
}

func TestOpeningBeforeTheFirstEntry(t *testing.T) {
	b := build(t)
	b.meta.First = 5
	b.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	b.openings = []audit.Opening{{Seq: 4, Field: "input", Salt: salt(1)}}
	wantDamage(t, b.verify(), 4, audit.CodeOpening)
}

func TestOpeningLinesAreStrict(t *testing.T) {
	s := `"salt":"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="`
	for name, line := range map[string]string{
		"empty line":      "\n",
		"no newline":      `{"seq":0,"field":"input","case":"",` + s + `,"value":""}`,
		"order":           `{"field":"input","seq":0,"case":"",` + s + `,"value":""}` + "\n",
		"space":           `{"seq": 0,"field":"input","case":"",` + s + `,"value":""}` + "\n",
		"no case":         `{"seq":0,"field":"input",` + s + `,"value":""}` + "\n",
		"upper-case case": `{"seq":0,"field":"input","case":"5F0F9B1E-6A64-4C56-9A42-0D8F3F2F6F11",` + s + `,"value":""}` + "\n",
		"number value":    `{"seq":0,"field":"input","case":"",` + s + `,"value":7}` + "\n",
		"more":            `{"seq":0,"field":"input","case":"",` + s + `,"value":"","value":""}` + "\n",
		"negative":        `{"seq":-1,"field":"input","case":"",` + s + `,"value":""}` + "\n",
		"field":           `{"seq":0,"field":"in put","case":"",` + s + `,"value":""}` + "\n",
		"UTF-8":           `{"seq":0,"field":"input","case":"",` + s + `,"value":"` + "\xff" + `"}` + "\n",
		"too long":        `{"seq":0,"field":"input","case":"",` + s + `,"value":"` + strings.Repeat("a", audit.MaxOpening) + `"}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			b := withOpenings(t)
			files := b.fs()
			files[audit.OpeningsFile] = &fstest.MapFile{Data: []byte(line)}
			wantDamage(t, audit.Verify(files, audit.Options{}), audit.NoSeq, audit.CodeOpening)
		})
	}
}

func TestOpeningAgainstOneLeaf(t *testing.T) {
	b := withOpenings(t)
	for _, o := range b.openings {
		if err := o.Verify(b.leaves[o.Seq]); err != nil {
			t.Error(err)
		}
		if err := o.Verify(b.leaves[1]); err == nil {
			t.Errorf("opening %q of entry %d opens entry 1", o.Field, o.Seq)
		}
		o.Value = append(o.Value, ' ')
		if err := o.Verify(b.leaves[o.Seq]); err == nil {
			t.Errorf("opening %q of entry %d opens with another value", o.Field, o.Seq)
		}
	}
}

// The text that is hashed keeps its parts apart: no field, case or value can
// pose as another.
func TestCommitmentsKeepTheirPartsApart(t *testing.T) {
	seen := map[string]string{}
	for _, c := range []struct{ field, caseID, value string }{
		{"a", "", "b"}, {"a", "b", ""}, {"ab", "", ""}, {"", "a", "b"}, {"", "", "a\nb"}, {"a", "", ""}, {"", "a", ""}, {"", "", "a"},
	} {
		got := audit.Commit(salt(1), c.field, c.caseID, []byte(c.value))
		if other, ok := seen[got]; ok {
			t.Errorf("%q and %s share a commitment", c, other)
		}
		seen[got] = fmt.Sprintf("%q", c)
		if got == audit.Commit(salt(2), c.field, c.caseID, []byte(c.value)) {
			t.Errorf("%q: the salt changes nothing", c)
		}
	}
}
