// Package custody keeps case keys in Vault. It is the only code that speaks to
// Vault about case keys, and only the custodian (and later the publisher, for
// the checkpoint key) imports it.
//
// Each class of a case has one path of a KV v2 mount, written once and never
// updated:
//
//	<cases mount>/<case>/<class>   {"identity": "AGE-SECRET-KEY-…"}
//
// Paths are in clear in Vault's audit log, so they hold random ids and nothing
// else. Destroying removes the only version and leaves its metadata behind as
// a tombstone, so that nobody can put another key in a destroyed one's place.
//
// Every call is bounded in time, retried at most once, and safe to repeat.
// Errors say what was attempted and never repeat what Vault sent.
package custody

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	vault "github.com/hashicorp/vault/api"
)

var (
	// ErrUnavailable means that Vault is sealed, unreachable, or lets nobody
	// in: nothing is known about the key.
	ErrUnavailable = errors.New("vault is not available")

	// ErrDestroyed means that the key existed and is gone for good.
	ErrDestroyed = errors.New("the case key was destroyed")

	// ErrMissing means that there never was a key at this path.
	ErrMissing = errors.New("no such case key")

	// ErrExists means that the path was written before, or is a tombstone.
	ErrExists = errors.New("a case key was already written here")
)

// Config says where Vault is and how to enter. Nothing is taken from the
// environment: it must not redirect a process's keys, nor say whom to believe.
type Config struct {
	Address       string        // URL
	CACertificate string        // PEM file; empty: the system's authorities
	RoleIDFile    string        // read at every login, so that it can be rotated
	SecretIDFile  string        // likewise
	CasesMount    string        // KV v2 with cas_required
	TransitMount  string        // transit
	PepperKey     string        // transit key of recovery phrases
	RecipientsKey string        // transit Ed25519 key that signs recipients
	Timeout       time.Duration // of one request
	Logger        *slog.Logger
}

// Vault is a signed-in Vault. Close it to stop renewing its token.
type Vault struct {
	config Config
	client *vault.Client
	login  *login
	idle   func() // drops idle connections
}

// Open makes a Vault. It does not wait for Vault to be up: calls fail with
// ErrUnavailable until it is.
func Open(c Config) (*Vault, error) {
	switch {
	case c.Address == "", c.RoleIDFile == "", c.SecretIDFile == "":
		return nil, errors.New("custody needs Vault's address and the files of an AppRole")
	case c.CasesMount == "", c.TransitMount == "", c.PepperKey == "", c.RecipientsKey == "":
		return nil, errors.New("custody needs Vault's mounts and the names of the pepper and of the key of recipients")
	case c.Timeout <= 0, c.Logger == nil:
		return nil, errors.New("custody needs a timeout and a logger")
	}
	client, idle, err := dial(c)
	if err != nil {
		return nil, err
	}
	v := &Vault{config: c, client: client, idle: idle}
	v.login = newLogin(c, client)
	return v, nil
}

// Close stops renewing the token and revokes nothing: it runs out by itself.
func (v *Vault) Close() {
	v.login.close()
	v.idle()
}

// Create writes a case key at a path that must never have been written.
func (v *Vault) Create(ctx context.Context, caseID, class, identity string) error {
	path, err := keyPath(caseID, class)
	if err != nil {
		return err
	}
	_, err = v.do(ctx, "", func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().WriteWithContext(ctx, v.config.CasesMount+"/data/"+path, map[string]any{
			"data":    map[string]any{"identity": identity},
			"options": map[string]any{"cas": 0},
		})
	})
	// Where something is written already, Vault answers 400 to who may update
	// (the check-and-set fails) and 403 to who, like the custodian, may not.
	var answer *vault.ResponseError
	if errors.As(err, &answer) && (answer.StatusCode == http.StatusBadRequest || answer.StatusCode == http.StatusForbidden) {
		if state, _, lookErr := v.look(ctx, path); lookErr == nil && state != absent {
			return ErrExists
		}
	}
	return explain("writing a case key", err)
}

