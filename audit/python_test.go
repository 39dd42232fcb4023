package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/audit"
)

// The second verifier, docs/examples/verify.py, was written from
// docs/log-format.md alone: where the two disagree, one of them or the page is
// wrong.

func python(t *testing.T, args ...string) (status int, output string) {
	t.Helper()
	interpreter, err := exec.LookPath("python3")
	if err != nil {
		if os.Getenv("CI") == "" {
			t.Skip("python3 is not in PATH: the second verifier is not run")
		}
		t.Fatal(err)
	}
	out, err := exec.Command(interpreter, append([]string{"-B"}, args...)...).CombinedOutput()
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		return exit.ExitCode(), string(out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0, string(out)
}

// agree runs both verifiers on every export, the second in one process, and
// compares exit status and first bad seq.
func agree(t *testing.T, dirs map[string]string) {
	t.Helper()
	names := slices.Sorted(maps.Keys(dirs))
	args := []string{"-c", "import sys; sys.path.insert(0, '../docs/examples'); import verify\nfor d in sys.argv[1:]: print('=>', verify.verify(d))"}
	for _, name := range names {
		args = append(args, dirs[name])
	}
	status, out := python(t, args...)
	answers := strings.Split(strings.TrimSpace(out), "\n")
	if status != 0 || len(answers) != 2*len(names) {
		t.Fatalf("%d answers for %d exports, exit status %d:\n%s", len(answers)/2, len(names), status, out)
	}
	for i, name := range names {
		r := audit.Verify(os.DirFS(dirs[name]), audit.Options{})
		want, say := 0, "entries hold"
		switch {
		case r.Damage != nil && r.Damage.Seq == audit.NoSeq:
			want, say = 1, "DAMAGED"
		case r.Damage != nil:
			want, say = 1, fmt.Sprintf("first bad seq %d: ", r.Damage.Seq)
		case len(r.Warnings) > 0:
			want = 3
		}
		if answers[2*i+1] != fmt.Sprint("=> ", want) || !strings.Contains(answers[2*i], say) {
			t.Errorf("%s: verify.py says %q %s, want %q => %d (%v)", name, answers[2*i], answers[2*i+1], say, want, r.Damage)
		}
	}
}

func writeExports(t *testing.T, exports map[string]fstest.MapFS) map[string]string {
	t.Helper()
	dirs := map[string]string{}
	for name, files := range exports {
		dirs[name] = t.TempDir()
		if err := os.CopyFS(dirs[name], files); err != nil {
			t.Fatal(err)
		}
	}
	return dirs
}

func TestPythonAgreesOnTheVectors(t *testing.T) {
	metas, err := filepath.Glob(filepath.Join(vectorsDir, "*", audit.MetaFile))
	if err != nil || len(metas) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	dirs := map[string]string{}
	for _, meta := range metas {
		dirs[filepath.Base(filepath.Dir(meta))] = filepath.Dir(meta)
	}
	agree(t, dirs)
}

func TestPythonExitStatus(t *testing.T) {
	warned := build(t)
	ordered(warned, caseA)
	dirs := writeExports(t, map[string]fstest.MapFS{"holds": threeEntries(t).fs(), "empty folder": {}, "warned": warned.fs()})
	for name, want := range map[string]int{"holds": 0, "empty folder": 1, "warned": 3} {
		if status, out := python(t, "../docs/examples/verify.py", dirs[name]); status != want {
			t.Errorf("%s: exit status %d, want %d:\n%s", name, status, want, out)
		}
	}
	if status, _ := python(t, "../docs/examples/verify.py"); status != 2 {
		t.Errorf("no folder: exit status %d, want 2", status)
	}
}

func TestPythonAgreesOnBuiltLogs(t *testing.T) {
	exports := map[string]fstest.MapFS{"no file": {}, "empty": build(t).fs()}
	change := func(name string, b *builtLog, edit func(*builtLog)) {
		edit(b)
		exports[name] = b.fs()
	}
	change("openings", withOpenings(t), func(*builtLog) {})
	change("false opening", withOpenings(t), func(b *builtLog) { b.openings[1].Value = []byte("else") })
	change("opening of an entry after the last", withOpenings(t), func(b *builtLog) { b.openings[2].Seq = 3 })
	change("erased openings", withOpenings(t), func(b *builtLog) { b.openings = nil })
	change("possibly opened", build(t), func(b *builtLog) { ordered(b, caseA) })
	change("released", build(t), func(b *builtLog) { outcome(b, audit.ActionIdentityReleased, caseA, ordered(b, caseA)) })
	change("outcome of no order", build(t), func(b *builtLog) { outcome(b, audit.ActionIdentityReleased, caseA, audit.Hash{}) })
	change("outcome of another case", build(t), func(b *builtLog) { outcome(b, audit.ActionIdentityReleased, caseB, ordered(b, caseA)) })
	change("another version", withOpenings(t), func(b *builtLog) {
		b.raw(fmt.Appendf(nil, `{"v":12,"seq":3,"at":"2027-01-01T00:00:00.000000Z","prev":"%s","x":[null,1.5,1e99]}`, b.meta.Head))
		b.openings = append(b.openings, audit.Opening{Seq: 3, Field: "x", Salt: salt(1)})
	})
	change("surplus line", withOpenings(t), func(b *builtLog) { b.meta.Count-- })
	change("another head", threeEntries(t), func(b *builtLog) { b.meta.Head = audit.Hash{} })
	change("another origin", threeEntries(t), func(b *builtLog) { b.meta.Origin = "other" })
	agree(t, writeExports(t, exports))
}

// Every seed of the scanner's fuzzing as the only line of a log, chained anew
// so that only the spelling is left to judge.
func TestPythonAgreesOnEverySpelling(t *testing.T) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzParse", "*"))
	if err != nil || len(seeds) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	place := regexp.MustCompile(`"seq":\d+(,"at":"[^"]*"),"prev":"[^"]*"`)
	exports := map[string]fstest.MapFS{}
	for _, name := range seeds {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var leaf []byte
		if _, err := fmt.Sscanf(string(text), "go test fuzz v1\n[]byte(%q)", &leaf); err != nil {
			t.Fatal(err)
		}
		b := build(t)
		b.raw(place.ReplaceAll(leaf, fmt.Appendf(nil, `"seq":0$1,"prev":"%s"`, b.meta.Head)))
		exports[filepath.Base(name)] = b.fs()
	}
	agree(t, writeExports(t, exports))
}

