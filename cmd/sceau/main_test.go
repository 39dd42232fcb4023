package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/internal/pgtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sceau": main})
}

// The stories in testdata/ run the commands as an operator would.
func TestStories(t *testing.T) {
	db := pgtest.New(t)
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("OWNER", db.URL("sceau_owner"))
			e.Setenv("OPERATOR", db.URL("sceau_operator"))
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "holds": holds, "setenvfile": setEnvFile},
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

// setenvfile NAME FILE: the variable holds the file's one line.
func setEnvFile(ts *testscript.TestScript, _ bool, args []string) {
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile(args[1])))
}

// holds DIR COUNT: the export verifies and has so many entries.
func holds(ts *testscript.TestScript, _ bool, args []string) {
	report := audit.Verify(os.DirFS(ts.MkAbs(args[0])), audit.Options{})
	count, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	if report.Damage != nil || report.Checked != count {
		ts.Fatalf("the export: %d entries, damage %v", report.Checked, report.Damage)
	}
}

// TestRunInProcess: Run is main without the process.
func TestRunInProcess(t *testing.T) {
	var out, errs bytes.Buffer
	if status := Run(context.Background(), []string{"config", "keys"}, nil, &out, &errs); status != 0 || out.Len() == 0 || errs.Len() != 0 {
		t.Errorf("status %d, %q, %q", status, out.String(), errs.String())
	}
	out.Reset()
	if status := Run(context.Background(), []string{"migrate"}, []string{"SCEAU_LOG_ORIGIN=a"}, &out, &errs); status != 2 || out.Len() != 0 {
		t.Errorf("status %d, %q, %q", status, out.String(), errs.String())
	}
}
