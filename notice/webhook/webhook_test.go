package webhook_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"go.uber.org/goleak"

	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/webhook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"

var waiting = notice.Notice{
	Kind: notice.RequestWaiting, ID: "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11", At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
}

func send(t *testing.T, cfg webhook.Config) error {
	t.Helper()
	s, err := webhook.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s.Send(t.Context(), waiting)
}

func code(err error) string {
	var f *notice.Failure
	if errors.As(err, &f) {
		return f.Error()
	}
	return fmt.Sprintf("%v", err)
}

func TestTLS(t *testing.T) {
	receiver := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	receiver.Config.ErrorLog = nil
	roots := x509.NewCertPool()
	roots.AddCert(receiver.Certificate())
	if err := send(t, webhook.Config{URL: receiver.URL, Secret: secret, Roots: roots}); err != nil {
		t.Errorf("a receiver that we know: %v", err)
	}
	if got := code(send(t, webhook.Config{URL: receiver.URL, Secret: secret, Roots: x509.NewCertPool()})); got != "certificate" {
		t.Errorf("a stranger's certificate: %s", got)
	}
}

// Plain HTTP goes to this machine only, whatever the name says: the address that
// is dialled counts.
func TestPlainHTTPStaysHere(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer receiver.Close()
	if err := send(t, webhook.Config{URL: receiver.URL, Secret: secret}); err != nil {
		t.Errorf("loopback: %v", err)
	}
	for _, elsewhere := range []string{"http://192.0.2.1:9/", "http://[2001:db8::1]:9/", "http://[::ffff:192.0.2.1]:9/"} {
		if got := code(send(t, webhook.Config{URL: elsewhere, Secret: secret})); got != "not_this_machine" {
			t.Errorf("%s: %s", elsewhere, got)
		}
	}
}

// No variable of the environment can lead notices elsewhere.
func TestNoProxyOfTheEnvironment(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the proxy was used") }))
	defer proxy.Close()
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("HTTPS_PROXY", proxy.URL)
	_ = send(t, webhook.Config{URL: "http://192.0.2.1:9/", Secret: secret})
}

func TestARedirectIsAFailure(t *testing.T) {
	receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/" {
			t.Error("the redirect was followed")
		}
		http.Redirect(w, r, "/elsewhere", http.StatusPermanentRedirect)
	}))
	defer receiver.Close()
	if got := code(send(t, webhook.Config{URL: receiver.URL, Secret: secret})); got != "redirected 308" {
		t.Error(got)
	}
}

// A receiver that accepts and never answers is given up, and leaves nothing behind.
func TestAReceiverThatHangs(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	s, err := webhook.New(webhook.Config{URL: "http://" + listener.Addr().String(), Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if got := code(s.Send(ctx, waiting)); got != "timeout" {
		t.Error(got)
	}
}

// An error says neither where nor with what.
func TestRefusals(t *testing.T) {
	for name, cfg := range map[string]webhook.Config{
		"no secret":          {URL: "https://pager.example/s3cr3t"},
		"a short secret":     {URL: "https://pager.example/s3cr3t", Secret: "whsec_MfKQ9r8GKYqrTwjU"},
		"an unmarked secret": {URL: "https://pager.example/s3cr3t", Secret: strings.TrimPrefix(secret, "whsec_")},
		"not base64":         {URL: "https://pager.example/s3cr3t", Secret: "whsec_s3cr3t!"},
		"another scheme":     {URL: "ftp://pager.example/s3cr3t", Secret: secret},
		"a password in it":   {URL: "https://a:s3cr3t@pager.example/", Secret: secret},
		"no host":            {URL: "https:///s3cr3t", Secret: secret},
	} {
		_, err := webhook.New(cfg)
		if err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "s3cr3t") || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("%s: the error repeats what is secret: %v", name, err)
		}
	}
}

// What is no notice leaves by no way.
func TestOnlyNoticesLeave(t *testing.T) {
	s, err := webhook.New(webhook.Config{URL: "http://127.0.0.1:9/", Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	n := waiting
	n.ID = "chez ma tante"
	if err := s.Send(t.Context(), n); err == nil || strings.Contains(err.Error(), "tante") {
		t.Errorf("sent, or repeated: %v", err)
	}
}

// The example that receivers are written after is one that they can verify.
func TestTheDocumentedExample(t *testing.T) {
	text, err := os.ReadFile("../../docs/notices.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```\n")
	example, _, _ = strings.Cut(example, "\n```")
	head, body, _ := strings.Cut(example, "\n\n")
	header := http.Header{}
	for line := range strings.SplitSeq(head, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		header.Set(name, value)
	}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := verifier.VerifyIgnoringTimestamp([]byte(body), header); err != nil {
		t.Error(err)
	}
	n := waiting
	n.At, n.Unit = n.At.Add(123456*time.Microsecond), "u-09"
	if want, err := n.Payload(); err != nil || string(want) != body || header.Get("webhook-id") != n.MessageID() {
		t.Errorf("documented\n%s %s\nis\n%s %s, %v", header.Get("webhook-id"), body, n.MessageID(), want, err)
	}
}

// Every kind is in the table, with those whom it calls.
func TestEveryKindIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/notices.md")
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]string{"agent": "agents", "supervisor": "supervisors", "inspector": "inspectors", "privacy_officer": "privacy officers"}
	for _, k := range notice.Kinds() {
		_, row, found := strings.Cut(string(text), "| `"+string(k)+"` | ")
		row, _, _ = strings.Cut(row, " |")
		if !found {
			t.Errorf("%s is not documented", k)
		}
		for role, name := range called {
			if slices.Contains(k.Roles(), role) != strings.Contains(row, name) {
				t.Errorf("%s: documented as calling %q, calls %v", k, row, k.Roles())
			}
		}
	}
}
