package audit_test

import (
	"bytes"
	"errors"
	"io/fs"
	"runtime"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
)

func threeEntries(t testing.TB) *builtLog {
	b := build(t)
	for range 3 {
		b.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	}
	return b
}

func TestEmptyLogHolds(t *testing.T) { wantHolds(t, build(t).verify()) }

func TestDamagedFiles(t *testing.T) {
	replace := func(name string, edit func(string) string) func(fstest.MapFS) {
		return func(files fstest.MapFS) {
			files[name] = &fstest.MapFile{Data: []byte(edit(string(files[name].Data)))}
		}
	}
	cut := func(old, replacement string) func(string) string {
		return func(s string) string { return strings.Replace(s, old, replacement, 1) }
	}
	for name, c := range map[string]struct {
		alter func(fstest.MapFS)
		seq   int64
		code  audit.Code
	}{
		"no meta":             {func(f fstest.MapFS) { delete(f, audit.MetaFile) }, audit.NoSeq, audit.CodeUnreadable},
		"no log":              {func(f fstest.MapFS) { delete(f, audit.LogFile) }, 0, audit.CodeUnreadable},
		"no openings":         {func(f fstest.MapFS) { delete(f, audit.OpeningsFile) }, audit.NoSeq, audit.CodeUnreadable},
		"log is a pipe":       {func(f fstest.MapFS) { f[audit.LogFile].Mode = fs.ModeNamedPipe }, 0, audit.CodeUnreadable},
		"bundles is a file":   {func(f fstest.MapFS) { f[audit.BundlesDir] = &fstest.MapFile{} }, audit.NoSeq, audit.CodeUnreadable},
		"meta: more keys":     {replace(audit.MetaFile, cut(`{"v":1`, `{"w":1,"v":1`)), audit.NoSeq, audit.CodeMeta},
		"meta: key twice":     {replace(audit.MetaFile, cut(`{"v":1`, `{"v":1,"v":1`)), audit.NoSeq, audit.CodeMeta},
		"meta: other case":    {replace(audit.MetaFile, cut(`"count"`, `"Count"`)), audit.NoSeq, audit.CodeMeta},
		"meta: version":       {replace(audit.MetaFile, cut(`"v":1`, `"v":2`)), audit.NoSeq, audit.CodeMeta},
		"meta: origin":        {replace(audit.MetaFile, cut(testOrigin, testOrigin+"x")), audit.NoSeq, audit.CodeMeta},
		"meta: negative":      {replace(audit.MetaFile, cut(`"count":3`, `"count":-3`)), audit.NoSeq, audit.CodeMeta},
		"meta: huge":          {replace(audit.MetaFile, cut(`"count":3`, `"count":9007199254740992`)), audit.NoSeq, audit.CodeMeta},
		"meta: empty":         {replace(audit.MetaFile, func(string) string { return "" }), audit.NoSeq, audit.CodeMeta},
		"meta: counts less":   {replace(audit.MetaFile, cut(`"count":3`, `"count":2`)), 2, audit.CodeSurplus},
		"meta: counts more":   {replace(audit.MetaFile, cut(`"count":3`, `"count":4`)), 3, audit.CodeCut},
		"meta: starts later":  {replace(audit.MetaFile, cut(`"first":0`, `"first":1`)), 1, audit.CodeSeq},
		"log: emptied":        {replace(audit.LogFile, func(string) string { return "" }), 0, audit.CodeCut},
		"log: empty line":     {replace(audit.LogFile, cut("\n", "\n\n")), 1, audit.CodeLeaf},
		"log: CRLF":           {replace(audit.LogFile, cut("\n", "\r\n")), 0, audit.CodeLeaf},
		"log: BOM":            {replace(audit.LogFile, func(s string) string { return "\ufeff" + s }), 0, audit.CodeLeaf},
		"log: empty line end": {replace(audit.LogFile, func(s string) string { return s + "\n" }), 3, audit.CodeSurplus},
		"log: half a line":    {replace(audit.LogFile, func(s string) string { return s[:len(s)-40] }), 2, audit.CodeNewline},
		"log: endless line":   {replace(audit.LogFile, func(s string) string { return s[:90] + strings.Repeat("a", 1<<20) }), 0, audit.CodeLeaf},
	} {
		t.Run(name, func(t *testing.T) {
			files := threeEntries(t).fs()
			c.alter(files)
			wantDamage(t, audit.Verify(files, audit.Options{}), c.seq, c.code)
		})
	}
}

func TestLastEntryRewritten(t *testing.T) {
	b := threeEntries(t)
	b.leaves[2] = bytes.Replace(b.leaves[2], []byte(`"staff"},"action":"staff.signed_in"`), []byte(`"other"},"action":"staff.signed_in"`), 1)
	wantDamage(t, b.verify(), 2, audit.CodeHead)
}

// Whoever owns the database can write the whole log anew. Only a hash that was
// kept elsewhere shows it.
func TestKnownHashFindsARewrittenLog(t *testing.T) {
	honest, forged := threeEntries(t), build(t)
	forged.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	forged.act(audit.ViaStaff, audit.ActionLogRead)
	forged.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	wantHolds(t, forged.verify())
	known := []audit.Known{
		{Seq: 2, Hash: honest.meta.Head},
		{Seq: 0, Hash: audit.LeafHash(honest.leaves[0])},
		{Seq: 1, Hash: audit.LeafHash(honest.leaves[1])},
	}
	r := honest.verify(known...)
	wantHolds(t, r)
	if r.Compared != 3 {
		t.Errorf("%d compared, want 3", r.Compared)
	}
	wantDamage(t, forged.verify(known...), 1, audit.CodeKnown)
	wantDamage(t, forged.verify(known[0]), 2, audit.CodeKnown)
	forged.leaves, forged.meta.Count = forged.leaves[:1], 1
	forged.meta.Head = audit.LeafHash(forged.leaves[0])
	wantDamage(t, forged.verify(known[0]), 1, audit.CodeCut)
}

