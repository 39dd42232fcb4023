package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/devstack"
)

func run(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = Run(context.Background(), args, &out, &err)
	return status, out.String(), err.String()
}

func TestCommandLine(t *testing.T) {
	empty := t.TempDir()
	for _, c := range []struct {
		args   []string
		status int
		says   string
	}{
		{[]string{"--help"}, 0, "Start everything on this machine"},
		{[]string{"demo", "--help"}, 0, "--conversations"},
		{[]string{}, 2, "--help"},
		{[]string{"fly"}, 2, "fly"},
		{[]string{"demo", "--conversations", filepath.Join(empty, "none.json")}, 2, "none.json"},
		{[]string{"demo", "--count", "-1", "--bin", fakeBin(t)}, 2, "--count"},
		{[]string{"demo", "--bin", empty}, 1, "make"},
		{[]string{"bench", "--rounds", "0"}, 2, "--rounds"},
		{[]string{"token"}, 2, "--as"},
		{[]string{"token", "--as", "amal", "--data", empty}, 1, "sceau-dev up"},
		{[]string{"up", "--public", "0.0.0.0:8080", "--bin", fakeBin(t), "--data", empty}, 2, "loopback only"},
		{[]string{"up", "--staff", "8081", "--bin", fakeBin(t), "--data", empty}, 2, "8081"},
	} {
		status, stdout, stderr := run(c.args...)
		if status != c.status || !strings.Contains(stdout+stderr, c.says) {
			t.Errorf("sceau-dev %s: status %d, expected %d saying %q:\n%s%s", strings.Join(c.args, " "), status, c.status, c.says, stdout, stderr)
		}
	}
}

