package custody_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/internal/vaulttest"
)

// Whoever can set the environment of the process must not be able to have its
// keys sent elsewhere.
func TestTheEnvironmentDoesNotRedirect(t *testing.T) {
	server := vaulttest.New(t)
	for name, value := range map[string]string{
		"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_AGENT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "s.stolen",
		"VAULT_NAMESPACE": "elsewhere", "VAULT_PROXY_ADDR": "http://127.0.0.1:1", "HTTP_PROXY": "http://127.0.0.1:1",
		"VAULT_HTTP_PROXY": "http://127.0.0.1:1", "VAULT_HEADERS": `{"X-Evil":"1"}`, "VAULT_MAX_RETRIES": "9",
		"VAULT_SRV_LOOKUP": "true", "VAULT_WRAP_TTL": "60s", "VAULT_RATE_LIMIT": "0.001:1",
		"VAULT_CLIENT_TIMEOUT": "1ns", "VAULT_DISABLE_REDIRECTS": "false",
	} {
		t.Setenv(name, value)
	}
	vault := open(t, config(server, server.Custodian))
	if err := vault.Ready(context.Background()); err != nil {
		t.Error(err)
	}
	if _, err := vault.HMAC(context.Background(), "abandon"); err != nil {
		t.Error(err)
	}
}

// An impostor with a certificate that our configuration gives no reason to
// believe hears nothing, whatever the environment says; and the authority that
// the configuration names is believed in spite of it.
func TestTheEnvironmentDoesNotSayWhomToBelieve(t *testing.T) {
	t.Setenv("SSL_CERT_FILE", "")
	t.Setenv("SSL_CERT_DIR", "")
	var heard atomic.Int64
	impostor := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard.Add(1)
		_, _ = io.WriteString(w, `{"initialized":true,"sealed":false,"auth":{"client_token":"s.x","lease_duration":600}}`)
	}))
	impostor.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	impostor.StartTLS()
	defer impostor.Close()

	file := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: impostor.Certificate().Raw})
	theirs, another := file("theirs.pem", certificate), file("another.pem", selfSigned(t))
	c := custody.Config{
		Address: impostor.URL, RoleIDFile: file("role-id", []byte("role-id")), SecretIDFile: file("secret-id", []byte("secret-id")),
		CasesMount: "a", TransitMount: "b", PepperKey: "c", RecipientsKey: "d", Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	}
	for name, value := range map[string]string{
		"VAULT_SKIP_VERIFY": "true", "VAULT_CACERT": theirs, "VAULT_CAPATH": filepath.Dir(theirs), "VAULT_CACERT_BYTES": string(certificate),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			for _, c.CACertificate = range []string{"", another} {
				heard.Store(0)
				if err := open(t, c).Ready(context.Background()); !errors.Is(err, custody.ErrUnavailable) || heard.Load() != 0 {
					t.Errorf("with authority %q an impostor heard %d requests: %v", c.CACertificate, heard.Load(), err)
				}
			}
		})
	}
	for name, value := range map[string]string{"SSL_CERT_FILE": theirs, "SSL_CERT_DIR": filepath.Dir(theirs)} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, value)
			c.CACertificate = ""
			if vault, err := custody.Open(c); err == nil {
				vault.Close()
				t.Error("it chose whom to believe")
			}
		})
	}
	t.Run("the configured authority", func(t *testing.T) {
		t.Setenv("VAULT_CACERT", another)
		t.Setenv("VAULT_TLS_SERVER_NAME", "elsewhere.example")
		c.CACertificate = theirs
		if err := open(t, c).Ready(context.Background()); err != nil || heard.Load() == 0 {
			t.Errorf("it is not believed: %v", err)
		}
		c.CACertificate = c.RoleIDFile
		if vault, err := custody.Open(c); err == nil {
			vault.Close()
			t.Error("a file without a certificate passes for an authority")
		}
	})
}

// selfSigned is the certificate of an authority that signed nothing.
func selfSigned(t *testing.T) []byte {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
