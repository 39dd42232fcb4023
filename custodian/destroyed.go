package custodian

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// destroyedFile is the name of the list within the state directory.
const destroyedFile = "destroyed"

// destroyedKeys are the keys that are destroyed, by every log that this custodian ever
// followed, in a file outside PostgreSQL. The log says it too; but when PostgreSQL
// is restored from a backup of before, and the operator decides to go on with it,
// the log has forgotten, and what a child was promised still holds.
//
// The file is only ever appended to: a line that names the log, then one line a
// key, "case class". A last line that a crash cut short is dropped, for its entry
// comes again out of the log.
type destroyedKeys struct {
	mu    sync.Mutex
	file  *os.File
	order []keyName
	known map[keyName]struct{}
}

func openDestroyed(dir, origin string) (*destroyedKeys, error) {
	path := filepath.Join(dir, destroyedFile)
	first := "sceau.destroyed/v1 " + origin
	raw, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading which keys are destroyed: %w", err)
	}
	whole := raw[:bytes.LastIndexByte(raw, '\n')+1]
	if len(whole) == 0 {
		// Like any change of a file here: the old one or the new one, never half.
		if err := replaceFile(path, []byte(first+"\n")); err != nil {
			return nil, fmt.Errorf("beginning the list of destroyed keys: %w", err)
		}
		whole = []byte(first + "\n")
	}
	t := &destroyedKeys{known: map[keyName]struct{}{}}
	lines := strings.Split(strings.TrimSuffix(string(whole), "\n"), "\n")
	if lines[0] != first {
		return nil, fmt.Errorf("%s is not of the log %q: give each log its own state directory", path, origin)
	}
	for i, line := range lines[1:] {
		caseID, class, _ := strings.Cut(line, " ")
		k := keyName{caseID, class}
		if !k.valid() {
			return nil, fmt.Errorf("%s: line %d names no key", path, i+2)
		}
		t.take(k)
	}
	if t.file, err = os.OpenFile(path, os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("opening the list of destroyed keys: %w", err)
	}
	if err := errors.Join(t.file.Truncate(int64(len(whole))), seekEnd(t.file)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the list of destroyed keys: %w", err), t.file.Close())
	}
	return t, nil
}

func seekEnd(f *os.File) error {
	_, err := f.Seek(0, io.SeekEnd)
	return err
}

func (t *destroyedKeys) take(k keyName) bool {
	if _, known := t.known[k]; known {
		return false
	}
	t.known[k] = struct{}{}
	t.order = append(t.order, k)
	return true
}

// add returns when the file holds these keys, whatever happens to the machine.
func (t *destroyedKeys) add(keys ...keyName) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var lines strings.Builder
	var fresh []keyName
	for _, k := range keys {
		if _, known := t.known[k]; !known {
			fresh = append(fresh, k)
			lines.WriteString(k.caseID + " " + k.class + "\n")
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	if _, err := t.file.WriteString(lines.String()); err != nil {
		return fmt.Errorf("remembering destroyed keys: %w", err)
	}
	if err := t.file.Sync(); err != nil {
		return fmt.Errorf("remembering destroyed keys: %w", err)
	}
	for _, k := range fresh {
		t.take(k)
	}
	return nil
}

func (t *destroyedKeys) has(k keyName) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, known := t.known[k]
	return known
}

func (t *destroyedKeys) count() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.order)
}

// all lists the keys in the order in which they were learnt.
func (t *destroyedKeys) all() []keyName {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]keyName(nil), t.order...)
}

func (t *destroyedKeys) close() error { return t.file.Close() }
