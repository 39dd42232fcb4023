package pglog

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
)

// Idempotency names a caller's request, so that its repeat is not done twice.
// Without a Key every call is a new request.
//
// Nothing that is stored can be read without the key: a body may be a child's
// name, and its plain hash would confirm a guess.
type Idempotency struct {
	Actor string // who asks; keys of different actors never meet
	Key   string // the client's, 16 to 255 printable ASCII characters
	Body  []byte // the exact request
}

// An Answer is what an effect returned.
type Answer struct {
	JSON     json.RawMessage // nil when the effect returned nil
	Replayed bool            // given before, to an earlier request with the same key
}

// Decode reads the answer into v.
func (a Answer) Decode(v any) error {
	if a.JSON == nil {
		return nil
	}
	if err := json.Unmarshal(a.JSON, v); err != nil {
		return fmt.Errorf("read an earlier answer: %w", err)
	}
	return nil
}

// idemKeys are what one Idempotency derives.
type idemKeys struct {
	row  [32]byte // SHA-256(actor ‖ 0 ‖ key): finds the row
	body [32]byte // HMAC of the body under a key derived from the client's
	seal cipher.AEAD
}

// CheckKey says whether a client's text may be an idempotency key: 16 to 255
// printable ASCII characters. Answers are encrypted under it, so it must be long
// enough not to be guessed. The error is [ErrIdempotencyKey].
func CheckKey(key string) error {
	if len(key) < 16 || len(key) > 255 {
		return ErrIdempotencyKey
	}
	for i := range len(key) {
		if key[i] < 0x20 || key[i] > 0x7e {
			return ErrIdempotencyKey
		}
	}
	return nil
}

func (i Idempotency) derive() (*idemKeys, error) {
	if err := CheckKey(i.Key); err != nil {
		return nil, err
	}
	keys, err := hkdf.Key(sha256.New, []byte(i.Key), []byte(i.Actor), "sceau.idempotency/v1", 64)
	if err != nil {
		return nil, fmt.Errorf("derive from the idempotency key: %w", err)
	}
	block, err := aes.NewCipher(keys[:32])
	if err != nil {
		return nil, fmt.Errorf("derive from the idempotency key: %w", err)
	}
	k := &idemKeys{row: sha256.Sum256([]byte(i.Actor + "\x00" + i.Key))}
	if k.seal, err = cipher.NewGCMWithRandomNonce(block); err != nil {
		return nil, fmt.Errorf("derive from the idempotency key: %w", err)
	}
	mac := hmac.New(sha256.New, keys[32:])
	mac.Write(i.Body)
	mac.Sum(k.body[:0])
	return k, nil
}

// A given answer, as it is stored.
type givenAnswer struct {
	row    [32]byte
	body   []byte
	sealed []byte
}

func (k *idemKeys) sealAnswer(a Answer) givenAnswer {
	return givenAnswer{row: k.row, body: k.body[:], sealed: k.seal.Seal(nil, nil, a.JSON, k.row[:])}
}

// replay opens what was answered to the first request with this key.
func (k *idemKeys) replay(g givenAnswer) (Answer, error) {
	if !hmac.Equal(g.body, k.body[:]) {
		return Answer{}, ErrIdempotencyMismatch
	}
	text, err := k.seal.Open(nil, nil, g.sealed, k.row[:])
	if err != nil {
		return Answer{}, fmt.Errorf("open an earlier answer: %w", err)
	}
	a := Answer{Replayed: true}
	if len(text) > 0 {
		a.JSON = text
	}
	return a, nil
}

// NewSalt returns 32 random bytes for a commitment.
func NewSalt() []byte {
	salt := make([]byte, 32)
	rand.Read(salt) // never fails
	return salt
}
