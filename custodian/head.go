package custodian

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/sceau-project/sceau/audit"
)

// headFile is the name of the memory within the state directory.
const headFile = "head.json"

// errRolledBack means that the log in PostgreSQL is not a continuation of the
// log that was seen: entries were lost in a restore or a failover, or replaced.
var errRolledBack = errors.New("the log is not a continuation of what was seen")

// seen is the highest entry that this custodian knows to have been durable.
type seen struct {
	Seq  int64
	Hash audit.Hash
}

// memory keeps the highest entry seen in a file outside PostgreSQL, so that a
// database that lost entries, and with them perhaps a withdrawal or an opening,
// is noticed even after a restart of everything.
type memory struct {
	path   string
	origin string

	mu      sync.Mutex
	highest *seen // nil before the first entry was seen
	stored  int64 // seq in the file
}

type memoryFile struct {
	V      int    `json:"v"`
	Origin string `json:"origin"`
	Seq    int64  `json:"seq"`
	Hash   string `json:"hash"`
}

// openMemory reads what was remembered in dir about the log of this origin. A
// file of another log, or one that cannot be read, is an error: forgetting
// must be an act of the operator.
func openMemory(dir, origin string) (*memory, error) {
	m := &memory{path: filepath.Join(dir, headFile), origin: origin, stored: -1}
	raw, err := os.ReadFile(m.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return m, nil
	case err != nil:
		return nil, fmt.Errorf("reading the highest head seen: %w", err)
	}
	var f memoryFile
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, fmt.Errorf("reading the highest head seen: %s: %w", m.path, err)
	}
	hash, err := audit.ParseHash(f.Hash)
	if err != nil || f.V != 1 || f.Seq < 0 {
		return nil, fmt.Errorf("reading the highest head seen: %s holds none", m.path)
	}
	if f.Origin != origin {
		return nil, fmt.Errorf("%s remembers the log %q, this one is %q: give each log its own state directory",
			m.path, f.Origin, origin)
	}
	m.highest, m.stored = &seen{Seq: f.Seq, Hash: hash}, f.Seq
	return m, nil
}

// recall returns the highest entry seen, nil when none was.
func (m *memory) recall() *seen {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.highest == nil {
		return nil
	}
	s := *m.highest
	return &s
}

// note remembers a durable entry in memory only.
func (m *memory) note(s seen) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.highest == nil || s.Seq > m.highest.Seq {
		m.highest = &s
	}
}

// remember notes an entry that is durable, and returns when the file holds it or
// a higher one.
func (m *memory) remember(s seen) error {
	m.note(s)
	return m.keep()
}

// keep returns when the file holds what was noted: an answer that depends on an
// entry never leaves before. It writes when something moved, once for all who
// wait.
func (m *memory) keep() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.highest == nil {
		return nil
	}
	// Whoever waited for the lock may find that another wrote a higher one.
	if m.stored >= m.highest.Seq {
		return nil
	}
	raw, err := json.Marshal(memoryFile{V: 1, Origin: m.origin, Seq: m.highest.Seq, Hash: m.highest.Hash.String()})
	if err != nil {
		return fmt.Errorf("remembering the head: %w", err)
	}
	if err := replaceFile(m.path, append(raw, '\n')); err != nil {
		return fmt.Errorf("remembering the head: %w", err)
	}
	m.stored = m.highest.Seq
	return nil
}

// replaceFile writes a file so that after a crash it holds the old bytes or
// the new ones.
func replaceFile(path string, content []byte) error {
	tmp, err := os.OpenFile(path+".new", os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := tmp.Write(content); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Sync(); err != nil {
		return errors.Join(err, tmp.Close())
	}
	if err := tmp.Close(); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