// Read returns a case key, and the id under which Vault's audit log has the
// request. correlationID, when not empty, appears there too.
func (v *Vault) Read(ctx context.Context, caseID, class, correlationID string) (identity, requestID string, err error) {
	path, err := keyPath(caseID, class)
	if err != nil {
		return "", "", err
	}
	secret, err := v.do(ctx, correlationID, func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().ReadWithContext(ctx, v.config.CasesMount+"/data/"+path)
	})
	if err != nil {
		return "", "", explain("reading a case key", err)
	}
	if secret == nil {
		return "", "", ErrMissing
	}
	// Of a destroyed version Vault returns no error, metadata, and no data.
	data, ok := secret.Data["data"].(map[string]any)
	if !ok {
		return "", secret.RequestID, ErrDestroyed
	}
	identity, ok = data["identity"].(string)
	if !ok || identity == "" {
		return "", secret.RequestID, ErrMissing
	}
	return identity, secret.RequestID, nil
}

// Destroy removes a case key for good, whatever versions there are: the custodian
// writes one, and who administers Vault could have written another. The metadata
// stays as a tombstone. Destroying what is destroyed is no error, and costs one
// request; what never existed gives ErrMissing.
func (v *Vault) Destroy(ctx context.Context, caseID, class string) error {
	path, err := keyPath(caseID, class)
	if err != nil {
		return err
	}
	state, versions, err := v.look(ctx, path)
	switch {
	case err != nil:
		return err
	case state == absent:
		return ErrMissing
	case state == destroyed:
		return nil
	}
	_, err = v.do(ctx, "", func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().WriteWithContext(ctx, v.config.CasesMount+"/destroy/"+path, map[string]any{"versions": versions})
	})
	if err != nil {
		return explain("destroying a case key", err)
	}
	// Vault confirms the destruction of what never was, so look.
	switch state, _, err := v.look(ctx, path); {
	case err != nil:
		return err
	case state != destroyed:
		return errors.New("destroying a case key: it is still there")
	default:
		return nil
	}
}

// State of a path, told from its metadata: reading the key itself to learn
// whether it exists would be a read without an entry.
type state int

const (
	absent state = iota
	present
	destroyed
)

// look tells the state of a path, and the versions that are not destroyed.
func (v *Vault) look(ctx context.Context, path string) (s state, versions []int, err error) {
	secret, err := v.do(ctx, "", func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().ReadWithContext(ctx, v.config.CasesMount+"/metadata/"+path)
	})
	if err != nil {
		return absent, nil, explain("looking for a case key", err)
	}
	if secret == nil {
		return absent, nil, nil
	}
	all, _ := secret.Data["versions"].(map[string]any)
	for name, version := range all {
		facts, ok := version.(map[string]any)
		if ok && facts["destroyed"] == true {
			continue
		}
		n, err := strconv.Atoi(name)
		if err != nil {
			return absent, nil, fmt.Errorf("looking for a case key: %w: it names no version", ErrUnavailable)
		}
		versions = append(versions, n)
	}
	if len(versions) > 0 {
		return present, versions, nil
	}
	return destroyed, nil, nil
}

// HMAC returns the HMAC of a recovery phrase under the pepper, which never
// leaves Vault. The pepper's version is pinned: after a rotation, phrases that
// were issued before must still be found.
func (v *Vault) HMAC(ctx context.Context, value string) (string, error) {
	secret, err := v.do(ctx, "", func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().WriteWithContext(ctx, v.config.TransitMount+"/hmac/"+v.config.PepperKey, map[string]any{
			"input":       base64.StdEncoding.EncodeToString([]byte(value)),
			"key_version": 1,
		})
	})
	if err != nil {
		return "", explain("computing an HMAC", err)
	}
	if secret != nil {
		if mac, ok := secret.Data["hmac"].(string); ok && mac != "" {
			return mac, nil
		}
	}
	return "", fmt.Errorf("%w: it answered no HMAC", ErrUnavailable)
}

