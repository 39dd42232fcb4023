package faults_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgfault"
)

// mountsVariable says that this process is the one that may mount.
const mountsVariable = "SCEAU_FAULTS_MOUNTS"

// small is how much room the disk that gets full has.
const small = "160m"

// TestDiskFull: the disk is full, of the tables, and of the write-ahead log. What
// cannot be recorded is refused, with an error that says so, and what was
// recorded can be read as long as PostgreSQL can be. When there is room again all
// goes on by itself.
func TestDiskFull(t *testing.T) {
	needServers(t)
	if os.Getenv(mountsVariable) == "" {
		t.Parallel()
		mountingProcess(t)
		return
	}
	t.Run("tables", func(t *testing.T) { tablesFull(begin(t)) })
	t.Run("write-ahead log", func(t *testing.T) { writeAheadLogFull(begin(t)) })
}

// mountingProcess runs the test in a process with mounts of its own: whatever
// happens to it, no mount is left behind. Where the user may not mount, it is root
// of a user namespace.
func mountingProcess(t *testing.T) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=0")
	cmd.Env = append(os.Environ(), mountsVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags = syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.CombinedOutput()
	t.Logf("%s", out)
	if errors.Is(err, syscall.EPERM) || strings.Contains(string(out), cannotMount) {
		t.Skip("SKIPPED, NOT TESTED: this user can mount nothing, so no disk can be made full: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const cannotMount = "cannot mount a small disk"

// A disk is a small file system of a test's own.
type disk struct {
	*trial
	dir string
}

func newDisk(r *trial, dir string) *disk {
	r.Helper()
	r.must(os.MkdirAll(dir, 0o711))
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+small+",mode=0711"); err != nil {
		r.Skipf("%s: %v", cannotMount, err)
	}
	d := &disk{trial: r, dir: dir}
	r.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) }) // goes with this process at the latest
	return d
}

