package seal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"filippo.io/age"
	lru "github.com/hashicorp/golang-lru/v2"
)

// FileKeySize is the size of an age file key in bytes.
const FileKeySize = 16

// MaxHeader is the size in bytes that no header of a file sealed to one
// recipient reaches: hybrid ones have about 1,600.
const MaxHeader = 4096

// ErrHeader means that a header cannot be unwrapped with this case key: it was
// sealed to another recipient, altered, or is no age header.
var ErrHeader = errors.New("header does not belong to this case key")

// Key is a case key: the public recipient that seals, and the secret identity
// that opens. It prints its recipient only.
type Key struct {
	Recipient string
	secret    string
	identity  age.Identity
}

// NewKey generates a case key: hybrid (ML-KEM-768 and X25519), or X25519 alone
// where files must open with tools that do not know hybrid keys.
func NewKey(hybrid bool) (*Key, error) {
	if !hybrid {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			return nil, fmt.Errorf("generating a case key: %w", err)
		}
		return &Key{Recipient: id.Recipient().String(), secret: id.String(), identity: id}, nil
	}
	id, err := age.GenerateHybridIdentity()
	if err != nil {
		return nil, fmt.Errorf("generating a case key: %w", err)
	}
	return &Key{Recipient: id.Recipient().String(), secret: id.String(), identity: id}, nil
}

// ParseKey reads a case key from its secret, as Secret returned it. The error
// does not repeat what it was given.
func ParseKey(secret string) (*Key, error) {
	if strings.HasPrefix(secret, "AGE-SECRET-KEY-PQ-1") {
		id, err := age.ParseHybridIdentity(secret)
		if err != nil {
			return nil, errors.New("not a hybrid case key")
		}
		return &Key{Recipient: id.Recipient().String(), secret: secret, identity: id}, nil
	}
	id, err := age.ParseX25519Identity(secret)
	if err != nil {
		return nil, errors.New("not a case key")
	}
	return &Key{Recipient: id.Recipient().String(), secret: secret, identity: id}, nil
}

// Secret is what Vault keeps: whoever has it reads the class of the case.
func (k *Key) Secret() string { return k.secret }

// Format prints the fingerprint of the recipient whatever the verb.
func (k *Key) Format(f fmt.State, _ rune) {
	_, _ = f.Write([]byte("case key " + Fingerprint(k.Recipient)))
}

// LogValue logs the fingerprint of the recipient.
func (k *Key) LogValue() slog.Value { return slog.StringValue(Fingerprint(k.Recipient)) }

// FileKey unwraps the file key from a file's header. The error is ErrHeader.
func (k *Key) FileKey(header []byte) ([]byte, error) {
	if len(header) > MaxHeader {
		return nil, fmt.Errorf("%w: %d bytes", ErrHeader, len(header))
	}
	fileKey, err := age.DecryptHeader(header, k.identity)
	if err != nil || len(fileKey) != FileKeySize {
		return nil, ErrHeader
	}
	return fileKey, nil
}

// Header returns the header of a sealed file, the part that FileKey needs and
// that holds no content.
func Header(ciphertext []byte) ([]byte, error) {
	header, err := age.ExtractHeader(bytes.NewReader(ciphertext))
	if err != nil {
		return nil, fmt.Errorf("%w: no age header", ErrDamaged)
	}
	return header, nil
}

// HeaderSum is how an entry names a sealed file: "sha256:" and the lower-case
// hexadecimal SHA-256 of its header.
func HeaderSum(header []byte) string { return sum(header) }

// Fingerprint is how an entry names a recipient: "sha256:" and the lower-case
// hexadecimal SHA-256 of its text.
func Fingerprint(recipient string) string { return sum([]byte(recipient)) }

func sum(b []byte) string {
	s := sha256.Sum256(b)
	return "sha256:" + hex.EncodeToString(s[:])
}

// Parsing a hybrid recipient expands its matrix, which costs a fifth of a
// seal; a conversation seals to one recipient hundreds of times. The cache
// holds public values only.
var recipients = newCache()

func newCache() *lru.Cache[string, age.Recipient] {
	c, err := lru.New[string, age.Recipient](1024)
	if err != nil {
		panic(err) // only for a size below one
	}
	return c
}

func parseRecipient(s string) (age.Recipient, error) {
	if r, ok := recipients.Get(s); ok {
		return r, nil
	}
	var r age.Recipient
	var err error
	if strings.HasPrefix(s, "age1pq1") {
		r, err = age.ParseHybridRecipient(s)
	} else {
		r, err = age.ParseX25519Recipient(s)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing a case's recipient: %w", err)
	}
	recipients.Add(s, r)
	return r, nil
}