// SignRecipient has Vault sign what seal.RecipientStatement says of a new case,
// so that whoever seals to its recipients need not believe the database. The
// key's version is pinned, as the faces pin its public half: a rotation must not
// stop openings.
func (v *Vault) SignRecipient(ctx context.Context, statement []byte) (signature []byte, err error) {
	secret, err := v.do(ctx, "", func(ctx context.Context, c *vault.Client) (*vault.Secret, error) {
		return c.Logical().WriteWithContext(ctx, v.config.TransitMount+"/sign/"+v.config.RecipientsKey, map[string]any{
			"input":       base64.StdEncoding.EncodeToString(statement),
			"key_version": 1,
		})
	})
	if err != nil {
		return nil, explain("signing a recipient", err)
	}
	if secret != nil {
		text, _ := secret.Data["signature"].(string)
		if text, ok := strings.CutPrefix(text, "vault:v1:"); ok {
			if signature, err = base64.StdEncoding.DecodeString(text); err == nil && len(signature) == ed25519.SignatureSize {
				return signature, nil
			}
		}
	}
	return nil, fmt.Errorf("%w: it answered no signature", ErrUnavailable)
}

// Ready tells whether a key could be read now: Vault is unsealed, the process is
// signed in, and its policy and Vault's audit let it look for keys. It looks
// where none can be, since health alone says nothing of the last two.
func (v *Vault) Ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, v.config.Timeout)
	defer cancel()
	health, err := v.client.WithRequestCallbacks().Sys().HealthWithContext(ctx)
	if err != nil {
		return fmt.Errorf("%w: no answer", ErrUnavailable)
	}
	if !health.Initialized || health.Sealed {
		return fmt.Errorf("%w: it is sealed", ErrUnavailable)
	}
	_, _, err = v.look(ctx, nobodys)
	return err
}

// nobodys is the path of a key that is never written: no case has this id.
const nobodys = "00000000-0000-0000-0000-000000000000/transcript"

// do makes one request under the present token. A token that Vault no longer
// knows is replaced once: a restarted or restored Vault must not need a
// restart of ours.
func (v *Vault) do(ctx context.Context, correlationID string,
	request func(context.Context, *vault.Client) (*vault.Secret, error),
) (*vault.Secret, error) {
	ctx, cancel := context.WithTimeout(ctx, 2*v.config.Timeout)
	defer cancel()
	for {
		token, anew, err := v.login.token(ctx)
		if err != nil {
			return nil, err
		}
		client := v.client.WithRequestCallbacks(func(r *vault.Request) {
			r.ClientToken = token
			if correlationID != "" {
				r.Headers.Set("X-Correlation-Id", correlationID)
			}
		})
		secret, err := request(ctx, client)
		var answer *vault.ResponseError
		if errors.As(err, &answer) && answer.StatusCode == http.StatusForbidden && !anew {
			v.login.forget(token)
			continue
		}
		return secret, err
	}
}

// explain keeps the status of Vault's refusal and drops its text and URL.
func explain(doing string, err error) error {
	var answer *vault.ResponseError
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", doing, err)
	case errors.As(err, &answer):
		return fmt.Errorf("%s: %w (status %d)", doing, ErrUnavailable, answer.StatusCode)
	default:
		return fmt.Errorf("%s: %w", doing, ErrUnavailable)
	}
}

var (
	caseForm  = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	classForm = regexp.MustCompile(`^(transcript|identity)$`)
)

// keyPath refuses what could name another path, since Vault cleans "..".
func keyPath(caseID, class string) (string, error) {
	if !caseForm.MatchString(caseID) || !classForm.MatchString(class) {
		return "", fmt.Errorf("no case key can have the class %.20q of case %.36q", class, caseID)
	}
	return caseID + "/" + class, nil
}
