package runbook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/rig"
)

// A duty is a service, and the operator who is called.
type duty struct {
	*rig.Rig
	server      *pgtest.Server
	backup, wal string // directories that PostgreSQL's user may write to
	bin, pgbin  string // of sceau and sceau-inspect; of PostgreSQL
	desk        string // where the operator works

	amal, diane, hana *rig.Person
}

// begin starts a service on a PostgreSQL and a Vault of its own.
func begin(t *testing.T) *duty {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	d := &duty{desk: t.TempDir()}
	d.server = pgtest.NewServerAs(t, func(c *devstack.PostgresConfig) {
		base := filepath.Dir(c.Dir)
		d.backup, d.wal = filepath.Join(base, "backup", "night"), filepath.Join(base, "wal")
		for _, dir := range []string{d.backup, d.wal} {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(dir, 0o777); err != nil { // PostgreSQL's user may be another
				t.Fatal(err)
			}
		}
	})
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(d.server.Postgres.Stop(t.Context()))
	must(add(filepath.Join(d.data(), "pg_hba.conf"), "local replication "+devstack.Superuser+" scram-sha-256\n"))
	must(add(filepath.Join(d.data(), "postgresql.conf"), archiving(t, d.wal)))
	must(d.server.Postgres.Restart(t.Context()))
	d.server.Super.Reset()
	var err error
	d.pgbin, err = devstack.FindPostgres()
	must(err)
	d.bin = programs(t)
	d.Rig = rig.Start(t, rig.Config{DB: d.server.DB, VaultTimeout: 3 * time.Second})
	d.signIn()
	return d
}

// add appends to a configuration file of PostgreSQL's.
func add(name, text string) error {
	f, err := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// archiving are the runbook's own settings, with the test's directory.
func archiving(t *testing.T, wal string) string {
	t.Helper()
	const example = "/var/backups/sceau/wal"
	settings := book()["archive.conf"].text
	if strings.Count(settings, example) != 2 {
		t.Fatalf("the write-ahead log goes elsewhere:\n%s", settings)
	}
	return "\n" + strings.ReplaceAll(settings, example, wal)
}

// programs builds what an operator has in the path.
var built struct {
	sync.Once
	dir string
	err error
}

func programs(t *testing.T) string {
	t.Helper()
	built.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "sceau-runbook-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-o", built.dir+"/", "./cmd/sceau", "./cmd/sceau-inspect")
		cmd.Dir = root
		if out, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.dir
}

func TestMain(m *testing.M) {
	status := m.Run()
	if built.dir != "" {
		_ = os.RemoveAll(built.dir)
	}
	os.Exit(status)
}

func (d *duty) data() string { return filepath.Join(d.server.Postgres.Dir, "data") }

func (d *duty) signIn() {
	d.amal, d.diane, d.hana = d.Hire("amal"), d.Hire("diane"), d.Hire("hana")
}

// stop ends processes as an operator would.
func (d *duty) stop(names ...string) {
	d.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range names {
		d.Must(d.Process(name).Stop(ctx))
	}
}

// said is what the custodian's /readyz answers by the runbook's own command.
func (d *duty) said() (down string, ready bool) {
	d.Helper()
	var answer struct {
		Ready bool
		Down  []string
	}
	if err := json.Unmarshal([]byte(d.follow("custodian-ready")), &answer); err != nil {
		return "no answer", false
	}
	return strings.Join(answer.Down, ","), answer.Ready
}

// startCustodian starts it and waits until it says something that lasts.
func (d *duty) startCustodian(want string) {
	d.Helper()
	d.StartProcess(rig.Custodian)
	d.Eventually(30*time.Second, "the custodian's socket is there", func() bool { _, err := os.Stat(d.Socket); return err == nil })
	d.Eventually(time.Minute, "the custodian says "+want, func() bool {
		down, ready := d.said()
		return want == "ready" && ready || want == down
	})
}

func (d *duty) startFaces(names ...string) {
	d.Helper()
	for _, name := range names {
		d.StartProcess(name)
	}
	for _, name := range names {
		d.Eventually(time.Minute, "the "+name+" face is ready", func() bool { return d.Down(name) == "" })
	}
}

