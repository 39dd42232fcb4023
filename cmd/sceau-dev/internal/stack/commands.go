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

	"github.com/sceau-project/sceau/policy"
)

// Activate builds a policy bundle, signs it, and puts it in force as an
// operator would.
func (s *Stack) Activate(ctx context.Context, v policy.Variant) error {
	sources, err := policy.Embedded(v)
	if err != nil {
		return err
	}
	bundle, err := policy.Build(sources, policyKeyID, []byte(s.state.SigningKey))
	if err != nil {
		return err
	}
	file := s.path("policy", string(v)+".tar.gz")
	if err := writeFile(file, bundle); err != nil {
		return err
	}
	if err := s.operator(ctx, "policy", "activate", file); err != nil {
		return err
	}
	s.state.Policy = string(v)
	return s.state.write(s.cfg.Dir)
}

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
	out, err := Run(ctx, s.cfg.Sceau, append(args, "--config", s.config("operator"))...)
	if err != nil {
		return fmt.Errorf("sceau %s: %w\n%s", strings.Join(args[:2], " "), err, bytes.TrimSpace(out))
	}
	return nil
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
