package signin

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/sceau-project/sceau/staff/pgstore"
)

// What is sealed, so that neither kind passes for the other.
const (
	sealSession = "sceau.web-session/v1"
	sealSignIn  = "sceau.sign-in/v1"
)

// sealer seals under a key that only whoever has secret can derive. The secret is 32
// random bytes, so that deriving needs to be neither slow nor salted.
func sealer(secret, purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, []byte(secret), nil, purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func seal(secret, purpose string, plain []byte) ([]byte, error) {
	s, err := sealer(secret, purpose)
	if err != nil {
		return nil, err
	}
	return s.Seal(nil, nil, plain, nil), nil
}

func unseal(secret, purpose string, sealed []byte) ([]byte, error) {
	s, err := sealer(secret, purpose)
	if err != nil {
		return nil, err
	}
	return s.Open(nil, nil, sealed, nil)
}

// sealedStore is what scs keeps sessions in. It reads and writes whole sessions;
// what stands beside the sealed part is passed in the context (see row).
type sealedStore struct {
	rows *pgstore.WebSessions
	idle time.Duration
}

// row is what a session's row says in clear. A new session has generation 0.
type row struct {
	generation int64
	idle       time.Duration // since a person did something
}

type rowKey struct{}

func rowOf(ctx context.Context) *row { r, _ := ctx.Value(rowKey{}).(*row); return r }

var errNoContext = errors.New("web sessions are stored with a context")

func (s sealedStore) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	found, err := s.rows.Find(ctx, sha256.Sum256([]byte(token)), s.idle)
	if errors.Is(err, pgstore.ErrNoWebSession) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	plain, err := unseal(token, sealSession, found.Sealed)
	if err != nil {
		return nil, false, nil //nolint:nilerr // altered in the database: as good as none
	}
	if r := rowOf(ctx); r != nil {
		r.generation, r.idle = found.Generation, found.Idle
	}
	return plain, true, nil
}

// CommitCtx stores a new session, or replaces the generation that was read: it brings
// nothing back that was signed out meanwhile, and overwrites nothing that it has not seen.
func (s sealedStore) CommitCtx(ctx context.Context, token string, plain []byte, expires time.Time) error {
	r := rowOf(ctx)
	if r == nil {
		return errNoContext
	}
	sealed, err := seal(token, sealSession, plain)
	if err != nil {
		return err
	}
	id := sha256.Sum256([]byte(token))
	if r.generation == 0 {
		err = s.rows.Begin(ctx, id, sealed, expires)
	} else {
		err = s.rows.Replace(ctx, id, r.generation, sealed)
	}
	if err == nil {
		r.generation++
	}
	return err
}

func (s sealedStore) DeleteCtx(ctx context.Context, token string) error {
	return s.rows.End(ctx, sha256.Sum256([]byte(token)))
}

// Find, Commit and Delete are never called: scs prefers those above.

func (sealedStore) Find(string) ([]byte, bool, error)      { return nil, false, errNoContext }
func (sealedStore) Commit(string, []byte, time.Time) error { return errNoContext }
func (sealedStore) Delete(string) error                    { return errNoContext }
