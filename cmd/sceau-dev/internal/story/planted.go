package story

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// minPlanted is the shortest line worth searching for, in bytes: shorter ones
// occur by chance.
const minPlanted = 12

// Planted collects every plaintext that the story hands to the service, line
// by line, so that whoever holds the service's files can look for them.
type Planted struct {
	mu    sync.Mutex
	seen  map[string]bool
	lines []string
}

// Add notes a plaintext. Lines that are too short to search for are left out.
func (p *Planted) Add(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) >= minPlanted && !p.seen[line] {
			p.seen[line] = true
			p.lines = append(p.lines, line)
		}
	}
}

// Len is how many distinct lines were planted.
func (p *Planted) Len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines)
}

// Write stores the lines, one each, without those in except.
func (p *Planted) Write(path string, except map[string]bool) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	var b bytes.Buffer
	n := 0
	for _, line := range p.lines {
		if !except[line] {
			b.WriteString(line)
			b.WriteByte('\n')
			n++
		}
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return 0, fmt.Errorf("writing the planted lines: %w", err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		return 0, fmt.Errorf("writing the planted lines: %w", err)
	}
	return n, nil
}

// Find says which of the lines occur anywhere below dir, whatever the kind of
// file, and in which files. It runs grep, because that is what a reader of the
// result would run.
func Find(ctx context.Context, dir string, lines []string) (found map[string]bool, files []string, err error) {
	found = map[string]bool{}
	if len(lines) == 0 {
		return found, nil, nil
	}
	out, err := grep(ctx, lines, "-rohaF", dir)
	if err != nil {
		return nil, nil, err
	}
	for line := range strings.Lines(string(out)) {
		found[strings.TrimSuffix(line, "\n")] = true
	}
	if len(found) == 0 {
		return found, nil, nil
	}
	out, err = grep(ctx, lines, "-rlaF", dir)
	if err != nil {
		return nil, nil, err
	}
	return found, strings.Split(strings.TrimSpace(string(out)), "\n"), nil
}

// grep searches dir for fixed strings, given on its input.
func grep(ctx context.Context, lines []string, flags, dir string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, "grep", flags, "-f", "-", "--", dir)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() == 1 {
		return nil, nil // nothing found
	}
	if err != nil {
		return nil, fmt.Errorf("searching %s: %w: %s", dir, err, bytes.TrimSpace(stderr.Bytes()))
	}
	return out, nil
}

// Innocent says which of the lines occur below dir although nothing was planted
// yet: words so plain that a database's own files hold them. Looking for them
// later would prove nothing.
func (p *Planted) Innocent(ctx context.Context, dir string) (map[string]bool, error) {
	p.mu.Lock()
	left := append([]string(nil), p.lines...)
	p.mu.Unlock()
	all := map[string]bool{}
	for {
		found, _, err := Find(ctx, dir, left)
		if err != nil || len(found) == 0 {
			return all, err
		}
		// grep -o reports the longest of overlapping lines: look again without it.
		kept := left[:0]
		for _, line := range left {
			if found[line] {
				all[line] = true
			} else {
				kept = append(kept, line)
			}
		}
		if len(kept) == len(left) {
			return nil, errors.New("searching: grep found lines it was not asked for")
		}
		left = kept
	}
}
