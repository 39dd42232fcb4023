package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/internal/bench"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/migrations"
)

type benchCommand struct {
	Out    string `default:"build/bench.json" type:"path" placeholder:"FILE" help:"Where the figures are written (${default})."`
	Rounds int    `default:"5" placeholder:"N" help:"Rounds of each comparison; figures are medians (${default})."`
	Only   string `default:"all" enum:"all,core,live" help:"core: no processes; live: a crowd that talks to a whole stack (${default})."`
	Bin    string `hidden:"" type:"path" help:"Directory of the other binaries; beside this one when empty."`
}

// target is what a figure should reach: a ratio, or an absolute value of ours.
type target struct {
	prefix, suffix string
	ratio, ours    float64 // the one that is set counts
	below          bool    // at most, rather than at least
}

var targets = []target{
	{prefix: "appends, 64 ", suffix: "row per transaction", ratio: 2.5},
	{prefix: "appends, 256 ", suffix: "row per transaction", ratio: 4},
	{prefix: "appends, 256 ", suffix: "same batches", ratio: 0.65},
	{prefix: "verify", ours: 300_000},
	{prefix: "decision ", ours: 100, below: true},
	{prefix: "sealing ", ratio: 1.1, below: true},
	{prefix: "message heard, ", ours: 250, below: true},
	{prefix: "memory of ", ours: 300, below: true},
	{prefix: "first byte of ", ours: 50, below: true},
}

// Run measures everything, prints a table and writes the figures. Targets that
// are missed are marked, not errors: a noisy machine is no defect.
func (c *benchCommand) Run(ctx context.Context, con *console) error {
	if c.Rounds < 1 {
		return fmt.Errorf("%w: --rounds must be at least 1", errUsage)
	}
	began := time.Now()
	ctx, cancel := context.WithTimeoutCause(ctx, 25*time.Minute, errors.New("measuring took more than 25 minutes"))
	defer cancel()
	var figures []bench.Figure
	if err := os.MkdirAll(filepath.Dir(c.Out), 0o755); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	for _, part := range []struct {
		name string
		of   func(context.Context, *console) ([]bench.Figure, error)
	}{{"core", c.core}, {"live", c.live}} {
		if c.Only != "all" && c.Only != part.name {
			continue
		}
		more, err := part.of(ctx, con)
		con.done()
		if err != nil {
			return err
		}
		figures = append(figures, more...)
	}
	con.line("%s", table(figures))
	raw, err := json.MarshalIndent(figures, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	if err := os.WriteFile(c.Out, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	con.line("%d figures in %s, measured in %.0f s", len(figures), c.Out, time.Since(began).Seconds())
	return nil
}

// core measures what needs no process of the service.
func (c *benchCommand) core(ctx context.Context, con *console) ([]bench.Figure, error) {
	con.line("measuring the verifier")
	verify, err := bench.Verify(ctx, c.Rounds)
	if err != nil {
		return nil, err
	}
	con.line("measuring policy")
	decisions, err := bench.Decide(ctx, c.Rounds)
	if err != nil {
		return nil, err
	}
	con.line("measuring sealing")
	sealing, err := bench.Seal(ctx, c.Rounds)
	if err != nil {
		return nil, err
	}
	appends, err := c.appends(ctx, con)
	if err != nil {
		return nil, err
	}
	return slices.Concat(appends, []bench.Figure{verify}, decisions, sealing), nil
}

// appends measures on a PostgreSQL of its own, fsync on, that is gone after.
func (c *benchCommand) appends(ctx context.Context, con *console) (_ []bench.Figure, err error) {
	// Beside the output and not in the system's temporary directory, which may
	// be memory: durable appends are to a disk.
	dir, err := os.MkdirTemp(filepath.Dir(c.Out), "bench-postgres-")
	if err != nil {
		return nil, fmt.Errorf("measuring appends: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	con.line("starting PostgreSQL")
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{Dir: dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pg.Stop(context.WithoutCancel(ctx))) }()
	passwords := devstack.NewPasswords()
	super := pg.SuperuserURL("postgres")
	if err := devstack.CreateRoles(ctx, super, passwords); err != nil {
		return nil, err
	}
	if err := devstack.CreateDatabase(ctx, super, "bench"); err != nil {
		return nil, err
	}
	url := func(role string) string { return pg.URL(role, passwords[role], "bench") }
	if err := migrations.Up(ctx, url("sceau_owner")); err != nil {
		return nil, err
	}
	if err := migrations.InitLog(ctx, url("sceau_owner"), "bench.localhost/1"); err != nil {
		return nil, err
	}
	callers := []int{1, 16, 64, 256}
	step := 0
	return bench.Appends(ctx, bench.AppendConfig{
		StaffURL: url("sceau_staff"), OwnerURL: url("sceau_owner"), Callers: callers, Rounds: c.Rounds,
		Progress: func(string) {
			con.progress("measuring appends", step, len(callers)*c.Rounds)
			step++
		},
	})
}

// table shows the figures, and of each whether it reaches its target.
func table(figures []bench.Figure) string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%-64s %12s %12s %-10s %6s %7s  %s\n", "", "ours", "baseline", "", "ratio", "spread", "target")
	for _, f := range figures {
		fmt.Fprintf(&b, "%-64s %12.1f %12.1f %-10s %6.2f %5.0f %%  %s\n",
			f.Name, f.Ours, f.Baseline, f.Unit, f.Ratio, 100*f.Spread, verdict(f))
	}
	return b.String()
}

func verdict(f bench.Figure) string {
	for _, t := range targets {
		if !strings.HasPrefix(f.Name, t.prefix) || !strings.HasSuffix(f.Name, t.suffix) {
			continue
		}
		got, want, unit := f.Ratio, t.ratio, "×"
		if t.ours > 0 {
			got, want, unit = f.Ours, t.ours, f.Unit
		}
		sign, reached := "≥", got >= want
		if t.below {
			sign, reached = "≤", got <= want
		}
		word := "reached"
		if !reached {
			word = "MISSED"
		}
		return fmt.Sprintf("%s %g %s %s", sign, want, unit, word)
	}
	return ""
}
