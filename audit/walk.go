package audit

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
)

// Leaves yields the leaves of an export that [Verify] found whole, in order. A leaf
// stays valid until the next is asked for. After an error nothing follows.
func Leaves(fsys fs.FS) iter.Seq2[[]byte, error] {
	return fileLines(fsys, LogFile, MaxLeaf)
}

// Openings yields the openings of an export that [Verify] found whole, sorted by
// entry and field. After an error nothing follows.
func Openings(fsys fs.FS) iter.Seq2[Opening, error] {
	return func(yield func(Opening, error) bool) {
		for line, err := range fileLines(fsys, OpeningsFile, MaxOpening) {
			var o Opening
			if err == nil {
				o, err = parseOpening(line)
			}
			if !yield(o, err) || err != nil {
				return
			}
		}
	}
}

func fileLines(fsys fs.FS, name string, longest int) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		f, err := fsys.Open(name)
		if err != nil {
			yield(nil, err)
			return
		}
		defer f.Close()
		in := newLines(f, longest)
		for {
			prefixed, err := in.next()
			switch {
			case errors.Is(err, io.EOF):
				return
			case err != nil:
				yield(nil, fmt.Errorf("read %s: %w", name, err))
				return
			}
			if !yield(prefixed[1:], nil) {
				return
			}
		}
	}
}