// fakeBin is a folder where the other binaries can be found, though not run.
func fakeBin(t *testing.T) string {
	dir := t.TempDir()
	for _, name := range []string{"sceau", "sceau-inspect"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Whatever somebody names by mistake is never emptied.
func TestDemoEmptiesNothingButAStack(t *testing.T) {
	dir := t.TempDir()
	precious := filepath.Join(dir, "thesis.txt")
	if err := os.WriteFile(precious, []byte("years of work"), 0o600); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := run("demo", "--data", dir, "--bin", fakeBin(t))
	if status != 1 || !strings.Contains(stderr, "no stack of sceau-dev") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if _, err := os.Stat(precious); err != nil {
		t.Error(err)
	}
}

// needServers skips where the servers cannot be had and nobody insists.
func needServers(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	_, err := devstack.FindPostgres()
	if err == nil {
		_, err = devstack.VaultBinary(t.Context(), nil)
	}
	missing := errors.Is(err, devstack.ErrNoPostgres) || errors.Is(err, devstack.ErrNoVault)
	if missing && os.Getenv("CI") == "" {
		t.Skip("skipped: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

var built string // where the commands were built, if they were

// binaries builds the commands once for all tests of this package.
var binaries = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "sceau-dev-test-")
	if err != nil {
		return "", err
	}
	built = dir
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator),
		"github.com/sceau-project/sceau/cmd/sceau",
		"github.com/sceau-project/sceau/cmd/sceau-inspect",
		"github.com/sceau-project/sceau/cmd/sceau-dev").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building: %w\n%s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	status := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(status)
}

// script is the three shortest conversations somebody could bring along.
const script = `[
 {"id": 1, "topic": "family", "messages": [
  {"from": "agent", "text": "Good evening, I am here and I am listening."},
  {"from": "minor", "text": "He came home angry again tonight.\nHe broke the kitchen door."},
  {"from": "agent", "text": "Thank you for telling me. Are you safe where you are?"},
  {"from": "minor", "text": "Not really, he is still shouting downstairs."}]},
 {"id": 2, "topic": "threats", "messages": [
  {"from": "minor", "text": "Somebody keeps sending me horrible messages."},
  {"from": "minor", "text": "He says he knows where I wait for the bus."}]},
 {"id": "three", "topic": "school", "messages": [
  {"from": "minor", "text": "They took my bag and threw it in the river."},
  {"from": "agent", "text": "That must have been frightening. What happened next?"}]}
]`

// The whole demonstration, from an empty directory to a verified export.
func TestDemo(t *testing.T) {
	needServers(t)
	t.Parallel()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "conversations.json")
	if err := os.WriteFile(file, []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "demo")
	status, stdout, stderr := run("demo", "--conversations", file, "--data", data, "--bin", bin)
	t.Logf("%s%s", stdout, stderr)
	if status != 0 {
		tellLogs(t, data)
		t.Fatalf("status %d", status)
	}
	for _, code := range []string{
		"grant.window_over", "grant.expired", "facets.not_granted", "approver.is_requester", "approver.same_person",
		"approver.took_part", "evidence.not_read", "ground.unknown", "danger.not_shown", "content.altered", "permission denied",
		"token.invalid", "conversation.not_found", "phrase.unknown", "idempotency.mismatch",
		"approver.nobody_on_duty", "consent.missing", "consent.other_facets", "consent.withdrawn", "requisition.incomplete",
		"requisition.case_not_listed", "requisition.facets_not_ordered", "glass.too_early", "glass.not_confirmed",
		"confirmer.same_person", "confirmer.already_confirmed", "review.not_due", "reviewer.took_part", "review.already_done",
		"revocation.not_coded", "telling.not_due", "telling.not_coded", "opinion.unknown", "staff.suspended", "token.expired",
		"conversation.not_participant", "erasure.escalation_open", "erasure.not_coded", "erasure.not_pending", "hold.set",
		"hold.not_coded", "hold.unknown", "conversation.erased", "grant.beyond_policy", "1 of 2 different persons have signed",
	} {
		if !strings.Contains(stdout, code) {
			t.Errorf("nothing was refused with %s", code)
		}
	}
	for _, f := range []string{"export/log.jsonl", "export/meta.json", "export/openings.jsonl", "log/custodian.log", "vault/audit.log"} {
		if _, err := os.Stat(filepath.Join(data, f)); err != nil {
			t.Error(err)
		}
	}
	planted, err := os.ReadFile(data + "-planted.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"He broke the kitchen door.", "Lina Moreau-Delattre", "2001:db8:"} {
		if !strings.Contains(string(planted), line) {
			t.Errorf("%q is not among the planted lines", line)
		}
	}
	if python, err := exec.LookPath("python3"); err == nil {
		out, err := exec.Command(python, "../../docs/examples/verify.py", filepath.Join(data, "export")).CombinedOutput()
		if err != nil {
			t.Errorf("verify.py, which knows nothing of this code: %v\n%s", err, out)
		}
	} else if os.Getenv("CI") != "" {
		t.Error(err)
	}
	eachKnowsItsOwn(t, data)
	nobodyLeft(t, data)
}

// eachKnowsItsOwn: a process's file names its own database role and no other,
// and Vault in the custodian's alone.
func eachKnowsItsOwn(t *testing.T, data string) {
	t.Helper()
	processes := []string{"public", "staff", "custodian", "operator", "owner"}
	for _, process := range processes {
		path := filepath.Join(data, "config", process+".yaml")
		raw, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		for _, other := range processes {
			if named := strings.Contains(string(raw), "sceau_"+other+":"); named != (process == other) {
				t.Errorf("the configuration of %s names the role of %s: %v", process, other, named)
			}
		}
		if vault := strings.Contains(string(raw), "secret_id_file"); vault != (process == "custodian") {
			t.Errorf("the configuration of %s leads to Vault: %v", process, vault)
		}
	}
}

