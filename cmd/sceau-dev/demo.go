package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/story"
	"github.com/sceau-project/sceau/policy"
)

// leastPlanted is how many lines must be there to look for, or their absence
// would say little.
const leastPlanted = 80

type demoCommand struct {
	Conversations string `type:"existingfile" placeholder:"FILE" help:"Conversations to play, a JSON array; the project's own when left out."`
	Count         int    `placeholder:"N" help:"Play the first N of them; all when left out."`
	Data          string `default:"build/demo" type:"path" placeholder:"DIR" help:"Directory that is emptied and filled (${default})."`
	Bin           string `hidden:"" type:"path" help:"Directory of the other binaries; beside this one when empty."`
}

// Run plays the demonstration and fails unless everything went as told.
func (c *demoCommand) Run(ctx context.Context, con *console) error {
	began := time.Now()
	sceau, err := binary(c.Bin, "sceau")
	if err != nil {
		return err
	}
	inspect, err := binary(c.Bin, "sceau-inspect")
	if err != nil {
		return err
	}
	if c.Count < 0 {
		return fmt.Errorf("%w: --count must not be negative", errUsage)
	}
	cast, err := c.cast()
	if err != nil {
		return err
	}
	if err := stack.Clear(c.Data); err != nil {
		return err
	}
	calls, err := newPager()
	if err != nil {
		return err
	}
	defer calls.close()
	s, err := stack.Start(ctx, stack.Config{
		Dir: c.Data, Sceau: sceau, Level: "debug", Busy: true, Pager: &calls.Pager,
		Say: func(what string) { con.line("%s", what) }, Progress: con.progress,
	})
	con.done()
	if err != nil {
		return err
	}
	con.line("ready in %.1f s; playing %d conversations", time.Since(began).Seconds(), len(cast))
	planted, innocent, result, err := c.play(ctx, con, s, calls, cast, inspect)
	con.done()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if err = errors.Join(err, s.Stop(stop)); err != nil {
		return err
	}
	if err := c.search(ctx, con, planted, innocent); err != nil {
		return err
	}
	if n := len(result.Failed); n > 0 {
		for _, f := range result.Failed {
			con.line("%s", f)
		}
		return fmt.Errorf("%d of %d checks failed; the logs are in %s", n, n+result.Passed, filepath.Join(c.Data, "log"))
	}
	con.line("demonstration: %d conversations, %d messages, %d checks as they should be, in %.0f s",
		result.Conversations, result.Messages, result.Passed, time.Since(began).Seconds())
	return nil
}

func (c *demoCommand) cast() ([]story.Conversation, error) {
	if c.Conversations == "" {
		return story.Cast(story.Default(), c.Count), nil
	}
	f, err := os.Open(c.Conversations)
	if err != nil {
		return nil, fmt.Errorf("reading the conversations: %w", err)
	}
	defer f.Close()
	cs, err := story.Read(f)
	if err != nil {
		return nil, err
	}
	return story.Cast(cs, c.Count), nil
}

// play plays the story, exports the log and has the inspector's tool verify it.
func (c *demoCommand) play(ctx context.Context, con *console, s *stack.Stack, calls *pager, cast []story.Conversation, inspect string) (*story.Planted, map[string]bool, story.Result, error) {
	planted := &story.Planted{}
	for _, conversation := range cast {
		for _, m := range conversation.Messages {
			planted.Add(m.Text)
		}
	}
	// A foreign script may hold lines that a database's own files hold too.
	innocent, err := planted.Innocent(ctx, c.Data)
	if err != nil {
		return nil, nil, story.Result{}, err
	}
	told := storyConfig(s, con, cast, planted)
	told.Called = calls.called
	result, err := story.Play(ctx, told)
	con.done()
	if err != nil {
		return nil, nil, result, err
	}
	export := filepath.Join(c.Data, "export")
	if err := s.Export(ctx, export, "demonstration"); err != nil {
		return nil, nil, result, err
	}
	con.line("exported the log to %s", export)
	if err := c.inspections(ctx, con, s, inspect, export); err != nil {
		return nil, nil, result, err
	}
	return planted, innocent, result, nil
}

// inspections has the inspector's tool verify the export, ask every decision again,
// and ask what another policy would have said. Each must exit 0, and say what the
// night left to be said.
func (c *demoCommand) inspections(ctx context.Context, con *console, s *stack.Stack, inspect, export string) error {
	other, err := s.Bundle(policy.Production)
	if err != nil {
		return err
	}
	for _, one := range []struct {
		args []string
		says string
	}{
		{[]string{"verify", export}, "All hold."},
		{[]string{"replay", export}, "erased by entry "},
		{[]string{"replay", "--with", other, export}, "identity.release"},
	} {
		con.line("sceau-inspect %s", strings.Join(one.args, " "))
		out, err := stack.Run(ctx, inspect, append([]string{"--lang", "en"}, one.args...)...)
		for i, line := range strings.Split(strings.TrimSpace(string(out)), "\n") {
			if i == mostShown {
				con.line("  …")
			}
			if i < mostShown || strings.HasPrefix(line, "All ") {
				con.line("  %s", line)
			}
		}
		if err != nil {
			return fmt.Errorf("sceau-inspect %s: %w", strings.Join(one.args, " "), err)
		}
		if !strings.Contains(string(out), one.says) {
			return fmt.Errorf("sceau-inspect %s does not say %q", strings.Join(one.args, " "), one.says)
		}
	}
	return nil
}

// mostShown is how many lines are shown of what the inspector's tool says.
const mostShown = 14

// search looks for every planted line, and for case keys, in all the stack left.
func (c *demoCommand) search(ctx context.Context, con *console, planted *story.Planted, innocent map[string]bool) error {
	list := filepath.Clean(c.Data) + "-planted.txt"
	n, err := planted.Write(list, innocent)
	if err != nil {
		return err
	}
	if n < leastPlanted {
		return fmt.Errorf("only %d lines were planted that could be searched for; %d are needed", n, leastPlanted)
	}
	raw, err := os.ReadFile(list)
	if err != nil {
		return fmt.Errorf("reading the planted lines: %w", err)
	}
	for what, lines := range map[string][]string{
		fmt.Sprintf("%d planted lines (%s)", n, list): strings.Split(strings.TrimSuffix(string(raw), "\n"), "\n"),
		"case keys": {"AGE-SECRET-KEY-"},
	} {
		found, files, err := story.Find(ctx, c.Data, lines)
		if err != nil {
			return err
		}
		if len(found) > 0 {
			return fmt.Errorf("%d of %s are in clear in %s", len(found), what, strings.Join(files, ", "))
		}
		con.line("✓ %s searched for in %s → nowhere in clear", what, c.Data)
	}
	return nil
}
