package custody

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	vault "github.com/hashicorp/vault/api"
)

// dial makes a client from c and nothing else. The library's DefaultConfig
// takes address, proxy, authorities and whether to verify at all from VAULT_*
// variables, and its ConfigureTLS only adds to what is there: a process with
// VAULT_SKIP_VERIFY=true would give its secret id to an impostor.
func dial(c Config) (client *vault.Client, idle func(), err error) {
	roots, err := authorities(c)
	if err != nil {
		return nil, nil, fmt.Errorf("setting up the Vault client: %w", err)
	}
	transport := &http.Transport{
		Proxy:                 nil, // not even HTTPS_PROXY
		DialContext:           (&net.Dialer{Timeout: c.Timeout, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:   c.Timeout,
		ResponseHeaderTimeout: c.Timeout,
		ForceAttemptHTTP2:     true,
		MaxIdleConnsPerHost:   8,
		IdleConnTimeout:       90 * time.Second,
	}
	client, err = vault.NewClient(&vault.Config{
		Address: c.Address, Timeout: c.Timeout,
		HttpClient: &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		}},
		MaxRetries: 1, MinRetryWait: 50 * time.Millisecond, MaxRetryWait: 200 * time.Millisecond,
		DisableRedirects: true,
	})
	if err != nil {
		// NewClient reads the variables only to throw them away, yet one that
		// it cannot parse stops it.
		return nil, nil, fmt.Errorf("setting up the Vault client (VAULT_* variables are not used; remove them): %w", err)
	}
	client.SetHeaders(http.Header{vault.RequestHeaderName: {"true"}})
	client.SetWrappingLookupFunc(func(string, string) string { return "" }) // not VAULT_WRAP_TTL
	client.ClearToken()
	client.ClearNamespace()
	return client, transport.CloseIdleConnections, nil
}

// authorities are whose certificates are believed: the configured one's, or
// without one the system's. Go lets SSL_CERT_FILE and SSL_CERT_DIR name the
// system's, so towards an https address these must then be absent.
func authorities(c Config) (*x509.CertPool, error) {
	file := c.CACertificate
	if file == "" {
		if strings.HasPrefix(strings.ToLower(c.Address), "https:") && (os.Getenv("SSL_CERT_FILE") != "" || os.Getenv("SSL_CERT_DIR") != "") {
			return nil, errors.New("SSL_CERT_FILE and SSL_CERT_DIR may not choose Vault's authority; remove them, or configure its certificate")
		}
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the certificate of Vault's authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no PEM certificate", file)
	}
	return pool, nil
}
