package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
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
			for _, name := range []string{"signing", "foreign"} {
				private, public, err := signingKey()
				if err != nil {
					return err
				}
				if err := os.WriteFile(filepath.Join(e.WorkDir, name+".pem"), private, 0o600); err != nil {
					return err
				}
				if name == "signing" {
					if err := os.WriteFile(filepath.Join(e.WorkDir, "public.pem"), public, 0o600); err != nil {
						return err
					}
				}
			}
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "holds": holds},
	})
}

func signingKey() (private, public []byte, err error) {
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(priv)
	if err != nil {
		return nil, nil, err
	}
	spki, err := x509.MarshalPKIXPublicKey(pub)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}),
		pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki}), nil
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