// A few hundred changes of one byte to a leaf that has everything, the chain
// made whole around it.
func TestPythonAgreesOnChangedBytes(t *testing.T) {
	first := withOpenings(t)
	first.add(audit.Entry{
		Via: audit.ViaStaff, Action: audit.ActionLogRead, Actor: audit.Actor{ID: "s-1", Person: "p-1"}, Ground: "consent",
		Subject: audit.Subject{Type: "log", ID: "all"}, Details: audit.Details{"n": int64(-10), "ok": true, "text": "\"\\\n\x01\u2028é/\u007f"},
	})
	random := rand.New(rand.NewPCG(1, 2))
	alphabet := []byte("\"\\{}:,.-+eE019aZ_é\x00\x1f\x7f \t\xff=u")
	exports := map[string]fstest.MapFS{}
	for i := range 300 {
		leaf := bytes.Clone(first.leaves[random.IntN(2)*3])
		at := random.IntN(len(leaf))
		switch random.IntN(3) {
		case 0:
			leaf[at] = alphabet[random.IntN(len(alphabet))]
		case 1:
			leaf = slices.Insert(leaf, at, alphabet[random.IntN(len(alphabet))])
		case 2:
			leaf = slices.Delete(leaf, at, at+1)
		}
		b := build(t)
		leaf = bytes.Replace(leaf, []byte(`"seq":3`), []byte(`"seq":0`), 1)
		leaf = bytes.Replace(leaf, []byte(first.meta.Prev.String()), []byte(b.meta.Head.String()), 1)
		leaf = bytes.Replace(leaf, []byte(audit.LeafHash(first.leaves[2]).String()), []byte(b.meta.Head.String()), 1)
		b.raw(leaf)
		exports[fmt.Sprintf("%03d %q", i, leaf)] = b.fs()
	}
	agree(t, writeExports(t, exports))
}
