// Package pgtest hands each test a database of its own on a real PostgreSQL:
// migrated, with the roles and privileges of a production installation, fsync
// on. When the test ends, the chain in its log is verified from the leaves up.
package pgtest

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/devstack"
)

// DB is one test's database.
type DB struct {
	// Name of the database in its cluster.
	Name string
	// Super is the superuser's pool: for attacks that no role may carry out,
	// and for looking at what a test has left.
	Super *pgxpool.Pool

	url      func(role, database string) string
	tampered bool
}

// New returns a fresh database with a migrated schema and an empty log of
// origin [Origin]. Roles belong to the cluster, which other tests share: a
// test that alters a role or the server itself uses [NewServer].
func New(t testing.TB) *DB {
	t.Helper()
	c, err := shared()
	if err != nil {
		unavailable(t, err)
	}
	ctx := context.Background()
	name, err := c.create(ctx)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.drop(ctx, name); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return open(t, name, c.url)
}

// Server is a cluster of one test's own, which it may stop, kill and restart.
type Server struct {
	*DB
	Postgres *devstack.Postgres
}

// NewServer starts a cluster for this test alone, in about three seconds.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return NewServerAs(t, func(*devstack.PostgresConfig) {})
}

// NewServerAs is [NewServer] with a configuration of the test's own. Its Dir,
// which does not exist yet, and its SocketDir are chosen already.
func NewServerAs(t testing.TB, change func(*devstack.PostgresConfig)) *Server {
	t.Helper()
	if _, err := devstack.FindPostgres(); err != nil {
		unavailable(t, err)
	}
	ctx := context.Background()
	// Not t.TempDir: nobody but root may enter that, and PostgreSQL refuses root.
	dir, err := os.MkdirTemp("", "sceau-pgtest-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("remove the test's PostgreSQL: %v", err)
		}
	})
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	cfg := devstack.PostgresConfig{Dir: filepath.Join(dir, "pg"), SocketDir: filepath.Join(dir, "s"), Disposable: true}
	change(&cfg)
	pg, err := devstack.StartPostgres(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(ctx); err != nil {
			t.Errorf("stop the test's PostgreSQL: %v", err)
		}
	})
	c := &cluster{server: server{SocketDir: pg.SocketDir, Superuser: pg.Password(), Roles: devstack.NewPasswords()}}
	if err := c.prepare(ctx); err != nil {
		t.Fatal(err)
	}
	return &Server{DB: open(t, c.template, c.url), Postgres: pg}
}

func open(t testing.TB, name string, url func(role, database string) string) *DB {
	t.Helper()
	d := &DB{Name: name, url: url}
	d.Super = d.Pool(t, devstack.Superuser)
	t.Cleanup(func() {
		if d.tampered {
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := verify(ctx, d.URL(devstack.Superuser)); err != nil {
			t.Errorf("the log does not hold at the end of the test: %v", err)
		}
	})
	return d
}

// URL is the connection string of a role ("sceau_public" and so on; see
// [devstack.Roles]).
func (d *DB) URL(role string) string { return d.url(role, d.Name) }

// Pool connects as a role; it is closed when the test ends.
func (d *DB) Pool(t testing.TB, role string) *pgxpool.Pool {
	t.Helper()
	cfg, err := pgxpool.ParseConfig(d.URL(role))
	if err != nil {
		t.Fatalf("connection string of %s: %v", role, err)
	}
	cfg.MaxConns = 16
	pglog.HearWarnings(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	if err != nil {
		t.Fatalf("connect as %s: %v", role, err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// Tampered says that the test breaks the log on purpose, so that it shall not
// be verified when the test ends.
func (d *DB) Tampered() { d.tampered = true }
