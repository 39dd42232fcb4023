package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// unconnected is the outcome of a request that no face answered.
const unconnected = "no connection"

// A person speaks to one face as one minor or one member of staff.
type person struct {
	face   string // victimPublic or victimStaff
	base   string
	bearer string
	id     string // of staff: the random id that entries name
	http   *http.Client
}

// A reply is what one request came to.
type reply struct {
	kind, face   string
	began, ended time.Time
	status       int    // 0: no answer
	code         string // of a problem
	body         []byte
	tries        int
}

// outcome is "ok", the code of a problem, or unconnected.
func (r reply) outcome() string {
	switch {
	case r.status == 0:
		return unconnected
	case r.status < 300:
		return "ok"
	case r.status == http.StatusServiceUnavailable:
		return r.code
	default: // an outage is told with 503 and with nothing else
		return http.StatusText(r.status) + ": " + r.code
	}
}

type object = map[string]any

// send sends one request, once.
func (p *person) send(ctx context.Context, kind, method, path, key string, body any) (r reply) {
	r = reply{kind: kind, face: p.face, began: time.Now(), tries: 1}
	defer func() { r.ended = time.Now() }()
	ctx, cancel := context.WithTimeout(ctx, 35*time.Second) // more than a face takes
	defer cancel()
	var raw []byte
	if body != nil {
		raw, _ = json.Marshal(body) // maps of strings always encode
	}
	req, err := http.NewRequestWithContext(ctx, method, p.base+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		panic(err) // the test's own mistake
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet {
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
	// An answer that breaks off is none: its process died while it wrote.
	if r.body, err = io.ReadAll(res.Body); err != nil {
		return r
	}
	r.status = res.StatusCode
	if r.status >= 300 {
		var problem struct{ Code string }
		if json.Unmarshal(r.body, &problem) == nil {
			r.code = problem.Code
		}
	}
	return r
}
