package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/vaulttest"
)

// stack is the service as an operator runs it: three processes and their
// configuration files, on a PostgreSQL of this test's own.
type stack struct {
	t             *testing.T
	dir, binary   string
	server        *pgtest.Server
	issuer        *devissuer.Server
	public, staff string
	processes     map[string]*exec.Cmd
}

func newStack(t *testing.T) *stack {
	t.Helper()
	s := &stack{t: t, dir: t.TempDir(), server: pgtest.NewServer(t), processes: map[string]*exec.Cmd{}}
	vault := vaulttest.New(t)
	var err error
	s.issuer, err = devissuer.Start(devissuer.Config{Dir: t.TempDir()})
	s.must(err)
	t.Cleanup(func() { s.must(s.issuer.Close()) })

	// The test binary, called sceau, is sceau: see TestMain.
	self, err := os.Executable()
	s.must(err)
	s.binary = filepath.Join(s.dir, "sceau")
	s.must(os.Symlink(self, s.binary))

	people, err := devsigners.New()
	s.must(err)
	var signers []map[string]string
	for _, one := range people.Signers() {
		signers = append(signers, map[string]string{"person": one.Person, "key": one.Key})
	}
	sockets, err := os.MkdirTemp("", "sceau")
	s.must(err)
	t.Cleanup(func() { _ = os.RemoveAll(sockets) })
	s.public, s.staff = freeAddress(t), freeAddress(t)

	type section = map[string]any
	custodian := section{"socket": filepath.Join(sockets, "s", "custodian.sock")}
	vouching, err := vault.RecipientsPublicKey(t.Context())
	s.must(err)
	vouched := section{"recipients_public_keys": []string{vouching}}
	limits := section{"requests_per_minute": 1_000_000, "conversations_per_hour": 1_000_000}
	oidc, policy := section{"issuer": s.issuer.URL}, section{"signers": signers}
	for role, doc := range map[string]section{
		"public": {"public": section{"listen": s.public}, "custodian": custodian, "limits": limits, "seal": vouched},
		"staff":  {"staff": section{"listen": s.staff}, "custodian": custodian, "limits": limits, "oidc": oidc, "policy": policy, "seal": vouched},
		"custodian": {
			"custodian": section{"socket": custodian["socket"], "state_dir": filepath.Join(s.dir, "state"), "ready_keys": 8},
			"oidc":      oidc, "policy": policy,
			"vault": section{"address": vault.Address, "role_id_file": vault.Custodian.RoleIDFile, "secret_id_file": vault.Custodian.SecretIDFile},
		},
		"operator": {"policy": policy},
	} {
		doc["log"] = section{"origin": pgtest.Origin}
		doc["database"] = section{"url": s.server.URL("sceau_" + role)}
		doc["logging"] = section{"level": "warn"}
		text, err := yaml.Marshal(doc)
		s.must(err)
		s.file(role+".yaml", text)
	}
	bundle := filepath.Join(s.dir, "bundle.tar.gz")
	s.command("policy", "build", "--out", bundle)
	note := s.path("bundle.note")
	for _, one := range people.Two {
		s.command("policy", "sign", "--bundle", bundle, "--serial", "1", "--origin", pgtest.Origin, "--note", note,
			"--key", s.file(one.Name+".key", []byte(one.Private)))
	}
	s.command("policy", "activate", "--bundle", bundle, "--note", note, "--config", s.path("operator.yaml"))
	t.Cleanup(func() {
		for name := range s.processes {
			s.stop(name)
		}
	})
	return s
}

func (s *stack) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *stack) path(name string) string { return filepath.Join(s.dir, name) }

