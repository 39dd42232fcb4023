package stack

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/devstack"
)

const stateName = "stack.json"

// ErrRunning means that another process runs a stack in this directory.
var ErrRunning = errors.New("a stack is already running in this directory")

// state is what a second start must know of the first.
type state struct {
	Note      string            `json:"note"`
	Origin    string            `json:"origin"` // of the log
	Passwords map[string]string `json:"passwords"`
	// Signers change this stack's policy, together; Serial is the last they used.
	Signers  [2]devsigners.Person `json:"signers"`
	Serial   int64                `json:"serial"`
	Database bool                 `json:"database"` // was made
	Policy   string               `json:"policy"`   // variant that was activated last
	Story    bool                 `json:"story"`    // the demonstration was begun
	Issuer   string               `json:"issuer"`   // URL, for sceau-dev token
	Sockets  string               `json:"sockets"`  // directory of the custodian's socket
}

// lockDir claims a directory until the file is closed or the process ends,
// however it ends.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("claiming %s: %w", dir, err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w: %s; stop it with Ctrl-C where it runs, or choose another with --data", ErrRunning, dir)
		}
		return nil, fmt.Errorf("claiming %s: %w", dir, err)
	}
	return f, nil
}

// Clear removes what an earlier stack left in a directory, and nothing that is
// not a stack's.
func Clear(dir string) error {
	names, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || (err == nil && len(names) == 0) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("emptying %s: %w", dir, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "lock")); err != nil {
		return fmt.Errorf("%s holds something that is no stack of sceau-dev: empty it or choose another directory with --data", dir)
	}
	lock, err := lockDir(dir)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := os.RemoveAll(dir); err != nil {
		return fmt.Errorf("emptying %s: %w", dir, err)
	}
	return nil
}

func loadState(dir string) (*state, error) {
	raw, err := os.ReadFile(filepath.Join(dir, stateName))
	if errors.Is(err, fs.ErrNotExist) {
		return newState(dir)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the stack's state: %w", err)
	}
	st := &state{}
	if err := json.Unmarshal(raw, st); err != nil {
		return nil, fmt.Errorf("reading the stack's state: %w; remove %s to begin anew", err, dir)
	}
	if st.Signers[0].Private == "" {
		return nil, fmt.Errorf("%s is of an earlier version: remove it to begin anew", dir)
	}
	return st, nil
}

func newState(dir string) (*state, error) {
	people, err := devsigners.New()
	if err != nil {
		return nil, fmt.Errorf("making the keys of those who sign policy: %w", err)
	}
	st := &state{
		Note: "Development only: every secret of this stack in clear.",
		// An origin is never given to two logs, and this log is new.
		Origin:    "sceau.localhost/" + rand.Text()[:12],
		Passwords: devstack.NewPasswords(),
		Signers:   people.Two,
	}
	return st, st.write(dir)
}

// write replaces the file whole.
func (st *state) write(dir string) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("writing the stack's state: %w", err)
	}
	return writeFile(filepath.Join(dir, stateName), append(raw, '\n'))
}

// writeFile replaces a private file whole, so that a crash leaves the old one
// or the new one.
func writeFile(path string, content []byte) error {
	if err := os.WriteFile(path+".new", content, 0o600); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

// IssuerURL is where a stack's accounts sign in, and the directory of their
// passwords: for commands beside a running stack.
func IssuerURL(dir string) (url, passwords string, err error) {
	raw, err := os.ReadFile(filepath.Join(dir, stateName))
	if err != nil {
		return "", "", fmt.Errorf("no stack in %s: start one with sceau-dev up (%w)", dir, err)
	}
	st := &state{}
	if err := json.Unmarshal(raw, st); err != nil {
		return "", "", fmt.Errorf("reading the stack's state: %w", err)
	}
	return st.Issuer, filepath.Join(dir, "issuer"), nil
}
