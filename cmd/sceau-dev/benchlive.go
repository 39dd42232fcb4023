package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/cmd/sceau-dev/internal/stack"
	"github.com/sceau-project/sceau/internal/bench"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/policy"
)

const (
	crowdSize   = 1000 // conversations open at once
	crowdAgents = 125  // so that each has eight, more than anybody should
	fewTalks    = 100  // the baseline
)

// live measures a crowd on a stack of its own, that is gone after.
func (c *benchCommand) live(ctx context.Context, con *console) (_ []bench.Figure, err error) {
	sceau, err := binary(c.Bin, "sceau")
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(filepath.Dir(c.Out), "bench-stack-")
	if err != nil {
		return nil, fmt.Errorf("measuring a crowd: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	accounts := make([]devissuer.Account, crowdAgents)
	for i := range accounts {
		accounts[i] = devissuer.Account{Name: fmt.Sprintf("agent-%03d", i), Person: fmt.Sprintf("P-%03d", i), Full: fmt.Sprintf("Agent %03d", i),
			Unit: "rennes", Roles: []string{policy.RoleAgent}}
	}
	s, err := stack.Start(ctx, stack.Config{
		Dir: dir, Sceau: sceau, Busy: true, Accounts: accounts, Level: "warn",
		Say: func(what string) { con.line("%s", what) }, Progress: con.progress,
	})
	con.done()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Stop(context.WithoutCancel(ctx))) }()
	if err := s.Activate(ctx, policy.Production); err != nil {
		return nil, err
	}
	tokens := make([]string, len(accounts))
	for i, a := range accounts {
		con.progress("agents sign in", i, len(accounts))
		if tokens[i], err = s.Issuer.Token(ctx, a.Name); err != nil {
			return nil, err
		}
	}
	crowd, err := bench.Live(ctx, bench.LiveConfig{
		Public: s.PublicURL, Staff: s.StaffURL, Agents: tokens, Conversations: crowdSize, Baseline: fewTalks,
		Every: 10 * time.Second, Each: 20 * time.Second, Rounds: min(c.Rounds, 3), Progress: con.progress,
		Memory: func() (map[string]float64, error) { return memory(s, "public", "staff") },
	})
	if err != nil {
		return nil, err
	}
	// Of an agent who has eight of the conversations side by side.
	page, err := firstByte(ctx, s, accounts[0].Name, min(c.Rounds, 3))
	return append(crowd, page), err
}

// memory is the most that each process has taken so far, in MB (VmHWM of proc(5)).
func memory(s *stack.Stack, names ...string) (map[string]float64, error) {
	all := map[string]float64{}
	for _, name := range names {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.Process(name).PID()))
		if err != nil {
			return nil, fmt.Errorf("reading what %s takes: %w", name, err)
		}
		for line := range strings.Lines(string(text)) {
			if field := strings.Fields(line); len(field) == 3 && field[0] == "VmHWM:" {
				kb, err := strconv.ParseFloat(field[1], 64)
				if err != nil {
					return nil, fmt.Errorf("reading what %s takes: %w", name, err)
				}
				all[name] = kb * 1024 / 1e6
			}
		}
		if all[name] == 0 {
			return nil, fmt.Errorf("the system does not say what %s takes", name)
		}
	}
	return all, nil
}
