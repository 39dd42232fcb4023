package pglog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// A Live is the log in the database as the folder of an export, read as it is asked
// for: what verifies, folds and replays an export, does so with the log itself, in the
// memory of a page. It ends at one entry and never grows.
type Live struct {
	Meta   audit.Meta
	ctx    context.Context //nolint:containedctx // io/fs takes none
	q      Querier
	damage *Damage
}

// OpenLive begins to look at the log as it is now. When upTo is not negative, that is its last
// entry. The context ends all that is read of it.
func OpenLive(ctx context.Context, q Querier, upTo int64) (*Live, error) {
	head, err := ReadHead(ctx, q)
	if err != nil {
		return nil, err
	}
	v := &Live{ctx: ctx, q: q, Meta: audit.Meta{V: audit.Version, Origin: head.Origin, Prev: audit.Genesis(head.Origin), Head: head.Hash}}
	next := head.Next
	if upTo >= 0 && upTo+1 < next {
		last, err := AsStored(ctx, q, upTo)
		if err != nil {
			return nil, err
		}
		next, v.Meta.Head = upTo+1, audit.LeafHash(last.Leaf)
	}
	first, err := found(ctx, q, `SELECT `+recordColumns+` FROM sceau.entries ORDER BY seq LIMIT 1`)
	if err != nil {
		return nil, err
	}
	if len(first) > 0 && first[0].Damage == nil && first[0].Seq > 0 {
		v.Meta.First, v.Meta.Prev = first[0].Seq, first[0].Prev
	}
	v.Meta.Count = next - v.Meta.First
	return v, nil
}

// Damage is the first that columns or hashes have shown while the leaves were read; what
// leaves show, [audit.Verify] finds.
func (v *Live) Damage() *Damage { return v.damage }

// Open implements [fs.FS].
func (v *Live) Open(name string) (fs.File, error) {
	switch dir, base := path.Split(name); {
	case name == audit.MetaFile:
		text, err := v.Meta.Text()
		return &liveFile{name: name, next: once(text, err)}, nil
	case name == audit.LogFile:
		return &liveFile{name: name, next: v.leaves()}, nil
	case name == audit.OpeningsFile:
		return &liveFile{name: name, next: v.openings()}, nil
	case name == audit.BundlesDir:
		return &liveDir{v: v}, nil
	case dir == audit.BundlesDir+"/":
		sum, ok := strings.CutSuffix(base, ".tar.gz")
		if !ok {
			break
		}
		var bundle []byte
		err := queryOne(v.ctx, v.q, `SELECT bundle FROM sceau.policy_bundles WHERE revision = $1`, []any{"sha256:" + sum}, &bundle)
		if errors.Is(err, ErrNoEntry) {
			break
		}
		return &liveFile{name: base, next: once(bundle, err)}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// once yields all of a file in one piece.
func once(b []byte, err error) func() ([]byte, error) {
	done := false
	return func() ([]byte, error) {
		if err != nil {
			return nil, err
		}
		if done {
			return nil, io.EOF // bare: readers compare
		}
		done = true
		return b, nil
	}
}

// leaves yields the leaves, a page at a time, whatever is wrong with them.
func (v *Live) leaves() func() ([]byte, error) {
	next, end := v.Meta.First, v.Meta.First+v.Meta.Count
	return func() ([]byte, error) {
		page, err := found(v.ctx, v.q, `SELECT `+recordColumns+` FROM sceau.entries WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3`, next, end, pageSize)
		if err != nil {
			return nil, err
		}
		if len(page) == 0 {
			return nil, io.EOF
		}
		var b bytes.Buffer
		for _, f := range page {
			if f.Damage != nil && v.damage == nil {
				v.damage = f.Damage
			}
			b.Write(f.Leaf)
			b.WriteByte('\n')
		}
		next = page[len(page)-1].Seq + 1
		return b.Bytes(), nil
	}
}

// openings yields those that are there, sorted as an export's are. One that is erased
// meanwhile is not there any more.
func (v *Live) openings() func() ([]byte, error) {
	seq, field := v.Meta.First-1, "\x7f"
	return func() ([]byte, error) {
		rows, err := v.q.Query(v.ctx, openingsPage, seq, field, v.Meta.First+v.Meta.Count-1, pageSize)
		if err != nil {
			return nil, readError(err)
		}
		page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[audit.Opening])
		if err != nil {
			return nil, readError(err)
		}
		if len(page) == 0 {
			return nil, io.EOF
		}
		var b bytes.Buffer
		for _, o := range page {
			line, err := o.Line()
			if err != nil {
				return nil, err
			}
			b.Write(line)
			seq, field = o.Seq, o.Field
		}
		return b.Bytes(), nil
	}
}

// A liveFile is read to its end, once. Its size is not known before.
type liveFile struct {
	name string
	next func() ([]byte, error)
	left []byte
}

func (f *liveFile) Read(p []byte) (int, error) {
	for len(f.left) == 0 {
		var err error
		if f.left, err = f.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, f.left)
	f.left = f.left[n:]
	return n, nil
}

func (f *liveFile) Close() error               { return nil }
func (f *liveFile) Stat() (fs.FileInfo, error) { return liveInfo{name: f.name}, nil }

type liveInfo struct {
	name string
	mode fs.FileMode
}

func (i liveInfo) Name() string       { return i.name }
func (i liveInfo) Size() int64        { return 0 }
func (i liveInfo) Mode() fs.FileMode  { return i.mode | 0o400 }
func (i liveInfo) ModTime() time.Time { return time.Time{} }
func (i liveInfo) IsDir() bool        { return i.mode.IsDir() }
func (i liveInfo) Sys() any           { return nil }

// liveDir lists the policy bundles.
type liveDir struct {
	v    *Live
	read bool
}

func (d *liveDir) Stat() (fs.FileInfo, error) {
	return liveInfo{name: audit.BundlesDir, mode: fs.ModeDir}, nil
}
func (d *liveDir) Read([]byte) (int, error) {
	return 0, fmt.Errorf("read %s: is a folder", audit.BundlesDir)
}
func (d *liveDir) Close() error { return nil }

// ReadDir implements [fs.ReadDirFile].
func (d *liveDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.read {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	d.read = true
	rows, err := d.v.q.Query(d.v.ctx, `SELECT revision FROM sceau.policy_bundles ORDER BY revision`)
	if err != nil {
		return nil, readError(err)
	}
	revisions, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, readError(err)
	}
	var entries []fs.DirEntry
	for _, r := range revisions {
		entries = append(entries, fs.FileInfoToDirEntry(liveInfo{name: strings.TrimPrefix(r, "sha256:") + ".tar.gz"}))
	}
	return entries, nil
}
