package web

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/pires/go-proxyproto"
)

// Listen is where and how a face is served.
type Listen struct {
	Address        string
	TrustedProxies []string // networks whose connections begin with a PROXY v2 header
	Certificate    string   // PEM files; TLS when both are given
	Key            string
	Grace          time.Duration // for requests under way when the context ends
	Logger         *slog.Logger
}

// Serve serves handler until ctx ends, then lets requests under way finish for
// as long as Grace says. stopping is called before, so that streams end. ready,
// when not nil, is told the address.
func Serve(ctx context.Context, l Listen, handler http.Handler, stopping func(), ready func(net.Addr)) error {
	listener, err := listen(ctx, l)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      requestTime + 5*time.Second, // streams set their own
		IdleTimeout:       60 * time.Second,
		MaxHeaderBytes:    48 << 10, // a staff token has some kilobytes
		ErrorLog:          log.New(discreet{l.Logger}, "", 0),
		TLSConfig:         &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if ready != nil {
		ready(listener.Addr())
	}
	done := make(chan error, 1)
	go func() {
		if l.Certificate != "" {
			done <- server.ServeTLS(listener, l.Certificate, l.Key)
			return
		}
		done <- server.Serve(listener)
	}()
	select {
	case err := <-done:
		return fmt.Errorf("serving: %w", err)
	case <-ctx.Done():
	}
	stopping()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.Grace)
	defer cancel()
	err = server.Shutdown(grace)
	if errors.Is(err, context.DeadlineExceeded) {
		err = server.Close()
	}
	<-done
	return err
}

// listen opens the listener. From a trusted proxy a PROXY v2 header is
// required, from elsewhere it is refused: a client that could choose its
// address could have somebody else's sealed as its own.
func listen(ctx context.Context, l Listen) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", l.Address)
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	if len(l.TrustedProxies) == 0 {
		return listener, nil
	}
	policy, err := proxyproto.PolicyFromRanges(l.TrustedProxies, proxyproto.REQUIRE, proxyproto.REJECT)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("reading trusted proxies: %w", err), listener.Close())
	}
	return &proxyproto.Listener{
		Listener: listener, ConnPolicy: policy, ReadHeaderTimeout: 5 * time.Second,
		ValidateHeader: func(h *proxyproto.Header) error {
			if h.Version != 2 {
				return errors.New("only version 2 of the PROXY protocol is served")
			}
			return nil
		},
	}, nil
}

// discreet is where net/http's own complaints go: their kind is logged, never
// their text, which names clients' addresses.
type discreet struct{ log *slog.Logger }

func (d discreet) Write(line []byte) (int, error) {
	kind := "other"
	for prefix, name := range map[string]string{
		"http: TLS handshake error":          "tls handshake",
		"http: panic serving":                "panic",
		"http: Accept error":                 "accept",
		"http: superfluous":                  "superfluous header",
		"http2: ":                            "http2",
		"http: URL query contains semicolon": "query",
	} {
		if strings.HasPrefix(string(line), prefix) {
			kind = name
		}
	}
	if d.log != nil {
		d.log.Warn("connection", "kind", kind)
	}
	return len(line), nil
}
