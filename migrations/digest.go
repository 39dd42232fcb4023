package migrations

import (
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
)

// Digest names this state of the schema: equal for equal files. Tests use it to
// tell a template database of theirs from one of another state of the tree.
func Digest() string {
	h := sha256.New()
	h.Write([]byte(Roles + "\x00" + queueVersion()))
	// An embedded file system always lists and reads: its errors cannot occur.
	names, _ := fs.Glob(files, "*.sql")
	for _, name := range names {
		b, _ := files.ReadFile(name)
		h.Write([]byte("\x00" + name + "\x00"))
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil))
}
