package order

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Timeout bounds an order from sending to answer. It is longer than what the
// custodian itself allows an order, so that its own refusal arrives.
const Timeout = 20 * time.Second

// Client gives orders to the custodian behind one unix socket. It is safe for
// concurrent use and repeats nothing by itself.
type Client struct {
	http *http.Client
}

// NewClient makes a client of the custodian listening on the unix socket at
// path. It does not connect.
func NewClient(path string) *Client {
	dialer := &net.Dialer{Timeout: 2 * time.Second}
	return &Client{http: &http.Client{
		Timeout: Timeout,
		Transport: &http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
				return dialer.DialContext(ctx, "unix", path)
			},
			Proxy:                  nil,
			MaxIdleConns:           16,
			MaxIdleConnsPerHost:    16,
			IdleConnTimeout:        30 * time.Second,
			ResponseHeaderTimeout:  Timeout,
			MaxResponseHeaderBytes: 16 << 10,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// OpenSession starts a reading session.
func (c *Client) OpenSession(ctx context.Context, o OpenSession) (Session, error) {
	return send[Session](ctx, c, http.MethodPost, "/v1/sessions", o)
}

// Unwrap asks for file keys within a reading session.
func (c *Client) Unwrap(ctx context.Context, session string, o Unwrap) (MessageKeys, error) {
	return send[MessageKeys](ctx, c, http.MethodPost, "/v1/sessions/"+url.PathEscape(session)+"/unwrap", o)
}

// EndSession ends a reading session.
func (c *Client) EndSession(ctx context.Context, session string, o EndSession) error {
	_, err := send[struct{}](ctx, c, http.MethodDelete, "/v1/sessions/"+url.PathEscape(session), o)
	return err
}

// Evidence asks for the evidence of an escalation.
func (c *Client) Evidence(ctx context.Context, o ReadEvidence) (Evidence, error) {
	return send[Evidence](ctx, c, http.MethodPost, "/v1/evidence", o)
}

// Release asks for granted facets.
func (c *Client) Release(ctx context.Context, o Release) (Released, error) {
	return send[Released](ctx, c, http.MethodPost, "/v1/releases", o)
}

// Confirm confirms that the glass must be broken.
func (c *Client) Confirm(ctx context.Context, o Confirm) (Confirmed, error) {
	return send[Confirmed](ctx, c, http.MethodPost, "/v1/confirmations", o)
}

// DecideErasure answers a minor's request for erasure.
func (c *Client) DecideErasure(ctx context.Context, o DecideErasure) (Kept, error) {
	return send[Kept](ctx, c, http.MethodPost, "/v1/erasures/decide", o)
}

// LiftHold ends a hold.
func (c *Client) LiftHold(ctx context.Context, o LiftHold) (Kept, error) {
	return send[Kept](ctx, c, http.MethodPost, "/v1/holds/lift", o)
}

// Receipt asks, for a minor, who opened their identity.
func (c *Client) Receipt(ctx context.Context, o AskReceipt) (Receipt, error) {
	return send[Receipt](ctx, c, http.MethodPost, "/v1/receipts", o)
}

// Phrase asks for a recovery phrase.
func (c *Client) Phrase(ctx context.Context, o NewPhrase) (Phrase, error) {
	return send[Phrase](ctx, c, http.MethodPost, "/v1/phrases", o)
}

// Return trades a recovery phrase for a token.
func (c *Client) Return(ctx context.Context, o Return) (Returned, error) {
	return send[Returned](ctx, c, http.MethodPost, "/v1/returns", o)
}

// Ready asks whether orders can be carried out. A custodian that is up and not
// ready answers without an error.
func (c *Client) Ready(ctx context.Context) (Ready, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://custodian/readyz", nil)
	if err != nil {
		return Ready{}, fmt.Errorf("asking whether the custodian is ready: %w", err)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return Ready{}, down(err)
	}
	defer func() { _ = res.Body.Close() }()
	var ready Ready
	if err := json.NewDecoder(io.LimitReader(res.Body, MaxAnswer)).Decode(&ready); err != nil {
		return Ready{}, fmt.Errorf("%w: its answer is not JSON", ErrDown)
	}
	return ready, nil
}

func send[A any](ctx context.Context, c *Client, method, path string, o any) (A, error) {
	var answer A
	body, err := json.Marshal(o)
	if err != nil {
		return answer, fmt.Errorf("writing the order: %w", err)
	}
	defer clear(body)
	if len(body) > MaxBody {
		return answer, &Refusal{Status: http.StatusBadRequest, Code: CodeMalformed}
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://custodian"+path, bytes.NewReader(body))
	if err != nil {
		return answer, fmt.Errorf("writing the order: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return answer, down(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(res.Body, MaxAnswer+1))
	defer clear(raw)
	switch {
	case err != nil:
		return answer, down(err)
	case len(raw) > MaxAnswer:
		return answer, fmt.Errorf("%w: its answer is too long", ErrDown)
	case res.StatusCode == http.StatusNoContent:
		return answer, nil
	case res.StatusCode != http.StatusOK:
		return answer, refused(res.StatusCode, raw)
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return answer, fmt.Errorf("%w: its answer is not JSON", ErrDown)
	}
	return answer, nil
}

func refused(status int, raw []byte) error {
	refusal := &Refusal{}
	if err := json.Unmarshal(raw, refusal); err != nil || refusal.Code == "" || status < 400 {
		return fmt.Errorf("%w: status %d without a code", ErrDown, status)
	}
	refusal.Status = status
	return refusal
}

// down keeps what the operating system said (no such file, refused, deadline)
// and drops the URL, which names a reading session.
func down(err error) error {
	cause := err
	if u, ok := err.(*url.Error); ok { //nolint:errorlint // the outermost error is what carries the URL
		cause = u.Err
	}
	return fmt.Errorf("%w: %w", ErrDown, cause)
}
