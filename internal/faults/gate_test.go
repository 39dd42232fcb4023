package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/staff"
)

// gateVariable makes this test binary a custodian: its value is a gateConfig.
const gateVariable = "SCEAU_FAULTS_GATE"

// A gateConfig is what cmd/sceau would read from a file.
type gateConfig struct {
	Database, Vault, RoleID, SecretID, Issuer string
	Signers                                   []policy.Signer
	StateDir, Socket                          string
	PauseFile                                 string // names a step at which the process stops itself, once
}

func TestMain(m *testing.M) {
	text := os.Getenv(gateVariable)
	if text == "" {
		os.Exit(m.Run())
	}
	var c gateConfig
	err := json.Unmarshal([]byte(text), &c)
	if err == nil {
		err = c.guard()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// guard is a custodian's whole life, as cmd/sceau would lead it, but for the
// steps at which a test stops it.
func (c gateConfig) guard() (err error) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	logger := slog.New(slog.NewTextHandler(os.Stderr, nil))
	cfg, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return err
	}
	cfg.MaxConns = 16
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return err
	}
	defer pool.Close()
	var log *pglog.Log
	for {
		if log, err = pglog.Open(ctx, pglog.Config{Pool: pool, Via: audit.ViaCustodian}); err == nil {
			break
		}
		if !errors.Is(err, pglog.ErrUnavailable) || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // a service manager would start it again
	}
	defer log.Close()
	vault, err := custody.Open(custody.Config{
		Address: c.Vault, RoleIDFile: c.RoleID, SecretIDFile: c.SecretID,
		CasesMount: devstack.CasesMount, TransitMount: devstack.TransitMount, PepperKey: devstack.PepperKey, RecipientsKey: devstack.RecipientsKey,
		Timeout: 3 * time.Second, Logger: logger,
	})
	if err != nil {
		return err
	}
	defer vault.Close()
	tokens, err := staff.NewVerifier(staff.Config{
		Issuer: c.Issuer, Audience: "sceau-custodian", PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name",
	})
	if err != nil {
		return err
	}
	defer tokens.Close()
	pinned, err := policy.Pin(log.Origin(), c.Signers)
	if err != nil {
		return err
	}
	gate, err := custodian.New(custodian.Config{
		Log: log, Pool: pool, Vault: vault, Staff: tokens, Policy: pinned,
		StateDir: c.StateDir, Classical: true, ReadyKeys: 16,
		IdleTimeout: time.Minute, SessionLimit: time.Hour, PhraseRate: 1000, PhraseBurst: 1000, PhraseEvery: time.Nanosecond,
		Logger: logger, Reached: c.reached,
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, gate.Close()) }()
	return gate.Serve(ctx, c.Socket)
}

// reached stops the whole process where the test wants it stopped, as a machine
// that is suspended, or a neighbour's load, would.
func (c gateConfig) reached(s custodian.Step) {
	if b, err := os.ReadFile(c.PauseFile); err != nil || string(b) != string(s) {
		return
	}
	if os.Remove(c.PauseFile) == nil {
		_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) // of oneself: cannot fail
	}
}

// A gate is the custodian's process, as the test that started it sees it.
type gate struct {
	*trial
	config gateConfig
	log    string // file
	proc   *devstack.Process
	client *order.Client
}

// start runs the custodian, and returns when it answers.
func (g *gate) start() {
	g.Helper()
	text, err := json.Marshal(g.config)
	g.must(err)
	self, err := os.Executable()
	g.must(err)
	g.proc, err = devstack.Start(devstack.Command{Name: "custodian", Path: self, Env: append(os.Environ(), gateVariable+"="+string(text)), Log: g.log})
	g.must(err)
	g.client = order.NewClient(g.config.Socket)
	if took, ok := g.until(20*time.Second, func() bool {
		_, err := g.client.Ready(g.Context())
		return err == nil
	}); !ok {
		g.Fatalf("no custodian after %v: %v", took, g.proc.Err())
	}
}

// stop ends it as a service manager would.
func (g *gate) stop() {
	g.Helper()
	g.client.Close()
	if err := g.proc.Stop(context.Background()); err != nil {
		g.Error(err)
	}
}

// down is what the custodian says it waits for.
func (g *gate) down() string {
	ready, err := g.client.Ready(g.Context())
	if err != nil {
		return "custodian"
	}
	return strings.Join(ready.Down, ",")
}

// said is whether the custodian's own log holds these words.
func (g *gate) said(words string) bool {
	b, err := os.ReadFile(g.log)
	return err == nil && strings.Contains(string(b), words)
}

// pauseAt lets the process stop itself when it next reaches a step.
func (g *gate) pauseAt(s custodian.Step) {
	g.Helper()
	// Whole at once: the process may look at any moment.
	g.must(os.WriteFile(g.config.PauseFile+".new", []byte(s), 0o600))
	g.must(os.Rename(g.config.PauseFile+".new", g.config.PauseFile))
}

// paused is whether the process is stopped.
func (g *gate) paused() bool {
	b, err := os.ReadFile(filepath.Join("/proc", fmt.Sprint(g.proc.PID()), "stat"))
	return err == nil && strings.Contains(string(b), ") T ")
}
