package custody_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/vaulttest"
)

func config(v *vaulttest.Vault, role devstack.AppRole) custody.Config {
	return custody.Config{
		Address: v.Address, RoleIDFile: role.RoleIDFile, SecretIDFile: role.SecretIDFile,
		CasesMount: devstack.CasesMount, TransitMount: devstack.TransitMount, PepperKey: devstack.PepperKey, RecipientsKey: devstack.RecipientsKey,
		Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}
}

func open(t *testing.T, c custody.Config) *custody.Vault {
	t.Helper()
	vault, err := custody.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vault.Close)
	return vault
}

const secret = "AGE-SECRET-KEY-1TESTTESTTESTTESTTESTTEST"

func TestAKeyIsWrittenOnceReadAndDestroyedForGood(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	id := uuid.NewString()

	if _, _, err := vault.Read(ctx, id, "identity", ""); !errors.Is(err, custody.ErrMissing) {
		t.Errorf("reading what never was: %v", err)
	}
	if err := vault.Destroy(ctx, id, "identity"); !errors.Is(err, custody.ErrMissing) {
		t.Errorf("destroying what never was: %v", err)
	}
	if err := vault.Create(ctx, id, "identity", secret); err != nil {
		t.Fatal(err)
	}
	if err := vault.Create(ctx, id, "identity", "another"); !errors.Is(err, custody.ErrExists) {
		t.Errorf("writing a second time: %v", err)
	}
	got, request, err := vault.Read(ctx, id, "identity", "5ca1ab1e")
	if err != nil || got != secret || request == "" {
		t.Fatalf("read %d bytes as request %q: %v", len(got), request, err)
	}
	if _, _, err := vault.Read(ctx, id, "transcript", ""); !errors.Is(err, custody.ErrMissing) {
		t.Errorf("the other class: %v", err)
	}
	for range 2 {
		if err := vault.Destroy(ctx, id, "identity"); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, err := vault.Read(ctx, id, "identity", ""); !errors.Is(err, custody.ErrDestroyed) {
		t.Errorf("reading a destroyed key: %v", err)
	}
	if err := vault.Create(ctx, id, "identity", secret); !errors.Is(err, custody.ErrExists) {
		t.Errorf("writing over a tombstone: %v", err)
	}

	// Vault's own log must allow reconciliation: its request id is the one that
	// was returned, with the correlation id that was sent, and no key in clear.
	var seen bool
	for _, a := range server.Audit(t) {
		seen = seen || a.Type == "response" && a.Request.ID == request && a.CorrelationID() == "5ca1ab1e" &&
			a.Request.Path == "sceau-cases/data/"+id+"/identity" && a.Request.Operation == "read"
	}
	if !seen {
		t.Error("Vault's audit log does not show the reading")
	}
	if strings.Contains(strings.Join(server.AuditLines(t), "\n"), secret) {
		t.Error("Vault's audit log holds the key")
	}
}

// Who administers Vault can write a second version beside the custodian's: it is
// destroyed too.
func TestEveryVersionIsDestroyed(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	id := uuid.NewString()
	if err := vault.Create(ctx, id, "identity", secret); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Root.Logical().Write("sceau-cases/data/"+id+"/identity", map[string]any{
		"data": map[string]any{"identity": "another"}, "options": map[string]any{"cas": 1},
	}); err != nil {
		t.Fatal(err)
	}
	if err := vault.Destroy(ctx, id, "identity"); err != nil {
		t.Fatal(err)
	}
	for _, version := range []string{"1", "2"} {
		s, err := server.Root.Logical().ReadWithData("sceau-cases/data/"+id+"/identity", map[string][]string{"version": {version}})
		if err != nil || s == nil || s.Data["data"] != nil {
			t.Errorf("version %s is still there: %v", version, err)
		}
	}
}

func TestAPathCannotEscape(t *testing.T) {
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	for _, path := range [][2]string{
		{"../../sys", "identity"}, {"", "identity"}, {uuid.NewString(), "../transcript"},
		{strings.ToUpper(uuid.NewString()), "identity"}, {uuid.NewString(), ""},
	} {
		if err := vault.Create(context.Background(), path[0], path[1], secret); err == nil || errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%q was taken: %v", path, err)
		}
	}
}

func TestPhrasesAreKeyedInVault(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	one, err := vault.HMAC(ctx, "abandon")
	if err != nil {
		t.Fatal(err)
	}
	// Who rotates the pepper must not lose every phrase.
	if _, err := server.Root.Logical().Write("sceau-transit/keys/phrase-pepper/rotate", nil); err != nil {
		t.Fatal(err)
	}
	again, err := vault.HMAC(ctx, "abandon")
	if err != nil || one != again {
		t.Errorf("the same phrase gave %s and %s: %v", one, again, err)
	}
	if other, err := vault.HMAC(ctx, "abaisser"); err != nil || other == one {
		t.Errorf("another phrase gave %s: %v", other, err)
	}
}

