package pgtest

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/keeper"
	"github.com/sceau-project/sceau/migrations"
)

// Origin is the origin of the log in every test database.
const Origin = "sceau.test/pgtest"

// server is what test binaries need to know about the cluster they share.
type server struct {
	SocketDir string
	Superuser string            // password
	Roles     map[string]string // role -> password
}

func init() {
	keeper.Register("pg", func(ctx context.Context, dir string) (any, func(), error) {
		pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{
			Dir: filepath.Join(dir, "pg"), SocketDir: filepath.Join(dir, "s"), Disposable: true,
		})
		if err != nil {
			return nil, nil, err
		}
		s := server{SocketDir: pg.SocketDir, Superuser: pg.Password(), Roles: devstack.NewPasswords()}
		// Killed when it does not stop in time: the directory goes anyway.
		return s, func() { _ = pg.Stop(ctx) }, nil
	})
}

// shared is the cluster of all test binaries of this user, and the name of a
// database that holds the migrated schema and is only ever copied.
var shared = sync.OnceValues(func() (*cluster, error) {
	if _, err := devstack.FindPostgres(); err != nil {
		return nil, err
	}
	var s server
	// The settings are part of the key: binaries built from another state of
	// the tree shall not share a cluster with other settings.
	if _, err := keeper.Use("pg", devstack.SettingsDigest(), &s); err != nil {
		return nil, err
	}
	c := &cluster{server: s}
	return c, c.prepare(context.Background())
})

type cluster struct {
	server
	template string
}

func (c *cluster) url(role, database string) string {
	password := c.Roles[role]
	if role == devstack.Superuser {
		password = c.Superuser
	}
	return devstack.SocketURL(c.SocketDir, role, password, database)
}

// prepare makes the template unless another test binary has: named after the
// migrations' contents, renamed into place when complete.
func (c *cluster) prepare(ctx context.Context) error {
	super := c.url(devstack.Superuser, "postgres")
	conn, err := pgx.Connect(ctx, super)
	if err != nil {
		return fmt.Errorf("connect to the test cluster: %w", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, `SELECT pg_advisory_lock(hashtext('pgtest template'))`); err != nil {
		return fmt.Errorf("lock the template: %w", err)
	}
	c.template = "template_" + migrations.Digest()[:16]
	var there bool
	if err := conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, c.template).Scan(&there); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if there {
		return nil
	}
	fresh := c.template + "_new"
	if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+fresh+" WITH (FORCE)"); err != nil {
		return fmt.Errorf("drop an unfinished template: %w", err)
	}
	if err := devstack.CreateRoles(ctx, super, c.Roles); err != nil {
		return err
	}
	if err := devstack.CreateDatabase(ctx, super, fresh); err != nil {
		return err
	}
	owner := c.url("sceau_owner", fresh)
	if err := migrations.Up(ctx, owner); err != nil {
		return err
	}
	if err := migrations.InitLog(ctx, owner, Origin); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+fresh+" RENAME TO "+c.template); err != nil {
		return fmt.Errorf("put the template in place: %w", err)
	}
	return nil
}

// create copies the template for one test and returns the copy's name.
func (c *cluster) create(ctx context.Context) (string, error) {
	name := "test_" + strings.ToLower(rand.Text()[:12])
	conn, err := pgx.Connect(ctx, c.url(devstack.Superuser, "postgres"))
	if err != nil {
		return "", fmt.Errorf("connect to the test cluster: %w", err)
	}
	defer conn.Close(ctx)
	for _, sql := range []string{
		"CREATE DATABASE " + name + " TEMPLATE " + c.template + " OWNER sceau_owner",
		// Privileges on the database itself are not copied.
		"REVOKE ALL ON DATABASE " + name + " FROM PUBLIC",
		"GRANT CONNECT ON DATABASE " + name + " TO sceau_public, sceau_staff, sceau_custodian, sceau_operator",
	} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return "", fmt.Errorf("create a test's database: %w", err)
		}
	}
	return name, nil
}

func (c *cluster) drop(ctx context.Context, name string) error {
	conn, err := pgx.Connect(ctx, c.url(devstack.Superuser, "postgres"))
	if err != nil {
		return fmt.Errorf("connect to the test cluster: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	return err
}

// unavailable skips the test when there is no server and nobody claims that
// there is one; with CI set, or for any other reason, it fails.
func unavailable(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, devstack.ErrNoPostgres) && os.Getenv("CI") == "" {
		t.Skip("skipped: ", err)
	}
	t.Fatal(err)
}