// takeBackup follows the runbook, Vault's own snapshot apart: the development
// Vault keeps its storage in files, and is halted while they are copied.
func (d *duty) takeBackup() {
	d.Helper()
	d.follow("backup-postgresql")
	pid := d.Vault.Process().PID()
	d.Must(syscall.Kill(pid, syscall.SIGSTOP))
	out, err := exec.Command("cp", "-a", d.storage(), d.vaultCopy()).CombinedOutput()
	d.Must(syscall.Kill(pid, syscall.SIGCONT))
	if err != nil {
		d.Fatalf("%v: %s", err, out)
	}
	d.follow("backup-state")
}

func (d *duty) storage() string   { return filepath.Join(d.Vault.Dir, "storage") }
func (d *duty) vaultCopy() string { return filepath.Join(d.desk, "vault-storage") }

// restoreVault puts Vault's copy in place.
func (d *duty) restoreVault() {
	d.Helper()
	d.Must(d.Vault.Stop(d.Context()))
	d.Must(os.RemoveAll(d.storage()))
	if out, err := exec.Command("cp", "-a", d.vaultCopy(), d.storage()).CombinedOutput(); err != nil {
		d.Fatalf("%v: %s", err, out)
	}
	d.Vault.Restart(d)
}

// startPostgres starts it and waits for the end of its recovery.
func (d *duty) startPostgres() {
	d.Helper()
	d.Must(d.server.Postgres.Restart(d.Context()))
	d.Eventually(time.Minute, "PostgreSQL has recovered", func() bool { return strings.HasPrefix(d.follow("restored"), "f\n") })
	d.DB.Super.Reset()
}

// ask asks as the superuser.
func (d *duty) ask(sql string, args ...any) (value string) {
	d.Helper()
	d.Must(d.DB.Super.QueryRow(d.Context(), sql, args...).Scan(&value))
	return value
}

// destroyed says whether every version of a case's keys is destroyed in Vault.
func (d *duty) destroyed(caseID string) bool {
	d.Helper()
	for _, class := range []string{"transcript", "identity"} {
		secret, err := d.Vault.Root.Logical().ReadWithContext(d.Context(), devstack.CasesMount+"/metadata/"+caseID+"/"+class)
		d.Must(err)
		if secret == nil {
			return false
		}
		versions, _ := secret.Data["versions"].(map[string]any)
		for _, v := range versions {
			if gone, _ := v.(map[string]any)["destroyed"].(bool); !gone {
				return false
			}
		}
	}
	return true
}

// write has a minor write.
func write(p *rig.Person, text string) {
	p.Wants("ok", http.MethodPost, "/conversation/messages", rig.Object{"text": text})
}

// reads says whether a page of messages holds a text.
func reads(p *rig.Person, path, text string) bool {
	r := p.Send("", http.MethodGet, path, nil)
	return r.Outcome() == "ok" && strings.Contains(string(r.Body), text)
}

// erase has a minor ask, a privacy officer grant, and waits until the keys are gone.
func (d *duty) erase(t *rig.Talk) {
	d.Helper()
	var asked struct{ ID string }
	t.Minor.Into(&asked, http.MethodPost, "/conversation/erasures", nil)
	d.hana.Wants("ok", http.MethodPost, "/privacy/erasures/"+asked.ID+"/decide", rig.Object{"verdict": "granted"})
	d.Eventually(30*time.Second, "the keys are destroyed", func() bool { return d.destroyed(t.ID) })
}

// load writes and opens until it is ended, which tells how often it succeeded. It
// opens less often than cases are ready.
func (d *duty) load(t *rig.Talk) (end func() int64) {
	stop := make(chan struct{})
	var work sync.WaitGroup
	var done atomic.Int64
	each := func(times int, do func() bool) {
		work.Go(func() {
			for range times {
				select {
				case <-stop:
					return
				default:
				}
				if do() {
					done.Add(1)
				}
			}
		})
	}
	each(1_000_000, func() bool {
		return t.Minor.Send("", http.MethodPost, "/conversation/messages", rig.Object{"text": "Still here."}).Outcome() == "ok"
	})
	each(8, func() bool {
		var opened struct{ Token string }
		r := d.Minor("").Send("", http.MethodPost, "/conversations", rig.Object{"postal_code": "35000", "topic": "threats"})
		return r.Outcome() == "ok" && json.Unmarshal(r.Body, &opened) == nil &&
			d.Minor(opened.Token).Send("", http.MethodPost, "/conversation/close", nil).Outcome() == "ok"
	})
	return func() int64 { close(stop); work.Wait(); return done.Load() }
}
