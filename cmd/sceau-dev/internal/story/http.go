package story

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
)

// Problem is a refusal as the API words it (RFC 9457).
type Problem struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Reasons []struct {
		Code string `json:"code"`
	} `json:"reasons"` // policy's, when policy refused
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s", p.Status, p.codes()) }

// codes are the problem's own and those of policy that it does not repeat.
func (p *Problem) codes() string {
	all := []string{p.Code}
	for _, r := range p.Reasons {
		if r.Code != p.Code {
			all = append(all, r.Code)
		}
	}
	return strings.Join(all, ", ")
}

func (p *Problem) has(code string) bool {
	for _, r := range p.Reasons {
		if r.Code == code {
			return true
		}
	}
	return p.Code == code
}

// client speaks to one face as one person.
type client struct {
	base   string
	bearer string
	header http.Header
	http   *http.Client
}

// do sends one request and decodes the answer into out, unless out is nil.
// A POST carries a fresh Idempotency-Key.
func (c *client) do(ctx context.Context, method, path string, body, out any) error {
	return c.keyed(ctx, rand.Text(), method, path, body, out)
}

// keyed is do with an Idempotency-Key of the caller's.
func (c *client) keyed(ctx context.Context, key, method, path string, body, out any) error {
	var raw []byte
	if body != nil {
		var err error
		if raw, err = json.Marshal(body); err != nil {
			return fmt.Errorf("%s %s: %w", method, path, err)
		}
	}
	return c.send(ctx, key, method, path, raw, out)
}

// send sends raw bytes: the story's way to send what is no JSON.
func (c *client) send(ctx context.Context, key, method, path string, raw []byte, out any) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	req, err := c.request(ctx, method, path, raw)
	if err != nil {
		return err
	}
	if method != http.MethodGet {
		req.Header.Set("Idempotency-Key", key)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, 8<<20))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		p := &Problem{Status: res.StatusCode}
		if err := json.Unmarshal(answer, p); err != nil || p.Code == "" {
			return fmt.Errorf("%s %s: status %d without a code", method, path, res.StatusCode)
		}
		return p
	}
	if out == nil || len(answer) == 0 {
		return nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return fmt.Errorf("%s %s: the answer is not what it should be: %w", method, path, err)
	}
	return nil
}

func (c *client) request(ctx context.Context, method, path string, raw []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", method, path, err)
	}
	for k, v := range c.header {
		req.Header[k] = v
	}
	if c.bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.bearer)
	}
	if raw != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept-Language", "fr")
	return req, nil
}

// line is how a minor's connections arrive: from an address of their own, as a
// proxy in front of the service would announce it (PROXY protocol v2).
type line struct {
	from  netip.AddrPort // what the header says
	via   net.IP         // where the connection really comes from: a trusted proxy
	opens atomic.Int64
}

// transport returns a transport whose connections all begin with the header.
func (l *line) transport() *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second, LocalAddr: &net.TCPAddr{IP: l.via}}
	return &http.Transport{
		MaxIdleConnsPerHost: 2,
		DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, addr)
			if err != nil {
				return nil, err
			}
			l.opens.Add(1)
			to := &net.TCPAddr{IP: net.ParseIP("2001:db8:ffff::1"), Port: 443}
			h := proxyproto.HeaderProxyFromAddrs(2, net.TCPAddrFromAddrPort(l.from), to)
			if _, err := h.WriteTo(conn); err != nil {
				conn.Close()
				return nil, fmt.Errorf("announcing the address: %w", err)
			}
			return conn, nil
		},
	}
}