// fill leaves no room.
func (d *disk) fill() {
	d.Helper()
	f, err := os.OpenFile(filepath.Join(d.dir, "ballast"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	d.must(err)
	defer f.Close()
	for _, size := range []int{1 << 20, 4 << 10} {
		block := make([]byte, size)
		for err = nil; err == nil; _, err = f.Write(block) {
		}
		if !errors.Is(err, syscall.ENOSPC) {
			d.Fatal(err)
		}
	}
}

// free makes room again.
func (d *disk) free() {
	d.Helper()
	d.must(os.Remove(filepath.Join(d.dir, "ballast")))
}

// elsewhere moves a part of a stopped server's cluster to another directory.
func elsewhere(r *trial, pg *devstack.Postgres, part, to string) {
	r.Helper()
	from := filepath.Join(pg.Dir, "data", part)
	if out, err := exec.CommandContext(r.Context(), "cp", "-a", from, to).CombinedOutput(); err != nil {
		r.Fatalf("%v: %s", err, out)
	}
	r.must(os.RemoveAll(from))
	r.must(os.Symlink(filepath.Join(to, part), from))
}

// tablesFull: PostgreSQL lives, and can write nothing new.
func tablesFull(r *trial) {
	var d *disk
	var outside string
	w := newWorld(r, func(cfg *devstack.PostgresConfig) {
		d = newDisk(r, cfg.Dir)
		outside = filepath.Join(filepath.Dir(cfg.Dir), "outside")
		r.must(os.Mkdir(outside, 0o777))
		cfg.Settings = map[string]string{"min_wal_size": "32MB", "max_wal_size": "64MB"}
	}, func(w *world) {
		r.must(w.server.Postgres.Stop(r.Context()))
		elsewhere(r, w.server.Postgres, "pg_wal", outside)
		r.must(w.server.Postgres.Restart(r.Context()))
	})
	c := newCrowd(w, 2)
	read, err := c.granted(c.faces[0])
	r.must(err)
	r.rounds(1, func(round int) {
		session, err := w.gate.client.OpenSession(r.Context(), order.OpenSession{Caller: w.staff["amal"].caller, Case: read.id})
		r.must(err)
		if round == 0 {
			c.come(3, 2)
		}
		c.wait(time.Duration(500+r.rng.IntN(1000)) * time.Millisecond)
		d.fill()
		full := w.noRoom(c.faces[1].log)
		// Reading needs no room.
		if _, err := w.gate.client.Unwrap(r.Context(), session.Session, order.Unwrap{Caller: w.staff["amal"].caller, From: 0, To: 2}); err != nil {
			r.Errorf("while the disk is full, reading on: %v", err)
		}
		if _, err := c.faces[0].staff.Messages(r.Context(), read.id, 0, 2); err != nil {
			r.Errorf("while the disk is full, messages: %v", err)
		}
		if _, err := c.faces[0].escalations.Get(r.Context(), w.staff["amal"].Actor, read.esc); err != nil {
			r.Errorf("while the disk is full, the escalation: %v", err)
		}
		// The custodian's entries are shorter: one or another may still find room.
		var before int
		readAnew := func() error {
			before = w.keyReads(read)
			_, err := w.gate.client.OpenSession(r.Context(), order.OpenSession{Caller: w.staff["amal"].caller, Case: read.id})
			return err
		}
		if _, ok := r.until(recovery, func() bool { err = readAnew(); return err != nil }); !ok || !heals(err) {
			r.Errorf("while the disk is full, a new reading: %v", err)
		} else {
			r.Logf("a new reading was refused with %s, an entry with %q", reason(err), full)
		}
		if w.keyReads(read) != before {
			r.Error("Vault was asked for a key under no entry")
		}
		// Whoever asks before sending people there is told. A short entry may find room
		// between a longer one that did not and the question, so it is asked again.
		if _, ok := r.until(5*time.Second, func() bool {
			w.noRoom(c.faces[1].log)
			return errors.Is(c.faces[1].log.Ready(r.Context()), pglog.ErrUnavailable)
		}); !ok {
			r.Error("entries are refused, and the log is ready")
		}
		if _, ok := r.until(recovery, func() bool { return readAnew() != nil && w.gate.down() == "log" }); !ok {
			r.Errorf("entries are refused, and the custodian waits for %q", w.gate.down())
		}
		c.wait(time.Duration(500+r.rng.IntN(1500)) * time.Millisecond)
		d.free()
		c.recovers(c.faces[1])
		for name, ready := range map[string]func() bool{
			"the face's log": func() bool { return c.faces[1].log.Ready(r.Context()) == nil },
			"the custodian":  func() bool { return w.gate.down() == "" },
		} {
			if took, ok := r.until(recovery, ready); !ok {
				r.Errorf("with room again, %s is not ready after %v", name, took)
			}
		}
	})
	c.check()
}

// noRoom appends until PostgreSQL has no room left for an entry, and returns the
// error.
func (w *world) noRoom(log *pglog.Log) (full error) {
	w.Helper()
	if took, ok := w.until(20*time.Second, func() bool {
		_, full = log.Append(w.Context(), pglog.Draft{Actor: w.staff["bruno"].Actor, Action: audit.ActionStaffSignedIn})
		return full != nil
	}); !ok {
		w.Fatalf("entries find room after %v", took)
	}
	if !heals(full) {
		w.Errorf("a full disk is refused with %v, which a face does not take for one", full)
	}
	return full
}

// writeAheadLogFull: PostgreSQL dies of it, again and again, until there is room.
func writeAheadLogFull(r *trial) {
	var d *disk
	w := newWorld(r, func(cfg *devstack.PostgresConfig) {
		d = newDisk(r, filepath.Join(filepath.Dir(cfg.Dir), "wal"))
		cfg.Settings = map[string]string{"min_wal_size": "32MB", "max_wal_size": "48MB"}
	}, func(w *world) {
		r.must(w.server.Postgres.Stop(r.Context()))
		elsewhere(r, w.server.Postgres, "pg_wal", d.dir)
		r.must(w.server.Postgres.Restart(r.Context()))
	})
	pg := w.server.Postgres
	c := newCrowd(w, 2)
	c.come(3, 4)
	r.rounds(1, func(int) {
		c.wait(time.Duration(300+r.rng.IntN(700)) * time.Millisecond)
		d.fill()
		// What is left of the segments that are there is used up by others.
		use, cancel := context.WithTimeout(r.Context(), 30*time.Second)
		defer cancel()
		for use.Err() == nil {
			conn, err := pgx.Connect(use, pg.SuperuserURL("postgres"))
			if err == nil {
				_, err = conn.Exec(use, `SELECT pg_logical_emit_message(false, 'ballast', repeat('x', 4000000))`)
				conn.Close(use)
			}
			if err != nil && pgfault.Unavailable(err) {
				break
			}
		}
		c.wait(time.Duration(1500+r.rng.IntN(1500)) * time.Millisecond)
		d.free()
		// PostgreSQL that has given up, or is about to, is started again by whoever runs it.
		r.until(recovery, func() bool {
			select {
			case <-pg.Process().Done():
				r.count("server_gave_up", 1)
				r.must(pg.Restart(r.Context()))
				return true
			default:
			}
			_, err := w.ask(`SELECT 1`)
			return err == nil
		})
		c.recovers(c.faces[1])
	})
	c.check()
}
