package devstack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/migrations"
)

func needPostgres(t *testing.T) {
	t.Helper()
	if _, err := devstack.FindPostgres(); errors.Is(err, devstack.ErrNoPostgres) && os.Getenv("CI") == "" {
		t.Skip("skipped: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// passable is a temporary directory that PostgreSQL's user can pass through,
// whoever that is: a test's own is closed to all but the one who runs it.
func passable(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "devstack")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) }) // a killed server's children may still be writing
	if err := os.Chmod(dir, 0o711); err != nil {
		t.Fatal(err)
	}
	return dir
}

func needVault(t *testing.T) {
	t.Helper()
	if _, err := devstack.VaultBinary(context.Background(), nil); errors.Is(err, devstack.ErrNoVault) && os.Getenv("CI") == "" {
		t.Skip("skipped: ", err)
	} else if err != nil {
		t.Fatal(err)
	}
}

// What a developer's stack must do: keep its data over a clean stop and over a
// crash, keep its passwords, and be provisioned again without harm.
func TestPostgresKeepsItsData(t *testing.T) {
	needPostgres(t)
	ctx := context.Background()
	dir := filepath.Join(passable(t), strings.Repeat("long/", 20)) // longer than a socket's path may be
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{Dir: dir, Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(ctx); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(pg.SocketDir); err == nil {
			t.Errorf("%s is left behind", pg.SocketDir)
		}
	})
	passwords := devstack.NewPasswords()
	provision := func(origin string) error {
		return errors.Join(
			devstack.CreateRoles(ctx, pg.SuperuserURL("postgres"), passwords),
			devstack.CreateDatabase(ctx, pg.SuperuserURL("postgres"), "sceau"),
			migrations.Up(ctx, pg.URL("sceau_owner", passwords["sceau_owner"], "sceau")),
			migrations.InitLog(ctx, pg.URL("sceau_owner", passwords["sceau_owner"], "sceau"), origin))
	}
	if err := provision("sceau.test/devstack"); err != nil {
		t.Fatal(err)
	}
	query(t, pg.SuperuserURL("sceau"), `CREATE TABLE kept AS SELECT 42 AS n`)

	if err := pg.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	if err := pg.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	pg.Kill()
	if err := pg.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	if err := provision("sceau.test/devstack"); err != nil {
		t.Fatal(err)
	}
	for role, password := range passwords {
		query(t, pg.URL(role, password, "sceau"), `SELECT 1`)
	}
	if got := query(t, pg.SuperuserURL("sceau"), `SELECT n FROM kept`); got != "42" {
		t.Errorf("kept %s", got)
	}
	if err := provision("sceau.test/another"); err == nil {
		t.Error("a log was given a second origin")
	}
	if _, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{Dir: dir}); err == nil {
		t.Error("a second server started on the same data")
	}
}

