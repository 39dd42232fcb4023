package faults_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/internal/devstack"
)

// A standby is a second server that follows the first.
type standby struct {
	*world
	*devstack.Postgres
	name string
}

// allowReplication lets the superuser copy the server, and follow it.
func (w *world) allowReplication() {
	w.Helper()
	hba := filepath.Join(w.server.Postgres.Dir, "data", "pg_hba.conf")
	f, err := os.OpenFile(hba, os.O_APPEND|os.O_WRONLY, 0)
	w.must(err)
	_, err = fmt.Fprintf(f, "local replication %s scram-sha-256\n", devstack.Superuser)
	w.must(err)
	w.must(f.Close())
	w.super(`SELECT pg_reload_conf()`)
}

// backup copies the server's cluster as an operator does, into a directory that a
// server can be started from.
func (w *world) backup(name string, more ...string) (dir string) {
	w.Helper()
	pg := w.server.Postgres
	dir = filepath.Join(filepath.Dir(pg.Dir), name)
	w.must(os.Mkdir(dir, 0o711))
	w.must(os.Chmod(dir, 0o777)) // PostgreSQL's user is another's where root is refused; its own data stays closed
	args := append([]string{"--pgdata", filepath.Join(dir, "data"), "--checkpoint", "fast", "--no-sync",
		"--dbname", w.replicationURL(name)}, more...)
	cmd, err := devstack.Tool(w.Context(), "pg_basebackup", args...)
	w.must(err)
	if out, err := cmd.CombinedOutput(); err != nil {
		w.Fatalf("pg_basebackup: %v\n%s", err, out)
	}
	w.must(os.Chmod(dir, 0o711))
	w.must(os.WriteFile(filepath.Join(dir, "superuser.password"), []byte(pg.Password()+"\n"), 0o600))
	return dir
}

// replicationURL is how a standby of that name reaches the server: the name is
// what synchronous_standby_names knows it by.
func (w *world) replicationURL(name string) string {
	pg := w.server.Postgres
	return pg.URL(devstack.Superuser, pg.Password(), "postgres") + "&application_name=" + name
}

// follow starts a standby on a backup.
func (w *world) follow(name string) *standby {
	w.Helper()
	dir := w.backup(name, "--write-recovery-conf")
	pg, err := devstack.StartPostgres(w.Context(), devstack.PostgresConfig{
		Dir: dir, SocketDir: w.standbySocket(name), Disposable: true, Settings: map[string]string{"synchronous_standby_names": ""},
	})
	w.must(err)
	w.Cleanup(func() {
		if err := pg.Stop(context.Background()); err != nil {
			w.Error(err)
		}
	})
	return &standby{world: w, Postgres: pg, name: name}
}

// standbySocket is where a standby listens, known before it is there.
func (w *world) standbySocket(name string) string {
	return filepath.Join(filepath.Dir(w.server.Postgres.Dir), name+".s")
}

// inSync waits until the server counts the standby as one that commits wait for.
func (s *standby) inSync(want string) {
	s.Helper()
	var state any
	if _, ok := s.until(recovery, func() bool {
		row, err := s.ask(`SELECT sync_state FROM pg_stat_replication WHERE application_name = $1`, s.name)
		if err != nil || len(row) == 0 {
			return false
		}
		state = row[0]
		return state == want
	}); !ok {
		s.Fatalf("the standby is %v, want %s", state, want)
	}
}

// promote makes the standby the server that takes writes, as an operator does.
func (s *standby) promote() {
	s.Helper()
	cmd, err := devstack.Tool(s.Context(), "pg_ctl", "promote", "--pgdata", filepath.Join(s.Dir, "data"), "--wait", "--timeout", "30")
	s.must(err)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.Fatalf("pg_ctl promote: %v\n%s", err, out)
	}
}

// cutOff ends what the standby gets from the server, for good.
func (s *standby) cutOff() {
	s.Helper()
	s.must(s.own(`ALTER SYSTEM SET primary_conninfo = 'host=/nowhere'`, nil))
	s.must(s.own(`SELECT pg_reload_conf()`, nil))
	if _, ok := s.until(recovery, func() bool {
		row, err := s.ask(`SELECT count(*) FROM pg_stat_replication`)
		return err == nil && row[0].(int64) == 0
	}); !ok {
		s.Fatal("the standby still follows")
	}
}

// own runs a statement on the standby itself.
func (s *standby) own(sql string, into any) error {
	conn, err := pgx.Connect(s.Context(), s.SuperuserURL(s.db.Name))
	if err != nil {
		return err
	}
	defer conn.Close(context.Background())
	if into == nil {
		_, err := conn.Exec(s.Context(), sql)
		return err
	}
	return conn.QueryRow(s.Context(), sql).Scan(into)
}

// head is how far the standby has the log.
func (s *standby) head() (seq int64, err error) {
	return seq, s.own(`SELECT seq FROM sceau.log_head`, &seq)
}

// setting changes a setting of the server while it runs.
func (w *world) setting(name, value string) {
	w.Helper()
	w.super(fmt.Sprintf(`ALTER SYSTEM SET %s = '%s'`, name, strings.ReplaceAll(value, "'", "''")))
	w.super(`SELECT pg_reload_conf()`)
}
