package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics on a socket: that of an earlier life is taken over, and what is no socket
// stays as it is.
func TestMetricsOnASocket(t *testing.T) {
	dir, err := os.MkdirTemp("", "sceau")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path, file := filepath.Join(dir, "metrics.sock"), filepath.Join(dir, "precious")
	stale, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	stale.SetUnlinkOnClose(false) // as after kill -9
	_ = stale.Close()
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_test", Help: "One."}, func() float64 { return 1 }))

	if err := os.WriteFile(file, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := serveMetrics(t.Context(), "unix:"+file, metrics); err == nil {
		t.Error("a file was listened on")
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "keep" {
		t.Errorf("the file says %q, %v", text, err)
	}

	ctx, stop := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- serveMetrics(ctx, "unix:"+path, metrics) }()
	client := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", path)
		}}}
	var text string
	for end := time.Now().Add(10 * time.Second); !strings.Contains(text, "\nsceau_test 1\n") && time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if res, err := client.Get("http://custodian/metrics"); err == nil {
			raw, _ := io.ReadAll(res.Body)
			_ = res.Body.Close()
			text = string(raw)
		}
	}
	if !strings.Contains(text, "\nsceau_test 1\n") {
		t.Errorf("metrics say %q", text)
	}
	stop()
	if err := <-served; err != nil {
		t.Error(err)
	}
}