func TestReadErrorIsDamage(t *testing.T) {
	b := threeEntries(t)
	r := audit.Verify(failingFS{b.fs()}, audit.Options{})
	wantDamage(t, r, 0, audit.CodeUnreadable)
}

// failingFS has a log.jsonl on a broken disk.
type failingFS struct{ fstest.MapFS }

func (f failingFS) Open(name string) (fs.File, error) {
	file, err := f.MapFS.Open(name)
	if name == audit.LogFile {
		return failingFile{file}, err
	}
	return file, err
}

type failingFile struct{ fs.File }

func (failingFile) Read([]byte) (int, error) { return 0, errors.New("input/output error") }

func TestProgress(t *testing.T) {
	log, meta := madeLog(t, 1<<17)
	var told []int64
	r := audit.Verify(fstest.MapFS{
		audit.LogFile: {Data: log}, audit.MetaFile: {Data: meta}, audit.OpeningsFile: {},
	}, audit.Options{Progress: func(checked, total int64) {
		if total != 1<<17 {
			t.Errorf("total %d, want %d", total, 1<<17)
		}
		told = append(told, checked)
	}})
	wantHolds(t, r)
	if len(told) < 2 || told[len(told)-1] != 1<<17 {
		t.Errorf("told %v", told)
	}
}

// A log ten times longer takes no more memory.
func TestVerifyTakesConstantMemory(t *testing.T) {
	allocated := func(n int64) uint64 {
		log, meta := madeLog(t, n)
		files := fstest.MapFS{audit.LogFile: {Data: log}, audit.MetaFile: {Data: meta}, audit.OpeningsFile: {}}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		wantHolds(t, audit.Verify(files, audit.Options{}))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	short, long := allocated(5_000), allocated(50_000)
	if long > short+64<<10 {
		t.Errorf("5,000 entries: %d bytes allocated; 50,000: %d", short, long)
	}
}

// Whatever byte is changed, the log no longer holds, and what is named is the
// entry that was changed or the one after it.
func TestAnyChangedByteShows(t *testing.T) {
	b := build(t)
	for i := range 6 {
		b.add(audit.Entry{Via: audit.ViaStaff, Action: audit.ActionConversationJoined, Case: caseA, Details: audit.Details{"n": int64(i), "s": "é\u2028\n"}})
	}
	files := b.fs()
	whole := files[audit.LogFile].Data
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.IntRange(0, len(whole)-1).Draw(t, "at")
		to := rapid.Byte().Draw(t, "to")
		if whole[at] == to {
			t.Skip()
		}
		changed := bytes.Clone(whole)
		changed[at] = to
		entry := int64(bytes.Count(whole[:at], []byte("\n")))
		r := audit.Verify(fstest.MapFS{
			audit.LogFile: {Data: changed}, audit.MetaFile: files[audit.MetaFile], audit.OpeningsFile: {},
		}, audit.Options{})
		if r.Damage == nil || r.Damage.Seq != entry && r.Damage.Seq != entry+1 {
			t.Fatalf("byte %d of entry %d changed: %v", at, entry, r.Damage)
		}
	})
}

// Lines dropped, doubled or moved show at the first place that differs.
func TestAnyMovedLineShows(t *testing.T) {
	b := build(t)
	for range 8 {
		b.act(audit.ViaStaff, audit.ActionStaffSignedIn)
	}
	rapid.Check(t, func(rt *rapid.T) {
		order := rapid.SliceOfN(rapid.IntRange(0, 7), 0, 10).Draw(rt, "order")
		moved := *b
		moved.leaves = nil
		first := int64(-1)
		for i, from := range order {
			moved.leaves = append(moved.leaves, b.leaves[from])
			if from != i && first < 0 {
				first = int64(i)
			}
		}
		if first < 0 {
			if len(order) == 8 {
				rt.Skip()
			}
			first = int64(len(order))
		}
		r := moved.verify()
		if r.Damage == nil || r.Damage.Seq != first {
			rt.Fatalf("order %v: %v, want seq %d", order, r.Damage, first)
		}
	})
}

// A Chain names the first entry that does not continue the ones before.
func TestChain(t *testing.T) {
	b := threeEntries(t)
	follow := func(origin string, leaves ...[]byte) (*audit.Chain, error) {
		c := audit.NewChain(origin)
		for _, leaf := range leaves {
			if _, err := c.Next(leaf); err != nil {
				return c, err
			}
		}
		return c, nil
	}
	c, err := follow(testOrigin, b.leaves...)
	if err != nil || c.Seq != 3 || c.Head != b.meta.Head {
		t.Fatalf("ends at %d %s: %v", c.Seq, c.Head, err)
	}
	var d *audit.Damage
	if _, err := follow("another", b.leaves...); !errors.As(err, &d) || d.Seq != 0 || d.Code != audit.CodePrev {
		t.Errorf("another origin: %v", err)
	}
	if c, err := follow(testOrigin, b.leaves[0], b.leaves[2]); !errors.As(err, &d) || d.Seq != 1 || c.Seq != 1 {
		t.Errorf("dropped: %v", err)
	}
}
