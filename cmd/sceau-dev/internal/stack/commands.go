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
	bundle, note, err := s.signed(ctx, v, s.state.Signers[:]...)
	if err != nil {
		return err
	}
	if err := s.operator(ctx, "policy", "activate", "--bundle", bundle, "--note", note); err != nil {
		return err
	}
	s.state.Policy = string(v)
	return s.state.write(s.cfg.Dir)
}

// errAlone is what must not happen.
var errAlone = errors.New("one person alone changed the policy")

// RefusedAlone has one person sign a laxer policy and the operator try to put it in
// force, and fails unless that is refused for want of a second person.
func (s *Stack) RefusedAlone(ctx context.Context, v policy.Variant) error {
	bundle, note, err := s.signed(ctx, v, s.state.Signers[0])
	if err != nil {
		return err
	}
	err = s.operator(ctx, "policy", "activate", "--bundle", bundle, "--note", note)
	switch {
	case err == nil:
		return errAlone
	case !strings.Contains(err.Error(), "1 of 2 different persons have signed"):
		return err
	}
	return nil
}

// signed builds a bundle and has these people sign it with the next serial.
func (s *Stack) signed(ctx context.Context, v policy.Variant, by ...devsigners.Person) (bundle, note string, err error) {
	content, err := devsigners.Bundle(v)
	if err != nil {
		return "", "", err
	}
	s.state.Serial++
	if err := s.state.write(s.cfg.Dir); err != nil {
		return "", "", err
	}
	name := fmt.Sprintf("%s-%d", v, s.state.Serial)
	bundle, note = s.path("policy", name+".tar.gz"), s.path("policy", name+".note")
	if err := writeFile(bundle, content); err != nil {
		return "", "", err
	}
	for _, one := range by {
		out, err := Run(ctx, s.cfg.Sceau, "policy", "sign", "--bundle", bundle, "--note", note, "--key", s.signingKey(one),
			"--serial", fmt.Sprint(s.state.Serial), "--origin", s.state.Origin)
		if err != nil {
			return "", "", fmt.Errorf("sceau policy sign: %w\n%s", err, bytes.TrimSpace(out))
		}
	}
	return bundle, note, nil
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
