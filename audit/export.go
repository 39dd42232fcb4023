package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// An Export writes a log into a folder that [Verify] reads. It does not judge
// what it writes: a damaged log must be exportable too, or nobody outside could
// see the damage. meta.json comes last, when all else is on disk, so an export
// that was cut short is never taken for a whole one.
type Export struct {
	dir      string
	meta     Meta
	log      *exportFile
	openings *exportFile
	lastSeq  int64 // of the last opening
	lastName string
	bundles  map[string]bool
	closed   bool
}

// NewExport begins an export in dir, which must be empty or not exist; only the
// caller's account may read it. Of meta, Origin, First and Prev are used; the
// rest comes from what is written. End with Close, or with Abort.
func NewExport(dir string, meta Meta) (*Export, error) {
	meta.V, meta.Count, meta.Head = Version, 0, meta.Prev
	if err := meta.check(); err != nil {
		return nil, fmt.Errorf("begin export: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("begin export: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("begin export: %w", err)
	}
	if len(there) > 0 {
		return nil, fmt.Errorf("begin export: %s is not empty: name a new folder", dir)
	}
	x := &Export{dir: dir, meta: meta, lastSeq: NoSeq, bundles: map[string]bool{}}
	if x.log, err = createExportFile(filepath.Join(dir, LogFile)); err != nil {
		return nil, fmt.Errorf("begin export: %w", err)
	}
	if x.openings, err = createExportFile(filepath.Join(dir, OpeningsFile)); err != nil {
		x.Abort()
		return nil, fmt.Errorf("begin export: %w", err)
	}
	return x, nil
}

// Leaf writes the next entry's leaf, byte for byte.
func (x *Export) Leaf(leaf []byte) error {
	if bytes.IndexByte(leaf, '\n') >= 0 {
		return fmt.Errorf("export entry %d: its leaf has a newline inside, which no line can hold", x.meta.First+x.meta.Count)
	}
	if err := x.log.line(leaf); err != nil {
		return fmt.Errorf("export entry %d: %w", x.meta.First+x.meta.Count, err)
	}
	x.meta.Count++
	x.meta.Head = LeafHash(leaf)
	return nil
}

// Opening writes an opening. They must come sorted by entry, then by field as
// bytes (in SQL: ORDER BY seq, field COLLATE "C").
func (x *Export) Opening(o Opening) error {
	if o.Seq < x.lastSeq || o.Seq == x.lastSeq && o.Field <= x.lastName {
		return fmt.Errorf("export opening %q of entry %d: after %q of entry %d, but openings are sorted", o.Field, o.Seq, x.lastName, x.lastSeq)
	}
	line, err := marshalOpening(o)
	if err == nil {
		_, err = x.openings.buf.Write(line)
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	x.lastSeq, x.lastName = o.Seq, o.Field
	return nil
}

// Bundle writes the policy bundle that the entries name "sha256:" + its hash.
// The same bundle twice is written once.
func (x *Export) Bundle(policy string, bundle []byte) error {
	name, err := bundleName(policy)
	if err != nil {
		return fmt.Errorf("export bundle: %w", err)
	}
	sum := sha256.Sum256(bundle)
	if hex.EncodeToString(sum[:])+".tar.gz" != name {
		return fmt.Errorf("export bundle: the bytes of %s have the SHA-256 %x", policy, sum)
	}
	if x.bundles[name] {
		return nil
	}
	folder := filepath.Join(x.dir, BundlesDir)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("export bundle: %w", err)
	}
	x.bundles[name] = true
	f, err := createExportFile(filepath.Join(folder, name))
	if err == nil {
		_, err = f.buf.Write(bundle)
		err = errors.Join(err, f.finish())
	}
	if err != nil {
		return fmt.Errorf("export bundle: %w", err)
	}
	return nil
}

// Close makes the export whole and durable. head is the hash that the last leaf
// must have: the one that its append was answered with.
func (x *Export) Close(head Hash) error {
	if x.closed {
		return errors.New("finish export: already ended")
	}
	if x.meta.Head != head {
		return fmt.Errorf("finish export: the last of %d entries has the hash %s, not %s", x.meta.Count, x.meta.Head, head)
	}
	text, err := marshalMeta(x.meta)
	if err != nil {
		return fmt.Errorf("finish export: %w", err)
	}
	if err := errors.Join(x.log.finish(), x.openings.finish()); err != nil {
		return fmt.Errorf("finish export: %w", err)
	}
	if len(x.bundles) > 0 {
		if err := syncDir(filepath.Join(x.dir, BundlesDir)); err != nil {
			return fmt.Errorf("finish export: %w", err)
		}
	}
	draft := filepath.Join(x.dir, MetaFile+".part")
	f, err := createExportFile(draft)
	if err == nil {
		_, err = f.buf.Write(text)
		err = errors.Join(err, f.finish())
	}
	if err == nil {
		err = os.Rename(draft, filepath.Join(x.dir, MetaFile))
	}
	if err == nil {
		err = syncDir(x.dir)
	}
	if err != nil {
		return fmt.Errorf("finish export: %w", err)
	}
	x.closed = true
	return nil
}

// Abort removes what was written. After Close it does nothing, so it can be
// deferred.
func (x *Export) Abort() {
	if x.closed {
		return
	}
	x.closed = true
	// Errors do not matter here: what cannot be removed has no meta.json, so
	// every verifier refuses it.
	for _, f := range []*exportFile{x.log, x.openings} {
		if f != nil {
			_ = f.f.Close()
			_ = os.Remove(f.f.Name())
		}
	}
	for name := range x.bundles {
		_ = os.Remove(filepath.Join(x.dir, BundlesDir, name))
	}
	_ = os.Remove(filepath.Join(x.dir, BundlesDir))
	_ = os.Remove(filepath.Join(x.dir, MetaFile+".part"))
	_ = os.Remove(x.dir)
}

type exportFile struct {
	f   *os.File
	buf *bufio.Writer
}

func createExportFile(name string) (*exportFile, error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return &exportFile{f: f, buf: bufio.NewWriterSize(f, 1<<18)}, nil
}

func (f *exportFile) line(b []byte) error {
	if _, err := f.buf.Write(b); err != nil {
		return err
	}
	return f.buf.WriteByte('\n')
}

// finish flushes, syncs and closes.
func (f *exportFile) finish() error {
	return errors.Join(f.buf.Flush(), f.f.Sync(), f.f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
