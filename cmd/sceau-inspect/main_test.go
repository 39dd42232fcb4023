package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sceau-project/sceau/audit"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sceau-inspect": main})
}

// The stories in testdata/ run the command as an inspector would.
func TestStories(t *testing.T) {
	vectors, err := filepath.Abs("../../audit/testdata/log-v1")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("VECTORS", vectors)
			e.Setenv("LANG", "C.UTF-8")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits, "copydir": copyDir, "export": exportOf,
		},
	})
}

// exits STATUS CMD…: like exec, but names the exit status, which is the
// command's promise to scripts.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND [ARG…]")
	}
	err := ts.Exec(args[1], args[2:]...)
	status := 0
	if exit := new(exec.ExitError); errors.As(err, &exit) {
		status = exit.ExitCode()
	} else if err != nil {
		ts.Fatalf("%v", err)
	}
	if fmt.Sprint(status) != args[0] {
		ts.Fatalf("exit status %d, want %s", status, args[0])
	}
}

func copyDir(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

// Every vector through the command itself: status and seq.
func TestVectorsThroughTheCommand(t *testing.T) {
	dir := filepath.Join("..", "..", "audit", "testdata", "log-v1")
	b, err := os.ReadFile(filepath.Join(dir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		FirstBadSeq map[string]int64 `json:"first_bad_seq"`
	}
	if err := json.Unmarshal(b, &want); err != nil || len(want.FirstBadSeq) == 0 {
		t.Fatalf("expected.json: %v", err)
	}
	for name, seq := range want.FirstBadSeq {
		for _, lang := range []string{"en", "fr"} {
			var out, errs writer
			status := run([]string{"verify", "--lang", lang, filepath.Join(dir, name)},
				streams{out: &out, err: &errs, env: func(string) string { return "" }})
			if status != exitDamage || len(errs) > 0 {
				t.Errorf("%s: exit status %d, want %d; errors %q", name, status, exitDamage, errs)
			}
			if say := fmt.Sprintf(" seq %d", seq); !out.has(say) {
				t.Errorf("%s: %q is not in\n%s", name, say, out)
			}
		}
	}
}

// A code without a sentence would show an inspector a bare word.
func TestEveryCodeHasASentence(t *testing.T) {
	codes := []audit.Code{
		audit.CodeUnreadable, audit.CodeMeta, audit.CodeLeaf, audit.CodeSeq, audit.CodePrev, audit.CodeTime,
		audit.CodeCut, audit.CodeNewline, audit.CodeSurplus, audit.CodeHead, audit.CodeVia, audit.CodeIntent,
		audit.CodeOpening, audit.CodeKnown, audit.CodeBundle, audit.CodeLife, audit.CodeReplay,
		audit.CodePolicy,
	}
	for lang, text := range messages {
		for _, code := range codes {
			if text.reasons[code] == "" {
				t.Errorf("%s: no sentence for %s", lang, code)
			}
		}
		if len(text.reasons) != len(codes) {
			t.Errorf("%s: %d sentences, the test knows %d codes", lang, len(text.reasons), len(codes))
		}
		for _, code := range []audit.Code{audit.CodePossiblyOpened, audit.CodeReviewOverdue, audit.CodeDisregarded, audit.CodeUnfounded, audit.CodeActivation} {
			if text.warnings[code] == "" {
				t.Errorf("%s: no sentence for %s", lang, code)
			}
		}
	}
}

func TestLanguage(t *testing.T) {
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	for _, c := range []struct {
		args []string
		env  map[string]string
		want string
	}{
		{nil, nil, "en"},
		{nil, map[string]string{"LANG": "fr_FR.UTF-8"}, "fr"},
		{nil, map[string]string{"LANG": "de_DE.UTF-8"}, "en"},
		{nil, map[string]string{"LANG": "fr_FR.UTF-8", "LC_ALL": "C"}, "en"},
		{[]string{"--lang", "fr"}, map[string]string{"LANG": "en_GB"}, "fr"},
		{[]string{"verify", "--lang=en", "x"}, map[string]string{"LANG": "fr_FR"}, "en"},
		{[]string{"--lang", "auto"}, map[string]string{"LANG": "fr_FR"}, "fr"},
	} {
		if got := language(c.args, env(c.env)); got != c.want {
			t.Errorf("language(%q, %v) = %s, want %s", c.args, c.env, got, c.want)
		}
	}
}

type writer []byte

func (w *writer) Write(b []byte) (int, error) { *w = append(*w, b...); return len(b), nil }
func (w writer) String() string               { return string(w) }
func (w writer) has(s string) bool            { return strings.Contains(string(w), s) }
