package web

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
)

// TestWaitingIsNotLeaving: however long an answer takes, the context of a request
// does not end while its client waits, with a body and without one.
func TestWaitingIsNotLeaving(t *testing.T) {
	t.Parallel()
	f, err := newFace(Public, Config{Logger: slog.New(slog.DiscardHandler), Metrics: prometheus.NewRegistry(),
		Limits: Limits{RequestsPerMinute: 100, ConversationsPerHour: 1, ReturnsPerHour: 1}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const readTime, long = 500 * time.Millisecond, 6 * time.Second // longer than huma's own five
	wait := func(ctx context.Context) error {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(long):
			return nil
		}
	}
	handler, err := f.handler([]Route{
		{Public, http.MethodPost, "/body", []string{anyone}, none, false, "", handle(func(ctx context.Context, _ *WriteBody) (*struct{}, error) { return nil, wait(ctx) })},
		{Public, http.MethodGet, "/asking-who", []string{minor}, none, false, "", handle(func(context.Context, *struct{}) (*struct{}, error) { return nil, nil })},
		{Public, http.MethodPost, "/asking-who", []string{minor}, none, false, "", handle(func(context.Context, *WriteBody) (*struct{}, error) { return nil, nil })},
	}, func(ctx context.Context, _, _ string) (caller, error) {
		return caller{actor: audit.Actor{Role: minor}}, wait(ctx)
	})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Config.ReadTimeout = readTime
	server.Start()
	t.Cleanup(server.Close)
	for _, ask := range []struct{ method, path, body string }{
		{http.MethodPost, "/body", `{"text":"encore"}`},
		{http.MethodGet, "/asking-who", ""},
		{http.MethodPost, "/asking-who", `{"text":"` + strings.Repeat("e", 40_000) + `"}`}, // more than one read of the connection
	} {
		t.Run(ask.method+ask.path, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), ask.method, server.URL+ask.path, strings.NewReader(ask.body))
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Authorization", "Bearer somebody")
			if ask.body != "" {
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set(idempotencyHeader, rand.Text())
			}
			res, err := server.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if said, _ := io.ReadAll(res.Body); res.StatusCode != http.StatusNoContent {
				t.Errorf("%d: %s", res.StatusCode, said)
			}
		})
	}
}

func TestStrictJSON(t *testing.T) {
	for raw, want := range map[string]bool{
		`{}`:                     true,
		`{"a":1,"b":{"a":2}}`:    true,
		`[{"a":1},{"a":1}]`:      true,
		`"\ud83d\ude00 \\u0000"`: true,
		`{"a":"\\ud800"}`:        true, // a backslash, then letters
		``:                       false,
		`{"a":1}{"b":2}`:         false,
		`{"a":1} x`:              false,
		`{"a":1,"a":2}`:          false,
		`{"a":1,"\u0061":2}`:     false, // the same name, written otherwise
		`{"x":{"a":1,"a":2}}`:    false,
		`[{"a":1,"a":2}]`:        false,
		`"\u0000"`:               false,
		"\"\x00\"":               false,
		`"\ud800"`:               false,
		`"\ud800\u0041"`:         false,
		`"\udc00\ud800"`:         false,
		`"\ud83d\ude00\ud83d"`:   false,
		"\"\xff\"":               false,
		"\ufeff{}":               false,
		`{"a":NaN}`:              false,
		`{"a":1,}`:               false,
		`{'a':1}`:                false,
		strings.Repeat("[", 20) + "1" + strings.Repeat("]", 20): false,
	} {
		if got := strictJSON([]byte(raw)); got != want {
			t.Errorf("%.60q: got %v", raw, got)
		}
	}
}

// FuzzStrictJSON: what is let through is read by encoding/json without loss: no
// replacement character that was not there, no NUL, and the same value when
// written and read again.
func FuzzStrictJSON(f *testing.F) {
	seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzStrictJSON", "*"))
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seed corpus: %v", err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if !strictJSON(raw) {
			return
		}
		var value any
		if err := json.Unmarshal(raw, &value); err != nil {
			t.Fatalf("let through and not readable: %v", err)
		}
		written, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		if !utf8.Valid(written) || bytes.Contains(written, []byte(`\u0000`)) && !bytes.Contains(raw, []byte(`\\u0000`)) {
			t.Errorf("%q became %q", raw, written)
		}
		if bytes.ContainsRune(written, utf8.RuneError) && !bytes.ContainsRune(raw, utf8.RuneError) && !bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`)) {
			t.Errorf("%q lost a character: %q", raw, written)
		}
		if !strictJSON(written) {
			t.Errorf("%q is let through, %q is not", raw, written)
		}
	})
}

// TestFaultsRepeatNothing: whatever a validator says, no value and no name of
// the sender's comes through.
func TestFaultsRepeatNothing(t *testing.T) {
	for _, tt := range []struct {
		detail huma.ErrorDetail
		want   Fault
	}{
		{huma.ErrorDetail{Message: "unexpected property", Location: "body.secret"}, Fault{"body", "unknown field"}},
		{huma.ErrorDetail{Message: "unexpected property", Location: "body.secret.of.lina"}, Fault{"body", "unknown field"}},
		{huma.ErrorDetail{Message: "unexpected property", Location: "body.assessment.secret.x"}, Fault{"body.assessment", "unknown field"}},
		{huma.ErrorDetail{Message: "unknown query parameter", Location: "query.secret"}, Fault{"query", "unknown field"}},
		{huma.ErrorDetail{Message: "expected string", Location: "body.topic", Value: "secret"}, Fault{"body.topic", "expected string"}},
		{huma.ErrorDetail{Message: "expected string to be RFC 3986 uri: secret", Location: "body.x"}, Fault{"body.x", "not valid"}},
		{huma.ErrorDetail{Message: "invalid character 's'", Location: "body", Value: "secret"}, Fault{"body", "not valid"}},
	} {
		got := faults([]error{&tt.detail})
		if len(got) != 1 || got[0] != tt.want {
			t.Errorf("%q at %s: got %+v, want %+v", tt.detail.Message, tt.detail.Location, got, tt.want)
		}
	}
	if got := faults([]error{errors.New("secret")}); len(got) != 0 {
		t.Errorf("an unknown error came through: %+v", got)
	}
}

// TestUnknownErrorsStayInside: what has no code is service.failed, and its text
// is nobody's business.
func TestUnknownErrorsStayInside(t *testing.T) {
	f := &face{kind: Public}
	p, noteworthy := f.problem(errors.New("pq: relation \"secret\" does not exist"), false)
	text, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	if p.Code != "service.failed" || p.Status != 500 || !noteworthy || strings.Contains(string(text), "secret") {
		t.Errorf("got %s", text)
	}
	if p, _ := f.problem(refuse("no.such_code"), false); p.Code != "service.failed" {
		t.Errorf("a code without a sentence came through: %s", p.Code)
	}
}

// TestOnlyTheVerifiedCiphertext: a row changed after the custodian looked at it
// is not even tried with the key.
func TestOnlyTheVerifiedCiphertext(t *testing.T) {
	sealed := conversation.SealedMessage{Position: 1, Ciphertext: []byte("another row")}
	_, err := open("00000000-0000-4000-8000-000000000000", sealed, order.MessageKey{Position: 1, Sum: make([]byte, 32), Key: make([]byte, 16)})
	var own *fail
	if !errors.As(err, &own) || own.code != "content.altered" {
		t.Errorf("got %v", err)
	}
}
