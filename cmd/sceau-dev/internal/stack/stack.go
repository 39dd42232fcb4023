// Package stack runs a whole Sceau on one machine, in one directory: PostgreSQL,
// Vault, an OpenID Connect issuer, and the three processes of the service from
// bin/sceau, each with its own configuration file and database role. Only the
// custodian's file names Vault credentials.
//
// The directory belongs to one running stack at a time. It holds, besides data,
// every secret of the stack in files of mode 0600: it is for development.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/migrations"
	"github.com/sceau-project/sceau/policy"
)

// ErrStop means that a stack which could not start did not stop cleanly either.
var ErrStop = errors.New("stopping what had been started")

// database is the name of the stack's database.
const database = "sceau"

// duplicateDatabase is duplicate_database (PostgreSQL's appendix A).
const duplicateDatabase = "42P04"

// ProxyAddress is the one address that the public face trusts as a proxy. It is
// loopback, yet not the one that a browser on this machine comes from.
const ProxyAddress = "127.0.0.2"

// Config says where a stack lives and listens.
type Config struct {
	Dir    string // data; made when absent
	Sceau  string // path of the sceau binary
	Public string // listen addresses; a free loopback port when empty
	Staff  string
	Issuer string
	Level  string // of the processes' logs: debug, info, warn, error
	// Busy raises the limits of requests: many people then come from few
	// sessions and prefixes, as no real ones do.
	Busy bool
	// Accounts are who can sign in; devissuer.Accounts when nil.
	Accounts []devissuer.Account
	// Pager is called when something waits for staff. Nil: nobody is called.
	Pager *Pager
	// Say hears what is being done, Progress how far a long step is.
	Say      func(string)
	Progress devstack.Progress
}

// Pager is a receiver of notices on this machine.
type Pager struct{ URL, Secret string }

// Stack is a running stack.
type Stack struct {
	PublicURL, StaffURL string
	Issuer              *devissuer.Server
	Postgres            *devstack.Postgres
	Vault               *devstack.Vault
	Socket              string // the custodian's

	cfg        Config
	lock       *os.File
	state      *state
	supervisor *devstack.Supervisor
	processes  map[string]*devstack.Process // of the service itself
	sockets    string                       // directory of Socket
	stopped    bool
}

// Start starts everything and returns when every process says it is ready. On
// an error nothing is left running.
func Start(ctx context.Context, cfg Config) (*Stack, error) {
	var err error
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("starting the stack: %w", err)
	}
	if cfg.Say == nil {
		cfg.Say = func(string) {}
	}
	if cfg.Level == "" {
		cfg.Level = "info"
	}
	if err := freePorts(&cfg.Public, &cfg.Staff, &cfg.Issuer); err != nil {
		return nil, err
	}
	s := &Stack{cfg: cfg, supervisor: devstack.NewSupervisor(), processes: map[string]*devstack.Process{},
		PublicURL: "http://" + cfg.Public, StaffURL: "http://" + cfg.Staff}
	for _, d := range []string{".", "config", "log", "policy", "secrets", "custodian"} {
		if err := os.MkdirAll(filepath.Join(cfg.Dir, d), 0o700); err != nil {
			return nil, fmt.Errorf("starting the stack: %w", err)
		}
	}
	if s.lock, err = lockDir(cfg.Dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		// Not the caller's context: that may be what ended the start.
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		if serr := s.Stop(stop); serr != nil {
			err = errors.Join(err, fmt.Errorf("%w: %w", ErrStop, serr))
		}
		return nil, err
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if s.state, err = loadState(s.cfg.Dir); err != nil {
		return err
	}
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"PostgreSQL", s.startPostgres},
		{"Vault", s.startVault},
		{"the OpenID Connect issuer", s.startIssuer},
		{"the schema and the policy", s.prepare},
		{"the custodian and the two faces", s.startProcesses},
	} {
		s.cfg.Say("starting " + step.what)
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) path(elem ...string) string {
	return filepath.Join(append([]string{s.cfg.Dir}, elem...)...)
}

func (s *Stack) startPostgres(ctx context.Context) (err error) {
	s.Postgres, err = devstack.StartPostgres(ctx, devstack.PostgresConfig{Dir: s.path("postgres")})
	if err != nil {
		return err
	}
	return devstack.CreateRoles(ctx, s.Postgres.SuperuserURL("postgres"), s.state.Passwords)
}