// The faces pin version 1, so that is what signs, for good.
func TestRecipientsAreSignedInVault(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	public, err := server.RecipientsPublicKey(ctx)
	if err != nil {
		t.Fatal(err)
	}
	pinned, err := seal.ParseRecipientKeys([]string{public})
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.NewKey(true)
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.NewString()
	statement, err := seal.RecipientStatement(id, seal.Identity, key.Recipient)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		signature, err := vault.SignRecipient(ctx, statement)
		if err != nil {
			t.Fatal(err)
		}
		if err := pinned.Verify(id, seal.Identity, key.Recipient, signature); err != nil {
			t.Error(err)
		}
		if err := pinned.Verify(uuid.NewString(), seal.Identity, key.Recipient, signature); !errors.Is(err, seal.ErrUnsigned) {
			t.Errorf("for another case: %v", err)
		}
		if _, err := server.Root.Logical().Write("sceau-transit/keys/recipients/rotate", nil); err != nil {
			t.Fatal(err)
		}
	}
	publisher := open(t, config(server, server.Publisher))
	if _, err := publisher.SignRecipient(ctx, statement); err == nil {
		t.Error("the publisher signs recipients")
	}
}

func TestOutagesAreToldAndHeal(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	id := uuid.NewString()
	if err := vault.Create(ctx, id, "transcript", secret); err != nil {
		t.Fatal(err)
	}
	if err := vault.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	down := func(name string) {
		t.Helper()
		start := time.Now()
		if _, _, err := vault.Read(ctx, id, "transcript", ""); !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: reading: %v", name, err)
		}
		if err := vault.Create(ctx, uuid.NewString(), "transcript", secret); !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: writing: %v", name, err)
		} else if strings.Contains(err.Error(), secret) {
			t.Errorf("%s: the error holds the key: %v", name, err)
		}
		if _, err := vault.HMAC(ctx, "abandon"); !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: HMAC: %v", name, err)
		}
		if _, err := vault.SignRecipient(ctx, []byte("statement")); !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: signing: %v", name, err)
		}
		if err := vault.Ready(ctx); !errors.Is(err, custody.ErrUnavailable) {
			t.Errorf("%s: ready: %v", name, err)
		}
		if took := time.Since(start); took > 10*time.Second {
			t.Errorf("%s: saying so took %v", name, took)
		}
	}
	server.Seal(t)
	down("sealed")
	server.Unseal(t)
	if got, _, err := vault.Read(ctx, id, "transcript", ""); err != nil || got != secret {
		t.Errorf("after unsealing: %v", err)
	}
	server.Kill(t)
	down("killed")
	server.Restart(t)
	if got, _, err := vault.Read(ctx, id, "transcript", ""); err != nil || got != secret {
		t.Errorf("after a restart: %v", err)
	}
}

func TestALostTokenIsReplaced(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	vault := open(t, config(server, server.Custodian))
	id := uuid.NewString()
	if err := vault.Create(ctx, id, "transcript", secret); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Root.Logical().Write("sys/leases/revoke-force/auth/approle", nil); err != nil {
		t.Fatal(err)
	}
	if got, _, err := vault.Read(ctx, id, "transcript", ""); err != nil || got != secret {
		t.Errorf("with every token revoked: %v", err)
	}
}

func TestNobodyElseGetsIn(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	id := uuid.NewString()
	if err := open(t, config(server, server.Custodian)).Create(ctx, id, "identity", secret); err != nil {
		t.Fatal(err)
	}
	publisher := open(t, config(server, server.Publisher))
	if got, _, err := publisher.Read(ctx, id, "identity", ""); err == nil || got != "" {
		t.Errorf("the publisher read a case key: %v", err)
	}
	forged := filepath.Join(t.TempDir(), "secret-id")
	if err := os.WriteFile(forged, []byte(uuid.NewString()), 0o600); err != nil {
		t.Fatal(err)
	}
	c := config(server, server.Custodian)
	c.SecretIDFile = forged
	if err := open(t, c).Ready(ctx); !errors.Is(err, custody.ErrUnavailable) || !strings.Contains(err.Error(), "AppRole") {
		t.Errorf("with a forged secret id: %v", err)
	}
	c.SecretIDFile = filepath.Join(t.TempDir(), "missing")
	if err := open(t, c).Ready(ctx); !errors.Is(err, custody.ErrUnavailable) {
		t.Errorf("without a secret id: %v", err)
	}
}

// The token runs out every few seconds here, and can be renewed twice.
func TestTheTokenIsRenewedAndThenReplaced(t *testing.T) {
	ctx := context.Background()
	server := vaulttest.New(t)
	role := "auth/approle/role/short-" + uuid.NewString()
	if _, err := server.Root.Logical().Write(role, map[string]any{
		"token_policies": "sceau-custodian", "token_no_default_policy": true, "token_ttl": "2s", "token_max_ttl": "5s",
	}); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name string, from string, body map[string]any) string {
		t.Helper()
		got, err := server.Root.Logical().Read(role + "/" + from)
		if body != nil {
			got, err = server.Root.Logical().Write(role+"/"+from, body)
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(got.Data[name].(string)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	var log bytes.Buffer
	c := config(server, devstack.AppRole{
		RoleIDFile: write("role_id", "role-id", nil), SecretIDFile: write("secret_id", "secret-id", map[string]any{"num_uses": 0}),
	})
	c.Logger = slog.New(slog.NewTextHandler(&log, nil))
	vault := open(t, c)
	id := uuid.NewString()
	if err := vault.Create(ctx, id, "transcript", secret); err != nil {
		t.Fatal(err)
	}
	for end := time.Now().Add(7 * time.Second); time.Now().Before(end); time.Sleep(200 * time.Millisecond) {
		if _, _, err := vault.Read(ctx, id, "transcript", ""); err != nil {
			t.Fatal(err)
		}
	}
	vault.Close()
	if strings.Contains(log.String(), "hvs.") || log.Len() != 0 {
		t.Errorf("the log says %s", &log)
	}
}
