package rig

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// AnswerTime is how long a face may take over any request: its own bound of 30 s,
// and a moment to say so.
const AnswerTime = 32 * time.Second

// A Person speaks to one face as one minor or one member of staff.
type Person struct {
	rig    *Rig
	face   string
	bearer string
	http   *http.Client
}

// A Reply is what one request came to.
type Reply struct {
	Status int // 0: no answer
	Code   string
	Header http.Header
	Body   []byte
	Took   time.Duration
}

// Outcome is "ok", the code of a refusal, or "no answer".
func (r Reply) Outcome() string {
	switch {
	case r.Status == 0:
		return "no answer"
	case r.Status < 300:
		return "ok"
	case r.Code == "":
		return "status without a code: " + http.StatusText(r.Status)
	default:
		return r.Code
	}
}

// Object is a JSON object.
type Object = map[string]any

// Minor speaks to the public face under a token, or without one yet.
func (r *Rig) Minor(token string) *Person { return r.person(Public, token) }

// Bearer speaks to the staff face under a token.
func (r *Rig) Bearer(token string) *Person { return r.person(Staff, token) }

// Hire signs an account in.
func (r *Rig) Hire(account string) *Person {
	r.Helper()
	token, err := r.Issuer.Token(r.Context(), account)
	r.Must(err)
	p := r.person(Staff, token)
	p.Wants("ok", http.MethodGet, "/me", nil)
	return p
}

func (r *Rig) person(face, token string) *Person {
	return &Person{rig: r, face: face, bearer: token, http: r.http}
}

// Token is the bearer's.
func (p *Person) Token() string { return p.bearer }

// Send sends one request once; an empty key gets a fresh one. It never fails
// the test: a request without an answer has status 0.
func (p *Person) Send(key, method, path string, body any) (r Reply) {
	began := time.Now()
	defer func() { r.Took = time.Since(began) }()
	raw, isRaw := body.([]byte)
	if body != nil && !isRaw {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			panic(err) // the test's own mistake
		}
	}
	req, err := http.NewRequestWithContext(context.Background(), method, "http://"+p.rig.addresses[p.face]+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		panic(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
		if key == "" {
			key = rand.Text()
		}
		req.Header.Set("Idempotency-Key", key)
	}
	if p.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+p.bearer)
	}
	res, err := p.http.Do(req)
	if err != nil {
		return r
	}
	defer res.Body.Close()
	r.Header = res.Header
	if r.Body, err = io.ReadAll(res.Body); err != nil {
		return r
	}
	if r.Status = res.StatusCode; r.Status >= 300 {
		var problem struct{ Code string }
		if json.Unmarshal(r.Body, &problem) == nil {
			r.Code = problem.Code
		}
	}
	return r
}

// Wants sends a request that must have this outcome.
func (p *Person) Wants(outcome, method, path string, body any) Reply {
	p.rig.Helper()
	r := p.Send("", method, path, body)
	if r.Outcome() != outcome {
		p.rig.Fatalf("%s %s: %s, want %s: %s", method, path, r.Outcome(), outcome, r.Body)
	}
	return r
}

// Into decodes a success.
func (p *Person) Into(v any, method, path string, body any) {
	p.rig.Helper()
	r := p.Wants("ok", method, path, body)
	if err := json.Unmarshal(r.Body, v); err != nil {
		p.rig.Fatalf("%s %s: %v: %s", method, path, err, r.Body)
	}
}
