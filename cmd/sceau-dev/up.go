package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/story"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/policy"
)

type upCommand struct {
	Data   string `default:"build/dev" type:"path" placeholder:"DIR" help:"Where data and logs live (${default})."`
	Public string `default:"127.0.0.1:8080" placeholder:"ADDR" help:"Where minors connect (${default})."`
	Staff  string `default:"127.0.0.1:8081" placeholder:"ADDR" help:"Where staff connect (${default})."`
	Issuer string `default:"127.0.0.1:8082" placeholder:"ADDR" help:"Where staff sign in (${default}); accounts belong to this address."`
	Bin    string `hidden:"" type:"path" help:"Directory of the other binaries; beside this one when empty."`
}

// Run starts the stack, plays the demonstration on the first start, and stays.
func (c *upCommand) Run(ctx context.Context, con *console) (err error) {
	began := time.Now()
	sceau, err := binary(c.Bin, "sceau")
	if err != nil {
		return err
	}
	for _, a := range []*string{&c.Public, &c.Staff, &c.Issuer} {
		if *a, err = loopback(*a); err != nil {
			return err
		}
	}
	s, err := stack.Start(ctx, stack.Config{
		Dir: c.Data, Sceau: sceau, Public: c.Public, Staff: c.Staff, Issuer: c.Issuer, Busy: true,
		Say: func(what string) { con.line("%s", what) }, Progress: con.progress,
	})
	con.done()
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() {
		con.done()
		con.line("stopping")
		// The stack gets time to stop even though the caller's context has
		// ended.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, s.Stop(stop))
	}()
	ended := s.Ended()
	if s.Policy() != policy.Production {
		if err := c.firstStart(ctx, con, s); err != nil {
			return interrupted(ctx, err)
		}
	}
	con.line("%s", welcome(s, c.Data, time.Since(began)))
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		return fmt.Errorf("%w\nThe logs are in %s", err, filepath.Join(c.Data, "log"))
	}
}

// firstStart plays the demonstration under its own policy, whose deadlines are
// seconds, and then puts the production policy in force. A first start that was
// interrupted half-way does not play again: what was played is in the log.
func (c *upCommand) firstStart(ctx context.Context, con *console, s *stack.Stack) error {
	first, err := s.BeginStory()
	if err != nil {
		return err
	}
	if first {
		con.line("first start: playing the demonstration, about a minute; wait for \"ready\" before you send anything")
		result, err := story.Play(ctx, storyConfig(s, con, story.Default(), &story.Planted{}))
		con.done()
		if err != nil {
			return err
		}
		if n := len(result.Failed); n > 0 {
			return fmt.Errorf("%d of the demonstration's checks failed; the logs are in %s. Started again it goes on without the demonstration; make clean-data begins anew",
				n, filepath.Join(c.Data, "log"))
		}
		con.line("demonstration: %d checks as they should be", result.Passed)
	}
	return s.Activate(ctx, policy.Production)
}

// storyConfig points the story at a stack.
func storyConfig(s *stack.Stack, con *console, cast []story.Conversation, planted *story.Planted) story.Config {
	return story.Config{
		Public: s.PublicURL, Staff: s.StaffURL, ProxyFrom: net.ParseIP(stack.ProxyAddress), Login: s.Issuer.Token,
		Conversations: cast, Planted: planted, Attacks: attacks(s), Swap: swap(s),
		Operator: operator(s),
		Chapter:  func(title string) { con.line("\n%s", title) },
		Check:    func(c story.Check) { con.line("  %s", c) },
		Progress: func(written, total int) { con.progress("messages", written, total) },
	}
}

// welcome is what somebody who just started the stack needs.
func welcome(s *stack.Stack, data string, took time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "ready in %.1f s\n\n  minors  %s\n  staff   %s   (sign in as one of these)\n\n", took.Seconds(), s.PublicURL, s.StaffURL)
	for _, a := range devissuer.Accounts() {
		password, err := s.Issuer.Password(a.Name)
		if err != nil {
			continue // an account added by hand to a later build: nothing to show
		}
		fmt.Fprintf(&b, "  %-18s %-18s password %s\n", a.Name, strings.Join(a.Roles, ", "), password)
	}
	fmt.Fprintf(&b, `
Open both in a browser: write as a minor in one window, answer as amal in another, decide as diane in a third (private
windows, or other browsers, keep people apart). The same by curl, as a minor and as an agent:
  curl -s %[1]s/api/v1/conversations -H 'Content-Type: application/json' -H "Idempotency-Key: $(cat /proc/sys/kernel/random/uuid)" -d '{"postal_code":"75011","topic":"sextortion"}'
  curl -s %[2]s/api/v1/conversations -H "Authorization: Bearer $(bin/sceau-dev token --as amal --data %[3]s)"
Logs: %[4]s. Ctrl-C stops everything.`, s.PublicURL, s.StaffURL, data, filepath.Join(data, "log"))
	return b.String()
}

// interrupted turns what follows from Ctrl-C into a clean end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && !errors.Is(err, stack.ErrStop) {
		return nil // whatever failed, failed because it was to end
	}
	return err
}

// loopback completes ":8080" and refuses addresses that others could reach:
// the stack's accounts and secrets protect nothing. Port 0, any that is free,
// comes out empty.
func loopback(addr string) (string, error) {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("%w: %q is no address such as 127.0.0.1:8080", errUsage, addr)
	}
	if host == "" || host == "localhost" {
		host = "127.0.0.1"
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return "", fmt.Errorf("%w: %q is reachable from elsewhere; the development stack listens on loopback only", errUsage, addr)
	}
	if port == "0" {
		return "", nil
	}
	return net.JoinHostPort(host, port), nil
}

// binary finds one of the project's other commands.
func binary(dir, name string) (string, error) {
	if dir == "" {
		self, err := os.Executable()
		if err != nil {
			return "", fmt.Errorf("looking for %s: %w", name, err)
		}
		dir = filepath.Dir(self)
	}
	path := filepath.Join(dir, name)
	if info, err := os.Stat(path); err != nil || info.IsDir() {
		return "", fmt.Errorf("%s is missing; make build makes it", path)
	}
	return path, nil
}
