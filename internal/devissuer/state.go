package devissuer

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	jose "github.com/go-jose/go-jose/v4"
)

// stateFile is the issuer's only file. It holds a private key and passwords.
const stateFile = "issuer.json"

// state is what survives a restart, so that tokens and passwords do.
type state struct {
	Note      string            `json:"note"`
	Key       jose.JSONWebKey   `json:"key"`
	Passwords map[string]string `json:"passwords"`
}

// loadState reads dir's state, or makes and stores a new one. A password is
// made for every account that has none.
func loadState(dir string, accounts []Account) (*state, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("making the issuer's directory: %w", err)
	}
	path := filepath.Join(dir, stateFile)
	st, err := readState(path)
	if errors.Is(err, fs.ErrNotExist) {
		st, err = newState()
	}
	if err != nil {
		return nil, err
	}
	for _, a := range accounts {
		if st.Passwords[a.Name] == "" {
			st.Passwords[a.Name] = randomText(12)
		}
	}
	return st, st.write(path)
}

func newState() (*state, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("generating the issuer's key: %w", err)
	}
	return &state{
		Note:      "Development only: a signing key and passwords in clear.",
		Key:       jose.JSONWebKey{Key: key, KeyID: randomText(9), Algorithm: string(jose.ES256), Use: "sig"},
		Passwords: map[string]string{},
	}, nil
}

func readState(path string) (*state, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("reading the issuer's state: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("reading the issuer's state: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("%s is readable by others: run chmod 600 on it, or remove it to get new keys", path)
	}
	st := &state{}
	if err := json.Unmarshal(raw, st); err != nil {
		return nil, fmt.Errorf("reading %s: %w; remove it to get new keys", path, err)
	}
	if _, ok := st.Key.Key.(*ecdsa.PrivateKey); !ok || st.Key.KeyID == "" {
		return nil, fmt.Errorf("%s holds no signing key; remove it to get a new one", path)
	}
	if st.Passwords == nil {
		st.Passwords = map[string]string{}
	}
	return st, nil
}

// write replaces the file whole, so that a crash leaves the old or the new one.
func (st *state) write(path string) error {
	raw, err := json.MarshalIndent(st, "", "  ")
	if err != nil {
		return fmt.Errorf("encoding the issuer's state: %w", err)
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), stateFile+".*") // created 0600
	if err != nil {
		return fmt.Errorf("writing the issuer's state: %w", err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(append(raw, '\n'))
	if err == nil {
		err = tmp.Sync()
	}
	if cerr := tmp.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return fmt.Errorf("writing the issuer's state: %w", err)
	}
	return nil
}

// Password reads an account's password from an issuer's directory, for the
// commands of the person who owns that directory.
func Password(dir, account string) (string, error) {
	st, err := readState(filepath.Join(dir, stateFile))
	if err != nil {
		return "", err
	}
	pw, ok := st.Passwords[account]
	if !ok {
		return "", fmt.Errorf("no account %q", account)
	}
	return pw, nil
}

// randomText returns n random bytes as URL-safe text.
func randomText(n int) string {
	b := make([]byte, n)
	rand.Read(b) // never fails: crypto/rand crashes the process instead
	return base64.RawURLEncoding.EncodeToString(b)
}
