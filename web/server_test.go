package web_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pires/go-proxyproto"

	"github.com/sceau-project/sceau/web"
)

// served serves handler and returns its address, and a function that stops it
// and waits.
func served(t *testing.T, l web.Listen, handler http.HandlerFunc) (address string, stop func() error) {
	t.Helper()
	l.Address = "127.0.0.1:0"
	ctx, cancel := context.WithCancel(context.Background())
	at, done := make(chan net.Addr, 1), make(chan error, 1)
	go func() { done <- web.Serve(ctx, l, handler, func() {}, func(a net.Addr) { at <- a }) }()
	t.Cleanup(cancel)
	select {
	case a := <-at:
		return a.String(), func() error { cancel(); return <-done }
	case err := <-done:
		t.Fatal(err)
		return "", nil
	}
}

// TestProxyHeader: only a trusted proxy names a client's address, and it must.
func TestProxyHeader(t *testing.T) {
	logged := &journal{}
	address, stop := served(t, web.Listen{
		TrustedProxies: []string{"127.0.0.2/32"}, Grace: time.Second, Logger: slog.New(slog.NewTextHandler(logged, nil)),
	}, func(w http.ResponseWriter, r *http.Request) { _, _ = io.WriteString(w, r.RemoteAddr) })
	minor, to := &net.TCPAddr{IP: net.ParseIP("2001:db8::7"), Port: 51234}, &net.TCPAddr{IP: net.ParseIP("2001:db8::1"), Port: 443}
	tests := []struct {
		name, from string
		version    byte // of the header, 0 for none
		want       string
	}{
		{"a trusted proxy", "127.0.0.2", 2, "[2001:db8::7]:51234"},
		{"a trusted proxy, an older header", "127.0.0.2", 1, ""},
		{"a trusted proxy that says nothing", "127.0.0.2", 0, ""},
		{"somebody else, directly", "127.0.0.1", 0, "127.0.0.1:"},
		{"somebody else who names an address", "127.0.0.1", 2, ""},
		{"somebody else who names one the old way", "127.0.0.1", 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dialer := net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: net.ParseIP(tt.from)}}
			conn, err := dialer.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if tt.version > 0 {
				if _, err := proxyproto.HeaderProxyFromAddrs(tt.version, minor, to).WriteTo(conn); err != nil {
					t.Fatal(err)
				}
			}
			fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
			_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				if tt.want != "" {
					t.Fatalf("refused: %v", err)
				}
				return
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if tt.want == "" && res.StatusCode == http.StatusOK || tt.want != "" && !strings.HasPrefix(string(body), tt.want) {
				t.Errorf("served as %q (status %d), want %q", body, res.StatusCode, tt.want)
			}
		})
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	for _, address := range []string{"2001:db8", "127.0.0.2:"} {
		if strings.Contains(logged.String(), address) {
			t.Errorf("an address was logged: %s", logged)
		}
	}
}

// TestTLS: the face's own, new enough; and what goes wrong is logged without
// the client's address.
func TestTLS(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	cert, private := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, private: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	logged := &journal{}
	address, stop := served(t, web.Listen{Certificate: cert, Key: private, Grace: time.Second, Logger: slog.New(slog.NewTextHandler(logged, nil))},
		func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") })
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	trusted := x509.NewCertPool()
	trusted.AddCert(parsed)
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}
	defer transport.CloseIdleConnections()
	res, err := (&http.Client{Transport: transport}).Get("https://" + address)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if _, err := tls.Dial("tcp", address, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 was served")
	}
	// The complaint is written after the connection has ended.
	for end := time.Now().Add(10 * time.Second); !strings.Contains(logged.String(), "tls handshake"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("a failed handshake was not logged")
		}
	}
	if strings.Contains(logged.String(), "127.0.0.1") {
		t.Errorf("an address was logged: %s", logged)
	}
	transport.CloseIdleConnections()
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// TestGracefulStop: what is under way is answered, new requests are not taken.
func TestGracefulStop(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	address, stop := served(t, web.Listen{Grace: 10 * time.Second}, func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-leave
		_, _ = io.WriteString(w, "finished")
	})
	answered := make(chan string, 1)
	go func() {
		res, err := http.Get("http://" + address)
		if err != nil {
			answered <- err.Error()
			return
		}
		defer res.Body.Close()
		body, _ := io.ReadAll(res.Body)
		answered <- string(body)
	}()
	<-entered
	stopped := make(chan error, 1)
	go func() { stopped <- stop() }()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
		if time.Now().After(end) {
			t.Fatal("a stopping face still takes connections")
		}
	}
	close(leave)
	if got := <-answered; got != "finished" {
		t.Errorf("a request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

// TestUnfinishedHeader: a connection that stops in the middle of a header does
// not stay.
func TestUnfinishedHeader(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for a timeout of five seconds")
	}
	address, stop := served(t, web.Listen{Grace: time.Second}, func(http.ResponseWriter, *http.Request) {})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: x\r\nX: ")
	_ = conn.SetReadDeadline(time.Now().Add(15 * time.Second))
	rest, err := io.ReadAll(conn)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the connection stays")
	}
	if bytes.Contains(rest, []byte("200 OK")) {
		t.Errorf("answered %q", rest)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
}