func (s *stack) file(name string, text []byte) string {
	s.t.Helper()
	s.must(os.WriteFile(s.path(name), text, 0o600))
	return s.path(name)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func (s *stack) command(args ...string) {
	s.t.Helper()
	out, err := exec.Command(s.binary, args...).CombinedOutput()
	if err != nil {
		s.t.Fatalf("sceau %s: %v\n%s", args[:2], err, out)
	}
}

// start starts a process of the service and waits until it serves.
func (s *stack) start(name string) {
	s.t.Helper()
	args := []string{"serve", "--face", name}
	if name == "custodian" {
		args = []string{name}
	}
	cmd := exec.Command(s.binary, append(args, "--config", s.path(name+".yaml"))...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	log, err := os.OpenFile(s.path(name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	s.must(err)
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	s.must(cmd.Start())
	s.processes[name] = cmd
}

// ready waits until both faces say that everything behind them serves.
func (s *stack) ready() {
	s.t.Helper()
	for _, address := range []string{s.public, s.staff} {
		for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			res, err := http.Get("http://" + address + "/readyz")
			if err == nil {
				res.Body.Close()
				if res.StatusCode == http.StatusOK {
					break
				}
			}
			if time.Now().After(end) {
				s.t.Fatalf("not ready: %v, %v\n%s", res, err, s.logs())
			}
		}
	}
}

func (s *stack) logs() (all string) {
	for _, name := range []string{"custodian", "public", "staff"} {
		text, _ := os.ReadFile(s.path(name + ".log"))
		all += name + ":\n" + string(text)
	}
	return all
}

func (s *stack) kill(name string) {
	s.t.Helper()
	s.must(s.processes[name].Process.Kill())
	_ = s.processes[name].Wait() // "signal: killed"
	delete(s.processes, name)
}

// stop asks a process to end and wants it to end well.
func (s *stack) stop(name string) {
	s.t.Helper()
	cmd := s.processes[name]
	delete(s.processes, name)
	s.must(cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		s.t.Errorf("%s after SIGTERM: %v\n%s", name, err, s.logs())
	}
}

// call sends one request, again and again with the same key until it is
// acknowledged, as a client does whose connection broke.
func (s *stack) call(method, url, bearer string, body, out any) {
	s.t.Helper()
	raw, err := json.Marshal(body)
	s.must(err)
	key := rand.Text()
	for end := time.Now().Add(60 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		status, answer, err := send(method, url, bearer, key, raw)
		if err == nil && status < 300 {
			if out == nil {
				return
			}
			if err := json.Unmarshal(answer, out); err != nil {
				s.t.Errorf("%s %s: %v", method, url, err)
			}
			return
		}
		if err == nil && status < 500 || time.Now().After(end) {
			s.t.Errorf("%s %s: %d %s %v", method, url, status, answer, err)
			return
		}
	}
}

func send(method, url, bearer, key string, raw []byte) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	if method == http.MethodGet {
		raw = nil
	}
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Idempotency-Key", key)
	req.Header.Set("Content-Type", "application/json")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+bearer)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	return res.StatusCode, answer, err
}

// TestKillNine: while a minor writes and others open conversations, each
// process is killed and comes back. Nothing acknowledged is lost or doubled,
// no state lacks its entry, and the chain holds.
func TestKillNine(t *testing.T) {
	s := newStack(t)
	names := []string{"custodian", "public", "staff"}
	for _, name := range names {
		s.start(name)
	}
	s.ready()
	public, staff := "http://"+s.public+"/api/v1", "http://"+s.staff+"/api/v1"
	var opened struct{ Token string }
	s.call(http.MethodPost, public+"/conversations", "", map[string]string{"postal_code": "35000", "topic": "threats"}, &opened)
	agent, err := s.issuer.Token(context.Background(), "amal")
	s.must(err)
	var queue struct{ Waiting []struct{ ID string } }
	s.call(http.MethodGet, staff+"/conversations", agent, nil, &queue)
	talk := staff + "/conversations/" + queue.Waiting[0].ID
	s.call(http.MethodPost, talk+"/join", agent, struct{}{}, nil)

	var written, opening counter
	stop := make(chan struct{})
	var behind sync.WaitGroup
	behind.Go(func() {
		for n := 1; !closed(stop); n++ {
			text := fmt.Sprintf("message %d", n)
			s.call(http.MethodPost, public+"/conversation/messages", opened.Token, map[string]string{"text": text}, nil)
			written.add(text)
		}
	})
	behind.Go(func() {
		for !closed(stop) {
			var one struct{ Token string }
			s.call(http.MethodPost, public+"/conversations", "", map[string]string{"postal_code": "29200", "topic": "other"}, &one)
			opening.add(one.Token)
		}
	})
	for _, victim := range append(names, "postgres") {
		written.more(t, 5)
		opening.more(t, 2)
		if victim == "postgres" {
			s.server.Postgres.Kill()
			s.must(s.server.Postgres.Restart(context.Background()))
		} else {
			s.kill(victim)
			s.start(victim)
		}
		s.ready()
	}
	written.more(t, 5)
	opening.more(t, 2)
	close(stop)
	behind.Wait()

	var seen []string
	for {
		var page struct{ Messages []struct{ Text string } }
		s.call(http.MethodGet, fmt.Sprintf("%s/messages?from=%d", talk, len(seen)), agent, nil, &page)
		if len(page.Messages) == 0 {
			break
		}
		for _, m := range page.Messages {
			seen = append(seen, m.Text)
		}
	}
	if want := append([]string{"35000"}, written.all()...); !slices.Equal(seen, want) {
		t.Errorf("%d messages acknowledged, %d are there, or others", len(want)-1, len(seen)-1)
	}
	for i, token := range opening.all() {
		s.call(http.MethodGet, public+"/conversation", token, nil, nil)
		if slices.Contains(opening.all()[:i], token) {
			t.Error("one conversation was given to two minors")
		}
	}
	var orphans int
	s.must(s.server.Super.QueryRow(context.Background(), `SELECT count(*) FROM sceau.conversations c
		WHERE NOT EXISTS (SELECT FROM sceau.entries e WHERE e.seq = c.opened_seq AND e.case_id = c.case_id AND e.action = 'conversation.opened')`).Scan(&orphans))
	var conversations, entries int
	s.must(s.server.Super.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM sceau.conversations),
		(SELECT count(*) FROM sceau.entries WHERE action = 'conversation.opened')`).Scan(&conversations, &entries))
	if orphans != 0 || conversations != entries || conversations != len(opening.all())+1 {
		t.Errorf("%d conversations, %d entries, %d acknowledged, %d without an entry", conversations, entries, len(opening.all())+1, orphans)
	}
	s.command("log", "export", "--to", s.path("export"), "--reason", "test", "--config", s.path("operator.yaml"))
	if report := audit.Verify(os.DirFS(s.path("export")), audit.Options{}); report.Damage != nil || len(report.Warnings) > 0 {
		t.Errorf("the export: %v, %v", report.Damage, report.Warnings)
	}
	for _, name := range names {
		s.stop(name)
	}
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// counter is a list that others can wait for to grow.
type counter struct {
	mu   sync.Mutex
	list []string
}

func (c *counter) add(s string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = append(c.list, s)
}

func (c *counter) all() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.list)
}

func (c *counter) more(t *testing.T, n int) {
	t.Helper()
	began := len(c.all())
	for end := time.Now().Add(60 * time.Second); len(c.all()) < began+n; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing is acknowledged any more")
		}
	}
}
