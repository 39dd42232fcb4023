package order_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/custodian/order"
)

// An order or an answer that is logged by mistake tells nothing.
func TestSecretsDoNotPrint(t *testing.T) {
	key := order.Key("0123456789abcdef")
	for _, v := range []any{
		order.Release{Caller: order.Caller{StaffToken: "SECRET"}, IdempotencyKey: "SECRET"},
		order.NewPhrase{Caller: order.Caller{MinorToken: "SECRET"}},
		order.Return{Phrase: "SECRET"}, order.Phrase{Phrase: "SECRET"}, order.Returned{Token: "SECRET"},
		order.Released{Keys: []order.FacetKey{{Key: key}}}, order.MessageKeys{Keys: []order.MessageKey{{Key: key}}},
		order.Secret("SECRET"), key,
	} {
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&log, verb, v)
		}
		text := log.String()
		for _, secret := range []string{"SECRET", "0123456789abcdef", "53454352", "30313233", "48 49 50", "0x30, 0x31"} {
			if strings.Contains(text, secret) {
				t.Errorf("%T prints %s", v, text)
			}
		}
	}
	// Between the processes they do travel.
	raw, err := json.Marshal(order.Return{Phrase: "SECRET"})
	if err != nil || string(raw) != `{"phrase":"SECRET"}` {
		t.Errorf("marshalled %s: %v", raw, err)
	}
}

// custodian answers every order in one way.
func custodian(t *testing.T, answer http.HandlerFunc) *order.Client {
	t.Helper()
	dir, err := os.MkdirTemp("", "order")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: answer, ReadHeaderTimeout: time.Second}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	client := order.NewClient(path)
	t.Cleanup(client.Close)
	return client
}

func say(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}
}

func TestAnswersThatAreNone(t *testing.T) {
	ctx := context.Background()
	for name, answer := range map[string]http.HandlerFunc{
		"not JSON":            say(200, "hello"),
		"too long":            say(200, strings.Repeat(" ", order.MaxAnswer+1)+"{}"),
		"refusal, no code":    say(403, "{}"),
		"refusal, not JSON":   say(502, "<html>"),
		"code with no error":  say(302, `{"code":"x"}`),
		"an abandoned answer": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		_, err := custodian(t, answer).Release(ctx, order.Release{})
		var r *order.Refusal
		if !errors.Is(err, order.ErrDown) || errors.As(err, &r) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var r *order.Refusal
	if _, err := custodian(t, say(403, `{"code":"grant.expired","reasons":["grant.expired"]}`)).Release(ctx, order.Release{}); !errors.As(err, &r) ||
		r.Status != 403 || r.Code != "grant.expired" || len(r.Reasons) != 1 {
		t.Errorf("a refusal: %v", err)
	}
	if err := custodian(t, say(204, "")).EndSession(ctx, "x", order.EndSession{}); err != nil {
		t.Errorf("no content: %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	client := order.NewClient(filepath.Join(t.TempDir(), "nobody"))
	_, err := client.Release(context.Background(), order.Release{})
	if !errors.Is(err, order.ErrDown) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := client.Ready(ctx); !errors.Is(err, order.ErrDown) || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// What is too large is not sent: half an order is none.
func TestALongOrderStaysHome(t *testing.T) {
	client := custodian(t, func(http.ResponseWriter, *http.Request) { t.Error("it was sent") })
	_, err := client.Return(context.Background(), order.Return{Phrase: order.Secret(strings.Repeat("x", order.MaxBody))})
	var r *order.Refusal
	if !errors.As(err, &r) || r.Code != order.CodeMalformed {
		t.Errorf("got %v", err)
	}
}

// The session's id opens nothing without its owner's token, and still is no
// business of an error message.
func TestErrorsNameNoSession(t *testing.T) {
	client := order.NewClient(filepath.Join(t.TempDir(), "nobody"))
	_, err := client.Unwrap(context.Background(), "7Qx-session", order.Unwrap{})
	if err == nil || strings.Contains(err.Error(), "7Qx") {
		t.Errorf("got %v", err)
	}
}

func TestEveryCodeHasAStatus(t *testing.T) {
	for code, status := range order.Codes {
		if area, word, ok := strings.Cut(code, "."); !ok || area == "" || word == "" || status < 400 || status > 599 {
			t.Errorf("%s has status %d", code, status)
		}
	}
}