func TestPostgresRefusesWhoHasNoPassword(t *testing.T) {
	needPostgres(t)
	ctx := context.Background()
	pg, err := devstack.StartPostgres(ctx, devstack.PostgresConfig{Dir: filepath.Join(passable(t), "pg"), Disposable: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pg.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	for _, password := range []string{"", "guess"} {
		if conn, err := pgx.Connect(ctx, pg.URL("postgres", password, "postgres")); err == nil {
			conn.Close(ctx)
			t.Errorf("signed in with password %q", password)
		}
	}
}

func TestVaultKeepsItsData(t *testing.T) {
	needVault(t)
	ctx := context.Background()
	dir := t.TempDir()
	start := func() *devstack.Vault {
		v, err := devstack.StartVault(ctx, devstack.VaultConfig{Dir: filepath.Join(dir, "vault")})
		if err != nil {
			t.Fatal(err)
		}
		if err := v.Provision(ctx); err != nil {
			t.Fatal(err)
		}
		return v
	}
	credentials := func(v *devstack.Vault) string {
		files, err := v.Credentials(ctx, "custodian", filepath.Join(dir, "custodian"))
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(files.SecretIDFile)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Login(ctx, files); err != nil {
			t.Error(err)
		}
		return string(b)
	}
	v := start()
	secret := credentials(v)
	mac := func(v *devstack.Vault) any {
		s, err := v.Root.Logical().Write("sceau-transit/hmac/phrase-pepper", map[string]any{"input": "Zm9v"})
		if err != nil {
			t.Fatal(err)
		}
		return s.Data["hmac"]
	}
	before := mac(v)
	if err := v.Stop(ctx); err != nil {
		t.Fatal(err)
	}
	v = start()
	defer v.Kill()
	if got := mac(v); got != before {
		t.Error("another pepper after a restart")
	}
	if got := credentials(v); got != secret {
		t.Error("another secret id after a restart, although the first still worked")
	}
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode().Perm())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStopIsOrderlyAndLastStartedFirst(t *testing.T) {
	dir := t.TempDir()
	order := filepath.Join(dir, "order")
	s := devstack.NewSupervisor()
	for _, name := range []string{"first", "second"} {
		script := fmt.Sprintf(`trap 'echo %s >>%s; exit 0' TERM; echo up; while :; do sleep 0.05; done`, name, order)
		log := filepath.Join(dir, name)
		if _, err := s.Start(devstack.Command{Name: name, Path: "/bin/sh", Args: []string{"-c", script}, Log: log}); err != nil {
			t.Fatal(err)
		}
		eventually(t, name+" is up", func() bool { b, _ := os.ReadFile(log); return len(b) > 0 })
	}
	if err := s.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(order); string(b) != "second\nfirst\n" {
		t.Errorf("stopped in the order %q", b)
	}
	if _, err := s.Start(devstack.Command{Name: "late", Path: "/bin/true"}); err == nil {
		t.Error("a child started after the stop")
	}
}

func TestAStubbornChildIsKilledWithItsGroup(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "grandchild")
	script := fmt.Sprintf(`trap '' TERM; sleep 1000 & echo $! >%s; wait; sleep 1000`, pidFile)
	p, err := devstack.Start(devstack.Command{Name: "stubborn", Path: "/bin/sh", Args: []string{"-c", script}, Grace: 300 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the grandchild is up", func() bool { b, _ := os.ReadFile(pidFile); return bytes.HasSuffix(b, []byte("\n")) })
	if err := p.Stop(context.Background()); err == nil {
		t.Error("a kill passed for a clean stop")
	}
	var pid int
	b, _ := os.ReadFile(pidFile)
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the grandchild is gone", func() bool { return gone(pid) })
}

func TestAnUnexpectedEndIsTold(t *testing.T) {
	s := devstack.NewSupervisor()
	log := filepath.Join(t.TempDir(), "log")
	if _, err := s.Start(devstack.Command{Name: "brief", Path: "/bin/sh", Args: []string{"-c", "echo out of luck; exit 3"}, Log: log}); err != nil {
		t.Fatal(err)
	}
	select {
	case p := <-s.Ended():
		if err := p.Err(); err == nil || !strings.Contains(err.Error(), "out of luck") || !strings.Contains(err.Error(), "3") {
			t.Errorf("told %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Error("nobody was told")
	}
}

// A parent that is killed cannot stop its children; the kernel does.
func TestChildrenDieWithTheirParent(t *testing.T) {
	needPostgres(t)
	dir := passable(t)
	parent := exec.Command(os.Args[0])
	parent.Env = append(os.Environ(), "DEVSTACK_TEST_PARENT="+dir)
	out := &bytes.Buffer{}
	parent.Stdout, parent.Stderr = out, out
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	ready := filepath.Join(dir, "ready")
	eventually(t, "the parent has its server", func() bool { _, err := os.Stat(ready); return err == nil })
	var pid int
	b, _ := os.ReadFile(ready)
	if _, err := fmt.Sscan(string(b), &pid); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait() // killed, as it should be
	eventually(t, "PostgreSQL is gone", func() bool { return gone(pid) })
}

func TestMain(m *testing.M) {
	dir := os.Getenv("DEVSTACK_TEST_PARENT")
	if dir == "" {
		os.Exit(m.Run())
	}
	pg, err := devstack.StartPostgres(context.Background(), devstack.PostgresConfig{
		Dir: filepath.Join(dir, "pg"), SocketDir: filepath.Join(dir, "s"), Disposable: true})
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fresh := filepath.Join(dir, "fresh")
	if err := os.WriteFile(fresh, []byte(fmt.Sprintln(pg.Process().PID())), 0o600); err != nil {
		os.Exit(1)
	}
	if err := os.Rename(fresh, filepath.Join(dir, "ready")); err != nil {
		os.Exit(1)
	}
	select {}
}

// gone tells whether a process has ended; a zombie nobody has reaped has.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err != nil || strings.Contains(string(b), ") Z ")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	giveUp := time.After(30 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-giveUp:
			t.Fatalf("not so after 30 s: %s", what)
		}
	}
}

func query(t *testing.T, url, sql string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got string
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			t.Fatal(err)
		}
		got = fmt.Sprint(values...)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return got
}
