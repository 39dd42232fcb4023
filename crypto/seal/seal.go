// Package seal closes what a minor wrote and opens it again. It is pure: no
// database, no Vault, no clock.
//
// Every message, identity facet and narrative is an age file of its own
// (age-encryption.org/v1) to the recipient of its case and class. Inside, the
// plaintext says which one it is:
//
//	sceau.seal/v1\n
//	<case>\n             the case's UUID
//	<class>\n            transcript or identity
//	<item>\n             message/12, facet/name/1, narrative/e-…
//	<length>\n           of the content in bytes, decimal
//	<content><padding>   zero bytes, to a multiple of 256 in all
//
// Open compares the context with the one that is expected, so a row copied from
// another case, position or facet does not pass for this one even to somebody
// who holds the right key. The padding hides how long a word is: "oui" and a
// sentence weigh the same. A file sealed to an X25519 recipient opens with any
// age tool, and its text is readable as it stands.
//
// A process that may unseal something is given the file's own 16-byte file
// key, which opens that file and no other. FileKey makes it from the header;
// only the custodian has the case key for that.
package seal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"filippo.io/age"
)

const (
	version = "sceau.seal/v1"
	bucket  = 256

	// MaxContent is the longest content that can be sealed, in bytes.
	MaxContent = 1 << 20
)

var (
	// ErrContext means that a file opened and says it is something else: a
	// row was put in another's place.
	ErrContext = errors.New("sealed content belongs elsewhere")

	// ErrDamaged means that a file does not open, or that what it holds was not written by Seal.
	ErrDamaged = errors.New("sealed content is damaged")
)

// Seal seals content to a case's recipient, bound to its context.
func Seal(recipient string, c Context, content []byte) ([]byte, error) {
	to, err := parseRecipient(recipient)
	if err != nil {
		return nil, err
	}
	plain, err := frame(c, content)
	if err != nil {
		return nil, err
	}
	defer clear(plain)
	var file bytes.Buffer
	file.Grow(len(plain) + 2048)
	w, err := age.Encrypt(&file, to)
	if err != nil {
		return nil, fmt.Errorf("sealing %s: %w", c.Item, err)
	}
	if _, err := w.Write(plain); err != nil {
		return nil, fmt.Errorf("sealing %s: %w", c.Item, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("sealing %s: %w", c.Item, err)
	}
	return file.Bytes(), nil
}

// Open opens a sealed file with its file key and checks that it is what the
// caller expects. The error is ErrContext or ErrDamaged.
func Open(ciphertext, fileKey []byte, c Context) ([]byte, error) {
	if len(fileKey) != FileKeySize {
		return nil, fmt.Errorf("%w: a file key has %d bytes", ErrDamaged, FileKeySize)
	}
	r, err := age.Decrypt(bytes.NewReader(ciphertext), age.NewInjectedFileKeyIdentity(fileKey))
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not open with this key", ErrDamaged, c.Item)
	}
	plain, err := io.ReadAll(io.LimitReader(r, MaxContent+4*bucket))
	if err != nil {
		return nil, fmt.Errorf("%w: %s does not open to its end", ErrDamaged, c.Item)
	}
	return unframe(plain, c)
}

func frame(c Context, content []byte) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(content) > MaxContent {
		return nil, fmt.Errorf("sealing %s: %d bytes are more than %d", c.Item, len(content), MaxContent)
	}
	head := c.prefix()
	head = strconv.AppendInt(head, int64(len(content)), 10)
	head = append(head, '\n')
	size := len(head) + len(content)
	size += (bucket - size%bucket) % bucket
	plain := make([]byte, size)
	copy(plain[copy(plain, head):], content)
	return plain, nil
}

func unframe(plain []byte, c Context) ([]byte, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	rest, ok := bytes.CutPrefix(plain, []byte(version+"\n"))
	if !ok || len(plain)%bucket != 0 {
		return nil, fmt.Errorf("%w: %s was not written by %s", ErrDamaged, c.Item, version)
	}
	rest, ok = bytes.CutPrefix(rest, c.prefix()[len(version)+1:])
	if !ok {
		return nil, fmt.Errorf("%w: not %s of this case", ErrContext, c.Item)
	}
	digits, rest, ok := bytes.Cut(rest, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("%w: %s has no length", ErrDamaged, c.Item)
	}
	n, err := strconv.Atoi(string(digits))
	if err != nil || n < 0 || n > len(rest) || strconv.Itoa(n) != string(digits) {
		return nil, fmt.Errorf("%w: %s has a wrong length", ErrDamaged, c.Item)
	}
	padding := rest[n:]
	if len(padding) >= bucket || len(bytes.TrimLeft(padding, "\x00")) != 0 {
		return nil, fmt.Errorf("%w: %s has a wrong padding", ErrDamaged, c.Item)
	}
	return rest[:n:n], nil
}
