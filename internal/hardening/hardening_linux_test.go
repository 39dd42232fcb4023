package hardening_test

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/sceau-project/sceau/internal/hardening"
)

// The process under test is this binary, executed again: what Process does
// cannot be undone.
func TestMain(m *testing.M) {
	if os.Getenv("SCEAU_HARDENED_CHILD") == "" {
		os.Exit(m.Run())
	}
	if err := hardening.Process(); err != nil {
		os.Exit(1)
	}
	dumpable, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0)
	var limit unix.Rlimit
	if err != nil || dumpable != 0 || unix.Getrlimit(unix.RLIMIT_CORE, &limit) != nil || limit.Cur != 0 || limit.Max != 0 {
		os.Exit(2)
	}
	_, _ = os.Stdout.WriteString("hardened\n")
	_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
	panic("a crash with a key in memory")
}

func TestAHardenedProcessLeavesNoCore(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(exe)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "SCEAU_HARDENED_CHILD=1", "GOTRACEBACK=crash")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "hardened" {
		t.Fatalf("the child said %q: %v", line, err)
	}
	if _, err := in.Write([]byte("\n")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the child did not crash")
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 0 {
		t.Errorf("the crash left %v: %v", left, err)
	}
}
