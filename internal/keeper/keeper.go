// Package keeper lets the test binaries of one user share a server that none
// of them owns.
//
// `go test ./...` runs one process per package, several at a time, and none of
// them knows which is the last. So the first that needs the server starts a
// keeper: the test binary itself, executed again with an environment variable
// that [Register] recognises. Every user holds a shared lock on one file for
// as long as it lives; the kernel lets go of it even after SIGKILL. When the
// keeper gets that lock for itself, nobody is left: it stops the server,
// removes its directory and ends. Nothing survives a test run, whichever way
// it ended.
package keeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// env names what a re-executed binary shall keep: job name, slash, key.
const env = "SCEAU_TEST_KEEPER"

// linger is how long a server outlives its last user, in case go test is only
// between two packages.
const linger = 2 * time.Second

// startTimeout bounds how long a user waits for the keeper's server.
const startTimeout = 90 * time.Second

// Job starts what is to be kept, in dir, and returns what users need to know
// (it is stored as JSON, readable by the owner only) and how to stop it.
type Job func(ctx context.Context, dir string) (info any, stop func(), err error)

// Register names a job. It must be called from an init function: in a keeper
// process it does not return.
func Register(name string, job Job) {
	key, ok := strings.CutPrefix(os.Getenv(env), name+"/")
	if !ok {
		return
	}
	if err := keep(paths(name, key), job); err != nil {
		fmt.Fprintln(os.Stderr, "keeper:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// held are locks that only this process's end may let go of. Without a
// reference the garbage collector would close the files.
var held struct {
	sync.Mutex
	files []*os.File
}

func hold(f *os.File) {
	held.Lock()
	defer held.Unlock()
	held.files = append(held.files, f)
}

// Mine is the key for a server that no other process shares.
func Mine() string { return minePrefix + strconv.Itoa(os.Getpid()) }

const minePrefix = "of-"

// place is where a kept server's files are.
type place struct {
	dir, users, starting, alive, ready, log string
	mine                                    bool // nobody will use this key again
}

// Dir is the directory of this user under which everything lies. Its path is
// short, because sockets are in it. Others may pass through, since a server
// that refuses root runs as another user where user namespaces are off, but
// they can neither list nor read.
func Dir() string {
	base := os.TempDir()
	if len(base) > 40 {
		base = "/tmp"
	}
	return filepath.Join(base, fmt.Sprintf("sceau-test-%d", os.Geteuid()))
}

func paths(name, key string) place {
	p := filepath.Join(Dir(), name+"-"+key)
	return place{dir: p, users: p + ".users", starting: p + ".starting", alive: p + ".alive",
		ready: filepath.Join(p, "ready.json"), log: p + ".log", mine: strings.HasPrefix(key, minePrefix)}
}

// Use makes sure that the job's server runs, decodes what it tells into info,
// and keeps it running until this process ends. Users with the same name and
// key share one server.
func Use(name, key string, info any) (dir string, err error) {
	if err := ownDir(); err != nil {
		return "", err
	}
	at := paths(name, key)
	using, err := lock(at.users, syscall.LOCK_SH)
	if err != nil {
		return "", err
	}
	hold(using)
	starting, err := lock(at.starting, syscall.LOCK_EX)
	if err != nil {
		return "", err
	}
	defer starting.Close()
	if !kept(at) {
		if err := start(at, name, key); err != nil {
			return "", err
		}
	}
	b, err := os.ReadFile(at.ready)
	if err != nil {
		return "", fmt.Errorf("read what the keeper of %s tells: %w", name, err)
	}
	if info == nil {
		return at.dir, nil
	}
	return at.dir, json.Unmarshal(b, info)
}

// ownDir makes Dir, and refuses one that somebody else prepared.
func ownDir() error {
	if err := os.MkdirAll(Dir(), 0o711); err != nil {
		return fmt.Errorf("make %s: %w", Dir(), err)
	}
	st, err := os.Lstat(Dir())
	if err != nil {
		return fmt.Errorf("look at %s: %w", Dir(), err)
	}
	if sys, ok := st.Sys().(*syscall.Stat_t); !ok || !st.IsDir() || int(sys.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory of this user: remove it", Dir())
	}
	if err := os.Chmod(Dir(), 0o711); err != nil {
		return fmt.Errorf("close %s to others: %w", Dir(), err)
	}
	return nil
}

// kept tells whether a keeper is at work and its server ready.
func kept(at place) bool {
	f, err := lock(at.alive, syscall.LOCK_SH|syscall.LOCK_NB)
	if err == nil {
		f.Close()
		return false
	}
	_, err = os.Stat(at.ready)
	return err == nil
}

// start runs this binary again as the keeper and waits until its server is ready.
func start(at place, name, key string) error {
	exe, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this test binary: %w", err)
	}
	out, err := os.OpenFile(at.log, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the keeper's log: %w", err)
	}
	defer out.Close()
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), env+"="+name+"/"+key)
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Dir = "/"
	// Its own session: what interrupts or kills the tests leaves the keeper to
	// clean up behind them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the keeper of %s: %w", name, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	giveUp := time.NewTimer(startTimeout)
	defer giveUp.Stop()
	for {
		select {
		case err := <-ended:
			log, _ := os.ReadFile(at.log)
			return fmt.Errorf("keeper of %s: %w\n%s", name, errors.Join(err, errors.New("ended early")), log)
		case <-giveUp.C:
			return fmt.Errorf("keeper of %s: its server is not ready after %v (see %s)", name, startTimeout, at.log)
		case <-tick.C:
			if kept(at) {
				return nil
			}
		}
	}
}

