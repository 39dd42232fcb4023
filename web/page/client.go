package page

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"
	"github.com/go-chi/chi/v5"
	"github.com/google/uuid"
)

// Problem is a refusal or a failure as the API tells it (RFC 9457), in the
// reader's language.
type Problem struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Title   string `json:"title"`
	Detail  string `json:"detail"`
	Reasons []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"reasons"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`

	RetryAfter string `json:"-"` // seconds, "" for none
}

// Error is the code: all that a log may say of it.
func (p *Problem) Error() string { return p.Code }

// about says whether it names this field, by its code or by where the fault is.
func (p *Problem) about(field string) bool {
	if p == nil {
		return false
	}
	if strings.HasPrefix(p.Code, field+".") {
		return true
	}
	for _, fault := range p.Errors {
		if at := "body." + field; fault.Location == at || strings.HasPrefix(fault.Location, at+".") || strings.HasPrefix(fault.Location, at+"[") {
			return true
		}
	}
	return false
}

// Field ties a field to what describes it: its help, the id of an element or "", and the
// refusal on the page, where that is about the field. Who cannot see both hears both.
func (p *Problem) Field(field, help string) templ.Attributes {
	out := templ.Attributes{}
	if p.about(field) {
		out["aria-invalid"] = "true"
		help = strings.TrimSpace("refusal " + help)
	}
	if help != "" {
		out["aria-describedby"] = help
	}
	return out
}

// NewKey makes an Idempotency-Key. A form carries one from when it is shown, so
// that sending it twice is one act.
func NewKey() string { return uuid.NewString() }

// Get asks the API and decodes the answer into out (nil: it is not wanted). A
// refusal is a *Problem.
func (s *Shell) Get(r *http.Request, path string, out any) error {
	return s.ask(r, http.MethodGet, path, "", nil, out)
}

// Send asks the API to do something. key is the Idempotency-Key; in is encoded as
// JSON, nil for nothing. A refusal is a *Problem.
func (s *Shell) Send(r *http.Request, method, path, key string, in, out any) error {
	return s.ask(r, method, path, key, in, out)
}

func (s *Shell) ask(r *http.Request, method, path, key string, in, out any) error {
	var body io.Reader = http.NoBody
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	answer := &recorder{header: http.Header{}}
	asked, err := s.request(r, method, path, body)
	if err != nil {
		return err
	}
	if in != nil {
		asked.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		asked.Header.Set("Idempotency-Key", key)
	}
	s.API.ServeHTTP(answer, asked)
	return answer.read(out)
}

// request is one to the API, as whoever sent r: same session, same address, same
// language.
func (s *Shell) request(r *http.Request, method, path string, body io.Reader) (*http.Request, error) {
	// Of the context only its end and its values are wanted; what the router noted of
	// r there would mislead the API's.
	ctx := context.WithValue(r.Context(), chi.RouteCtxKey, (*chi.Context)(nil))
	ctx = context.WithValue(ctx, inProcess{}, true)
	asked, err := http.NewRequestWithContext(ctx, method, path, body)
	if err != nil {
		return nil, fmt.Errorf("asking the service: %w", err)
	}
	asked.RemoteAddr, asked.Host, asked.RequestURI = r.RemoteAddr, r.Host, path
	asked.Header.Set("Accept-Language", string(s.langOf(r)))
	for _, name := range []string{"Authorization", "Sceau-Role"} {
		if value := r.Header.Get(name); value != "" {
			asked.Header.Set(name, value)
		}
	}
	return asked, nil
}

// Path fills a path of the API: each %s is one escaped part.
func Path(format string, parts ...string) string {
	escaped := make([]any, len(parts))
	for i, part := range parts {
		escaped[i] = url.PathEscape(part)
	}
	return fmt.Sprintf(format, escaped...)
}

type inProcess struct{}

// InProcess says whether a page asks, and no client from outside: it has been let in
// already.
func InProcess(ctx context.Context) bool { return ctx.Value(inProcess{}) != nil }

// recorder keeps an answer of the API.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (a *recorder) Header() http.Header { return a.header }

func (a *recorder) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *recorder) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	return a.body.Write(p)
}

func (a *recorder) read(out any) error {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	if a.status >= 400 || media == "application/problem+json" {
		p := &Problem{RetryAfter: a.header.Get("Retry-After")}
		if err := json.Unmarshal(a.body.Bytes(), p); err != nil || p.Code == "" {
			return &Problem{Status: http.StatusInternalServerError, Code: "service.failed"}
		}
		return p
	}
	if out == nil || a.body.Len() == 0 {
		return nil
	}
	if err := json.Unmarshal(a.body.Bytes(), out); err != nil {
		return fmt.Errorf("reading the service's answer: %w", err)
	}
	return nil
}

// Local is where to lead back to: a path of this face, never another host's.
func Local(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	u, err := url.Parse(path)
	if err != nil || u.Host != "" || u.Scheme != "" {
		return "/"
	}
	return path
}
