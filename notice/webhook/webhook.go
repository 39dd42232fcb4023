// Package webhook hands notices to a receiver over HTTP, signed as Standard
// Webhooks (standardwebhooks.com) says: the receiver verifies webhook-signature
// over webhook-id, webhook-timestamp and body with a secret that both know, and
// drops a webhook-id that it has seen.
//
// It speaks TLS, but to this machine. It follows no redirect: a receiver that
// moved is configured anew, by whoever may say where notices go.
package webhook

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sceau-project/sceau/notice"
)

// timeout bounds one try, connecting included.
const timeout = 10 * time.Second

// A Config names one receiver.
type Config struct {
	// URL is https, or http on this machine.
	URL string
	// Secret is "whsec_" and 24 to 64 bytes in standard base64.
	Secret string
	// Roots are whose certificates are believed; nil: the system's.
	Roots *x509.CertPool
}

// A Sender hands notices to one receiver.
type Sender struct {
	url    string
	signer *standardwebhooks.Webhook
	client *http.Client
}

// New refuses a receiver without TLS elsewhere than on this machine, and a weak
// secret. No error holds the URL or the secret.
func New(cfg Config) (*Sender, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		return nil, errors.New("a webhook needs a URL such as https://host/path")
	}
	key, err := secret(cfg.Secret)
	if err != nil {
		return nil, err
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, fmt.Errorf("prepare a webhook's signature: %w", err)
	}
	dialer := &net.Dialer{Timeout: timeout}
	if u.Scheme == "http" {
		// By the address that is really dialled: a name, even localhost, may lead elsewhere.
		dialer.Control = loopbackOnly
	}
	return &Sender{url: cfg.URL, signer: signer, client: &http.Client{
		Timeout:       timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy:                  nil, // no variable of the environment decides where notices go
			DialContext:            dialer.DialContext,
			TLSClientConfig:        &tls.Config{RootCAs: cfg.Roots, MinVersion: tls.VersionTLS12},
			DisableKeepAlives:      true, // notices are rare
			MaxResponseHeaderBytes: 16 << 10,
		},
	}}, nil
}

// secret reads the form that Standard Webhooks gives secrets.
func secret(text string) ([]byte, error) {
	encoded, marked := strings.CutPrefix(strings.TrimSpace(text), "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !marked || err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New(`a webhook's secret is "whsec_" and 24 to 64 bytes in standard base64`)
	}
	return key, nil
}

func loopbackOnly(_, address string, _ syscall.RawConn) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil || !at.Addr().Unmap().IsLoopback() {
		return errNotHere
	}
	return nil
}

var errNotHere = errors.New("plain http is for this machine only")

// Send posts the notice once. Any 2xx answer is a success; nothing else of the
// answer is read.
func (s *Sender) Send(ctx context.Context, n notice.Notice) error {
	body, err := n.Payload()
	if err != nil {
		return err
	}
	id, now := n.MessageID(), time.Now()
	signature, err := s.signer.Sign(id, now, body)
	if err != nil {
		return fmt.Errorf("sign a notice: %w", err)
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, strings.NewReader(string(body)))
	if err != nil {
		return &notice.Failure{Code: "url"}
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sceau")
	request.Header.Set(standardwebhooks.HeaderWebhookID, id)
	request.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	request.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	response, err := s.client.Do(request)
	if err != nil {
		return &notice.Failure{Code: why(err)}
	}
	response.Body.Close()
	switch {
	case response.StatusCode < 300:
		return nil
	case response.StatusCode < 400:
		return &notice.Failure{Code: "redirected", Status: response.StatusCode}
	default:
		return &notice.Failure{Code: "refused", Status: response.StatusCode}
	}
}

// why: an error of net/http repeats the URL, and at times what the peer said.
func why(err error) string {
	var certificate *tls.CertificateVerificationError
	var timed net.Error
	switch {
	case errors.Is(err, errNotHere):
		return "not_this_machine"
	case errors.As(err, &certificate):
		return "certificate"
	case errors.As(err, &timed) && timed.Timeout():
		return "timeout"
	default:
		return "unreachable"
	}
}