func (s *Stack) startVault(ctx context.Context) (err error) {
	s.Vault, err = devstack.StartVault(ctx, devstack.VaultConfig{Dir: s.path("vault"), Progress: s.cfg.Progress})
	if err != nil {
		return err
	}
	return s.Vault.Provision(ctx)
}

func (s *Stack) startIssuer(context.Context) (err error) {
	s.Issuer, err = devissuer.Start(devissuer.Config{Dir: s.path("issuer"), Listen: s.cfg.Issuer, Accounts: s.cfg.Accounts})
	return err
}

// prepare brings the database up to date, writes the configuration files, and
// puts the demonstration's policy in force when no policy is yet.
func (s *Stack) prepare(ctx context.Context) error {
	if !s.state.Database {
		// A start that broke off may have made the database already.
		err := devstack.CreateDatabase(ctx, s.Postgres.SuperuserURL("postgres"), database)
		var fault *pgconn.PgError
		if err != nil && !(errors.As(err, &fault) && fault.Code == duplicateDatabase) {
			return err
		}
	}
	owner := s.URL("sceau_owner")
	if err := migrations.Up(ctx, owner); err != nil {
		return err
	}
	if err := migrations.InitLog(ctx, owner, s.state.Origin); err != nil {
		return err
	}
	if err := s.writeConfigs(ctx); err != nil {
		return err
	}
	if s.state.Policy == "" {
		if err := s.Activate(ctx, policy.Demonstration); err != nil {
			return err
		}
	}
	s.state.Database = true
	return s.state.write(s.cfg.Dir)
}

func (s *Stack) startProcesses(ctx context.Context) error {
	for _, p := range service {
		if err := s.StartProcess(p.name); err != nil {
			return err
		}
	}
	for _, base := range []string{s.PublicURL, s.StaffURL} {
		if err := s.awaitReady(ctx, base+"/readyz"); err != nil {
			return err
		}
	}
	return nil
}

// URL is how a role reaches the database.
func (s *Stack) URL(role string) string {
	return s.Postgres.URL(role, s.state.Passwords[role], database)
}

// SuperuserURL is how somebody above every role reaches the database.
func (s *Stack) SuperuserURL() string { return s.Postgres.SuperuserURL(database) }

// Ended delivers the name of a process that ended although nobody stopped it.
func (s *Stack) Ended() <-chan error {
	c := make(chan error, 1)
	go func() {
		select {
		case p := <-s.supervisor.Ended():
			c <- p.Err()
		case <-s.Postgres.Process().Done():
			c <- s.Postgres.Process().Err()
		case <-s.Vault.Process().Done():
			c <- s.Vault.Process().Err()
		}
	}()
	return c
}

// Stop stops everything, those who use a server before the server. It always
// tries all, and may be called twice.
func (s *Stack) Stop(ctx context.Context) error {
	if s.stopped {
		return nil
	}
	s.stopped = true
	errs := []error{s.supervisor.Stop(ctx)}
	if s.Issuer != nil {
		errs = append(errs, s.Issuer.Close())
	}
	if s.Vault != nil {
		errs = append(errs, s.Vault.Stop(ctx))
	}
	if s.Postgres != nil {
		errs = append(errs, s.Postgres.Stop(ctx))
	}
	if s.sockets != "" {
		os.RemoveAll(s.sockets)
	}
	return errors.Join(append(errs, s.lock.Close())...)
}

// freePorts fills empty addresses with loopback ports that nobody listens on.
func freePorts(addrs ...*string) error {
	var held []net.Listener
	defer func() {
		for _, ln := range held {
			ln.Close()
		}
	}()
	for _, a := range addrs {
		if *a != "" {
			continue
		}
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return fmt.Errorf("looking for a free port: %w", err)
		}
		held = append(held, ln) // until all are found, so that no port is found twice
		*a = ln.Addr().String()
	}
	return nil
}

// environment is what the service's processes get: none of the SCEAU_*
// variables that would go over their configuration.
func environment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "TZ", "GOCOVERDIR"} {
		if v, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+v)
		}
	}
	return env
}
