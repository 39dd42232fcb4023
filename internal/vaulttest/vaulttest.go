// Package vaulttest hands tests a real Vault, provisioned as deploy/vault says:
// KV v2 with check-and-set required, transit with its keys, policies, AppRoles
// and a file audit device.
//
// The test binary has one server; its tests are kept apart by the random ids of
// their cases. A test that seals, stops or restarts the server must not run in
// parallel with others of its package; the server is brought back when it ends.
package vaulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/hashicorp/vault/api"

	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/keeper"
)

// Vault is the test binary's Vault as one test sees it.
type Vault struct {
	*devstack.Vault
	Custodian devstack.AppRole // credentials of this test's own
	Publisher devstack.AppRole

	auditFrom int64 // where the audit file ended when the test began
}

func init() {
	// Nothing is started: the keeper removes the server's files after the test
	// binary, and with it the server, has ended.
	keeper.Register("vault", func(context.Context, string) (any, func(), error) { return nil, func() {}, nil })
}

var shared = sync.OnceValues(func() (*devstack.Vault, error) {
	ctx := context.Background()
	// Before anything is started: a missing binary is what a test skips for.
	bin, err := devstack.VaultBinary(ctx, nil)
	if err != nil {
		return nil, err
	}
	dir, err := keeper.Use("vault", keeper.Mine(), nil)
	if err != nil {
		return nil, err
	}
	v, err := devstack.StartVault(ctx, devstack.VaultConfig{Dir: filepath.Join(dir, "vault"), Binary: bin})
	if err != nil {
		return nil, err
	}
	return v, v.Provision(ctx)
})

// New returns the test binary's Vault with fresh credentials for this test.
func New(t testing.TB) *Vault {
	t.Helper()
	server, err := shared()
	if errors.Is(err, devstack.ErrNoVault) && os.Getenv("CI") == "" {
		t.Skip("skipped: ", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	v := &Vault{Vault: server}
	ctx := context.Background()
	dir := t.TempDir()
	if v.Custodian, err = server.Credentials(ctx, "custodian", filepath.Join(dir, "custodian")); err != nil {
		t.Fatal(err)
	}
	if v.Publisher, err = server.Credentials(ctx, "publisher", filepath.Join(dir, "publisher")); err != nil {
		t.Fatal(err)
	}
	st, err := os.Stat(server.AuditFile)
	if err != nil {
		t.Fatal(err)
	}
	v.auditFrom = st.Size()
	t.Cleanup(func() {
		select {
		case <-server.Process().Done():
			err = server.Restart(ctx)
		default:
			err = server.Unseal(ctx)
		}
		if err != nil {
			t.Errorf("bring Vault back after the test: %v", err)
		}
	})
	return v
}

// As signs in with a process's credentials.
func (v *Vault) As(t testing.TB, role devstack.AppRole) *api.Client {
	t.Helper()
	client, err := v.Login(context.Background(), role)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// Seal seals the server until Unseal or the test's end.
func (v *Vault) Seal(t testing.TB) { must(t, v.Vault.Seal(context.Background())) }

// Unseal unseals it.
func (v *Vault) Unseal(t testing.TB) { must(t, v.Vault.Unseal(context.Background())) }

// Kill ends the server as a crash would.
func (v *Vault) Kill(testing.TB) { v.Vault.Kill() }

// Restart starts it again after Kill, unsealed, at the same address.
func (v *Vault) Restart(t testing.TB) { must(t, v.Vault.Restart(context.Background())) }

// Audited is one line of Vault's audit file, as far as tests look at it.
type Audited struct {
	Type    string `json:"type"` // "request" or "response"
	Time    string `json:"time"`
	Error   string `json:"error"`
	Request struct {
		ID        string              `json:"id"`
		Operation string              `json:"operation"`
		Path      string              `json:"path"`
		Headers   map[string][]string `json:"headers"`
	} `json:"request"`
	Auth struct {
		Policies []string          `json:"policies"`
		Metadata map[string]string `json:"metadata"`
	} `json:"auth"`
}

// CorrelationID is the X-Correlation-Id the client sent, or "".
func (a Audited) CorrelationID() string {
	if h := a.Request.Headers["x-correlation-id"]; len(h) == 1 {
		return h[0]
	}
	return ""
}

// Audit returns what Vault has recorded since the test began, requests and
// responses, other tests' in parallel included: filter by path.
func (v *Vault) Audit(t testing.TB) []Audited {
	t.Helper()
	var all []Audited
	for _, line := range v.AuditLines(t) {
		var a Audited
		must(t, json.Unmarshal([]byte(line), &a))
		all = append(all, a)
	}
	return all
}

// AuditLines are the same as they stand in the file.
func (v *Vault) AuditLines(t testing.TB) []string {
	t.Helper()
	f, err := os.Open(v.AuditFile)
	must(t, err)
	defer f.Close()
	_, err = f.Seek(v.auditFrom, io.SeekStart)
	must(t, err)
	b, err := io.ReadAll(f)
	must(t, err)
	// A line that is still being written has no end yet.
	whole := b[:bytes.LastIndexByte(b, '\n')+1]
	return strings.Split(strings.TrimSuffix(string(whole), "\n"), "\n")
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
