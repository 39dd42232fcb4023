package stack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/policy"
)

// Activate builds a policy bundle, has both people sign it, and puts it in force,
// each with the command that they would use.
func (s *Stack) Activate(ctx context.Context, v policy.Variant) error {
	sources, err := policy.Embedded(v)
	if err != nil {
		return err
	}
	c, err := s.Sign(ctx, sources, len(s.state.Signers))
	if err != nil {
		return err
	}
	if err := s.Enact(ctx, c); err != nil {
		return err
	}
	s.state.Policy = string(v)
	return s.state.write(s.cfg.Dir)
}

// A Change is a bundle of policy and the note that people signed: two files.
type Change struct{ Bundle, Note string }

// Sign builds a bundle and has so many people sign it, one or two, with the next serial.
func (s *Stack) Sign(ctx context.Context, sources policy.Sources, people int) (Change, error) {
	content, err := policy.Build(sources)
	if err != nil {
		return Change{}, err
	}
	s.state.Serial++
	if err := s.state.write(s.cfg.Dir); err != nil {
		return Change{}, err
	}
	name := fmt.Sprintf("%s-%d", sources.Variant, s.state.Serial)
	c := Change{Bundle: s.path("policy", name+".tar.gz"), Note: s.path("policy", name+".note")}
	if err := writeFile(c.Bundle, content); err != nil {
		return Change{}, err
	}
	for _, one := range s.state.Signers[:people] {
		out, err := Run(ctx, s.cfg.Sceau, "policy", "sign", "--bundle", c.Bundle, "--note", c.Note, "--key", s.signingKey(one),
			"--serial", fmt.Sprint(s.state.Serial), "--origin", s.state.Origin)
		if err != nil {
			return Change{}, fmt.Errorf("sceau policy sign: %w\n%s", err, bytes.TrimSpace(out))
		}
	}
	return c, nil
}

// Bundle writes the bundle of a variant, unsigned, and returns its path.
func (s *Stack) Bundle(v policy.Variant) (string, error) {
	content, err := devsigners.Bundle(v)
	if err != nil {
		return "", err
	}
	path := s.path("policy", string(v)+".tar.gz")
	return path, writeFile(path, content)
}

// Enact puts a signed bundle in force, as the operator does.
func (s *Stack) Enact(ctx context.Context, c Change) error {
	return s.operator(ctx, "policy", "activate", "--bundle", c.Bundle, "--note", c.Note)
}

// Suspend takes the person of an account out of service.
func (s *Stack) Suspend(ctx context.Context, account, reason string) error {
	person, err := s.person(ctx, account)
	if err != nil {
		return err
	}
	return s.operator(ctx, "staff", "suspend", person, "--reason", reason)
}

// Restore lets the person of an account sign in again.
func (s *Stack) Restore(ctx context.Context, account string) error {
	person, err := s.person(ctx, account)
	if err != nil {
		return err
	}
	return s.operator(ctx, "staff", "restore", person)
}

// person looks a person's id up as an operator does: in the list of accounts.
func (s *Stack) person(ctx context.Context, account string) (string, error) {
	out, err := s.listed(ctx, "staff", "list")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(out) {
		if column := strings.Fields(line); len(column) > 2 && column[2] == account {
			return column[0], nil
		}
	}
	return "", fmt.Errorf("sceau staff list names no account %q", account)
}

// signingKey is where a person's private key lies.
func (s *Stack) signingKey(of devsigners.Person) string { return s.path("policy", of.Name+".key") }

// Policy is the variant that was put in force last, "" before the first.
func (s *Stack) Policy() policy.Variant { return policy.Variant(s.state.Policy) }

// BeginStory notes that the demonstration is about to be played, and tells
// whether it was not played before in this stack.
func (s *Stack) BeginStory() (first bool, err error) {
	if s.state.Story {
		return false, nil
	}
	s.state.Story = true
	return true, s.state.write(s.cfg.Dir)
}

// Export exports the log into dir.
func (s *Stack) Export(ctx context.Context, dir, reason string) error {
	return s.operator(ctx, "log", "export", "--to", dir, "--reason", reason)
}

// operator runs a command of the sceau binary as the operator.
func (s *Stack) operator(ctx context.Context, args ...string) error {
	_, err := s.listed(ctx, args...)
	return err
}

// listed is operator, and returns what the command said.
func (s *Stack) listed(ctx context.Context, args ...string) (string, error) {
	out, err := Run(ctx, s.cfg.Sceau, append(args, "--config", s.config("operator"))...)
	if err != nil {
		return "", fmt.Errorf("sceau %s: %w\n%s", strings.Join(args[:2], " "), err, bytes.TrimSpace(out))
	}
	return string(out), nil
}

// Run runs a command to its end, with a clean environment, and returns all it
// said. It is stopped gently with the context and dies with this process.
func Run(ctx context.Context, path string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	return cmd.CombinedOutput()
}

// awaitReady waits until a process answers 200, and says what it was waiting for
// when it never does.
func (s *Stack) awaitReady(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 60*time.Second, errNotReady)
	defer cancel()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second}
	said := "no answer"
	ended := s.supervisor.Ended()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return fmt.Errorf("waiting for %s: %w", url, err)
		}
		res, err := client.Do(req)
		if err == nil {
			body, _ := io.ReadAll(io.LimitReader(res.Body, 4<<10)) // only to be shown
			res.Body.Close()
			if res.StatusCode == http.StatusOK {
				return nil
			}
			said = compact(body)
		}
		t := time.NewTimer(50 * time.Millisecond)
		select {
		case <-t.C:
		case p := <-ended:
			t.Stop()
			return p.Err()
		case <-ctx.Done():
			t.Stop()
			return fmt.Errorf("waiting for %s: %w; it last said: %s", url, context.Cause(ctx), said)
		}
	}
}

var errNotReady = errors.New("not ready within a minute")

func compact(raw []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return strings.TrimSpace(string(raw))
	}
	return b.String()
}