// tellLogs shows the end of every log, so that a failure elsewhere can be read.
func tellLogs(t *testing.T, data string) {
	files, err := filepath.Glob(filepath.Join(data, "log", "*.log"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		raw, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
		t.Logf("%s:\n%s", f, strings.Join(lines[max(0, len(lines)-15):], "\n"))
	}
}

// nobodyLeft looks for processes whose command line or directory names data.
func nobodyLeft(t *testing.T, data string) {
	t.Helper()
	procs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range procs {
		cmdline, err := os.ReadFile(filepath.Join(p, "cmdline"))
		if err != nil {
			continue // ended meanwhile
		}
		cwd, _ := os.Readlink(filepath.Join(p, "cwd")) // unreadable means not ours
		if strings.Contains(string(cmdline), data) || strings.HasPrefix(cwd, data) {
			t.Errorf("left behind: %s %q", p, bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '}))
		}
	}
}

// up, Ctrl-C, up again: the first start plays the demonstration, the second
// takes seconds, nothing is left behind, and a token is to be had meanwhile.
func TestUpTwice(t *testing.T) {
	needServers(t)
	t.Parallel()
	bin, err := binaries()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "dev")
	ports := []string{"--public", "127.0.0.1:0", "--staff", "127.0.0.1:0", "--issuer", "127.0.0.1:0"}
	for start, limit := range []time.Duration{3 * time.Minute, time.Minute} {
		began := time.Now()
		cmd := exec.CommandContext(t.Context(), filepath.Join(bin, "sceau-dev"), append([]string{"up", "--data", data}, ports...)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		cmd.WaitDelay = 30 * time.Second
		cmd.Stderr = os.Stderr
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		giveUp := time.AfterFunc(limit, func() { cmd.Process.Signal(syscall.SIGINT) })
		said := readUntil(out, "Ctrl-C stops everything.")
		giveUp.Stop()
		if !strings.Contains(said, "ready in") || !strings.Contains(said, "amal-superviseur") {
			t.Errorf("start %d said:\n%s", start+1, said)
		}
		if played := strings.Contains(said, "demonstration:"); played != (start == 0) {
			t.Errorf("start %d: the demonstration was played: %v", start+1, played)
		}
		t.Logf("start %d: %.1f s", start+1, time.Since(began).Seconds())
		checkToken(t, data)
		if status, _, stderr := run("up", "--data", data, "--bin", bin, "--public", "127.0.0.1:0", "--staff", "127.0.0.1:0", "--issuer", "127.0.0.1:0"); status != 1 || !strings.Contains(stderr, "already running") {
			t.Errorf("a second stack in the same directory: status %d, %s", status, stderr)
		}
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil {
			t.Errorf("start %d after Ctrl-C: %v", start+1, err)
			tellLogs(t, data)
		}
		nobodyLeft(t, data)
		if t.Failed() {
			return
		}
		// The issuer's address is part of who somebody is: keep it.
		ports[5] = issuerOf(t, data)
	}
}

func readUntil(r io.Reader, end string) string {
	var said strings.Builder
	buf := make([]byte, 4096)
	for !strings.Contains(said.String(), end) {
		n, err := r.Read(buf)
		said.Write(buf[:n])
		if err != nil {
			break
		}
	}
	return said.String()
}

func checkToken(t *testing.T, data string) {
	t.Helper()
	status, token, stderr := run("token", "--as", "diane", "--data", data)
	parts := strings.Split(strings.TrimSpace(token), ".")
	if status != 0 || len(parts) != 3 {
		t.Errorf("token: status %d, %s", status, stderr)
		return
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		Sub    string   `json:"sub"`
		Groups []string `json:"groups"`
	}
	if err := json.Unmarshal(raw, &claims); err != nil || claims.Sub != "diane" || len(claims.Groups) != 1 {
		t.Errorf("%+v, %v", claims, err)
	}
}

func issuerOf(t *testing.T, data string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(data, "stack.json"))
	if err != nil {
		t.Fatal(err)
	}
	var st struct {
		Issuer string `json:"issuer"`
	}
	if err := json.Unmarshal(raw, &st); err != nil {
		t.Fatal(err)
	}
	return strings.TrimPrefix(st.Issuer, "http://")
}