// keep is what the keeper process does from start to end: it holds the lock,
// runs the job, and cleans up.
func keep(at place, job Job) error {
	// Waits, because users try this lock for an instant to see whether it is held.
	alive, err := lock(at.alive, syscall.LOCK_EX)
	if err != nil {
		return err
	}
	hold(alive)
	if err := os.RemoveAll(at.dir); err != nil { // of a keeper that was killed
		return fmt.Errorf("remove what is left in %s: %w", at.dir, err)
	}
	if err := os.Mkdir(at.dir, 0o711); err != nil {
		return fmt.Errorf("make %s: %w", at.dir, err)
	}
	if err := os.Chmod(at.dir, 0o711); err != nil { // whatever the umask
		return fmt.Errorf("make %s: %w", at.dir, err)
	}
	info, stop, err := job(context.Background(), at.dir)
	if err != nil {
		return err
	}
	defer func() {
		stop()
		os.RemoveAll(at.dir)
		os.Remove(at.log) // stays only when the server never came up
		if at.mine {
			// Lock files of shared servers stay: removing one that somebody
			// is about to lock would let two keepers work at once.
			os.Remove(at.users)
			os.Remove(at.starting)
			os.Remove(at.alive)
		}
	}()
	b, err := json.Marshal(info)
	if err != nil {
		return fmt.Errorf("encode what users need: %w", err)
	}
	if err := os.WriteFile(at.ready+".new", b, 0o600); err != nil {
		return fmt.Errorf("tell users: %w", err)
	}
	if err := os.Rename(at.ready+".new", at.ready); err != nil {
		return fmt.Errorf("tell users: %w", err)
	}
	return untilUnused(at)
}

// untilUnused returns, holding the users' lock, when nobody held it for the
// length of linger. New users then wait until this process has ended.
func untilUnused(at place) error {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	var free time.Time
	for now := range tick.C {
		f, err := lock(at.users, syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case errors.Is(err, syscall.EWOULDBLOCK):
			free = time.Time{}
		case err != nil:
			return err
		case free.IsZero():
			free = now
			f.Close()
		case now.Sub(free) < linger:
			f.Close()
		default:
			hold(f)
			return nil
		}
	}
	return nil
}

// lock opens a file, closed in children, and locks it.
func lock(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, syscall.EINTR) {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
	}
}
