//go:build linux

package attacks

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sceau-project/sceau/internal/rig"
)

// victimVariable makes this test's binary a thief that looks into the process of
// that number. What it could do is a line of JSON, from the attempt to the error.
const victimVariable = "SCEAU_THIEF_OF"

// TestMain: a thief must be a process of its own, under another uid than root's.
func TestMain(m *testing.M) {
	victim, err := strconv.Atoi(os.Getenv(victimVariable))
	if err != nil {
		os.Exit(m.Run())
	}
	if err := json.NewEncoder(os.Stdout).Encode(lookInto(victim)); err != nil {
		os.Exit(1)
	}
}

// lookInto tries every way to a process's memory that the system offers.
func lookInto(pid int) map[string]string {
	runtime.LockOSThread() // a tracer is a thread
	proc := fmt.Sprintf("/proc/%d/", pid)
	file := func(name string) func() error {
		return func() error { _, err := os.ReadFile(proc + name); return err }
	}
	where := func() (uint64, error) {
		maps, err := os.ReadFile(proc + "maps")
		if err != nil {
			return 0, err
		}
		text, _, _ := strings.Cut(string(maps), "-")
		return strconv.ParseUint(text, 16, 64)
	}
	tries := map[string]func() error{
		"maps": file("maps"), "environ": file("environ"), "auxv": file("auxv"),
		"open files": func() error { _, err := os.ReadDir(proc + "fd"); return err },
		"mem": func() error {
			mem, err := os.Open(proc + "mem")
			if err != nil {
				return err
			}
			defer mem.Close()
			at, err := where()
			if err == nil {
				_, err = mem.ReadAt(make([]byte, 16), int64(at)) //nolint:gosec // an address of user space
			}
			return err
		},
		"process_vm_readv": func() error {
			at, _ := where() // without its maps, at no address: the permission is asked first
			into := make([]byte, 16)
			local := []unix.Iovec{{Base: &into[0]}}
			local[0].SetLen(len(into))
			_, err := unix.ProcessVMReadv(pid, local, []unix.RemoteIovec{{Base: uintptr(at), Len: len(into)}}, 0)
			return err
		},
		"ptrace": func() error {
			if err := unix.PtraceAttach(pid); err != nil {
				return err
			}
			_, _ = unix.Wait4(pid, nil, 0, nil)
			return unix.PtraceDetach(pid)
		},
	}
	said := map[string]string{}
	for name, try := range tries {
		if err := try(); err != nil {
			said[name] = err.Error()
		} else {
			said[name] = ""
		}
	}
	return said
}

// TestMemoryIsClosed: nobody but root looks into a process of the service, neither
// another user nor, because it is not dumpable, another process of the same user.
// What the system forbids between any two processes of one user proves nothing, so
// an ordinary process is tried beside it.
func TestMemoryIsClosed(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("not root: processes of two other users cannot be started")
	}
	const same, other = 65534, 65533
	r := rig.Start(t, rig.Config{})
	dir := openDir(t)
	thief, service := filepath.Join(dir, "thief"), filepath.Join(dir, "sceau")
	self, err := os.Executable()
	r.Must(err)
	running, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", r.Process(rig.Custodian).PID()))
	r.Must(err)
	copyProgram(t, self, thief)
	copyProgram(t, running, service)

	// The service reads its configuration from a pipe that nobody writes to: it waits
	// there, hardened, for it hardens itself before it reads anything.
	pipe := filepath.Join(dir, "config")
	r.Must(syscall.Mkfifo(pipe, 0o644))
	r.Must(os.Chmod(pipe, 0o644))
	hardened := start(t, same, service, "custodian", "--config", pipe)
	ordinary := start(t, same, "/bin/sleep", "120")
	r.Eventually(10*time.Second, "the service has hardened itself", func() bool {
		info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", hardened))
		return err == nil && info.Sys().(*syscall.Stat_t).Uid == 0 // a process that is not dumpable is root's there
	})

	control := steal(t, same, thief, ordinary)
	for attempt, said := range steal(t, same, thief, hardened) {
		switch {
		case control[attempt] != "":
			t.Logf("%s: this system forbids it to everybody: %s", attempt, control[attempt])
		case said == "":
			t.Errorf("another process of the same user succeeds with %s", attempt)
		}
	}
	if control["mem"] != "" {
		t.Error("even an ordinary process's memory could not be read: nothing was tried")
	}
	for _, name := range []string{rig.Custodian, rig.Public, rig.Staff} {
		for attempt, said := range steal(t, other, thief, r.Process(name).PID()) {
			if said == "" {
				t.Errorf("another user succeeds with %s of %s", attempt, name)
			}
		}
	}
}

// openDir is a directory that every user can enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sceau-thief-")
	if err == nil {
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func copyProgram(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err == nil {
		err = os.Chmod(to, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func as(uid uint32, path string, args ...string) *exec.Cmd {
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env = "/", []string{"PATH=/usr/bin:/bin"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid, NoSetGroups: false}}
	return cmd
}

// start starts a process that is ended with the test.
func start(t *testing.T, uid uint32, path string, args ...string) (pid int) {
	t.Helper()
	cmd := as(uid, path, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return cmd.Process.Pid
}

// steal lets a thief of that user look into a process.
func steal(t *testing.T, uid uint32, thief string, pid int) map[string]string {
	t.Helper()
	cmd := as(uid, thief)
	cmd.Env = append(cmd.Env, fmt.Sprintf("%s=%d", victimVariable, pid))
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]string{}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err != nil && err != io.EOF {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the thief: %v", err)
	}
	if err := json.Unmarshal(line, &said); err != nil || len(said) < 7 {
		t.Fatalf("the thief said %q: %v", line, err)
	}
	return said
}
