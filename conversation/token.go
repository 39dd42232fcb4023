package conversation

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
)

const tokenSize = 32 // bytes: too many to guess, so finding a token by the index on its hash is safe

// NewToken draws a conversation token from random (crypto/rand.Reader in service):
// what the minor's browser holds, and the hash that PostgreSQL keeps of it.
func NewToken(random io.Reader) (token string, hash [32]byte, err error) {
	var b [tokenSize]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", hash, fmt.Errorf("drawing a conversation token: %w", err)
	}
	return base64.RawURLEncoding.EncodeToString(b[:]), sha256.Sum256(b[:]), nil
}

// HashToken returns the hash under which a token is found: SHA-256 of its 32
// bytes. It refuses what NewToken would not have written.
func HashToken(token string) (hash [32]byte, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenSize) {
		return hash, false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) != tokenSize {
		return hash, false
	}
	return sha256.Sum256(b), true
}
