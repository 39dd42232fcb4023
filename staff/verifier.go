package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/sceau-project/sceau/policy"
)

var (
	// ErrInvalid means that a token is forged, malformed, another issuer's,
	// for another audience, or lacks a claim that Sceau needs.
	ErrInvalid = errors.New("staff token is not valid")
	// ErrExpired means that a token was valid once.
	ErrExpired = errors.New("staff token has expired")
	// ErrIssuerDown means that the provider's keys cannot be fetched, so a
	// token can be neither accepted nor refused.
	ErrIssuerDown = errors.New("the identity provider does not answer")
)

// maxToken bounds a raw token in bytes; maxClaim a claim.
const (
	maxToken = 32 << 10
	maxClaim = 255
)

// Config says whose tokens count and where they say what.
type Config struct {
	Issuer   string // the provider's URL
	Audience string // that must be among the token's

	PersonClaim, RolesClaim, UnitClaim, NameClaim string

	// Roles maps the provider's values to Sceau's roles. Empty: they are
	// Sceau's own names.
	Roles map[string]string

	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Verifier verifies tokens for one audience. The provider may be down when a
// process starts and may go away later: that is ErrIssuerDown, which ends by
// itself when the provider is back.
//
// It is safe for concurrent use.
type Verifier struct {
	cfg  Config
	http *http.Client

	mu       sync.Mutex
	verifier *oidc.IDTokenVerifier
	jwks     string
	failedAt time.Time
}

// NewVerifier makes a verifier. It does not contact the provider.
func NewVerifier(cfg Config) (*Verifier, error) {
	if cfg.Issuer == "" || cfg.Audience == "" || cfg.PersonClaim == "" || cfg.RolesClaim == "" {
		return nil, errors.New("a token verifier needs an issuer, an audience, a person claim and a roles claim")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Verifier{cfg: cfg, http: &http.Client{
		Timeout:       3 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     bounded{&http.Transport{MaxIdleConns: 2, IdleConnTimeout: 30 * time.Second, Proxy: http.ProxyFromEnvironment}},
	}}, nil
}

// Close drops idle connections.
func (v *Verifier) Close() { v.http.CloseIdleConnections() }

// Verify checks signature, issuer, audience and time, and reads the claims.
// The error is ErrInvalid, ErrExpired or ErrIssuerDown; it never repeats the
// token.
func (v *Verifier) Verify(ctx context.Context, raw string) (Claims, error) {
	if raw == "" || len(raw) > maxToken || strings.Count(raw, ".") != 2 {
		return Claims{}, ErrInvalid
	}
	verifier, _, err := v.provider(ctx)
	if err != nil {
		return Claims{}, err
	}
	var down bool
	token, err := verifier.Verify(context.WithValue(ctx, downKey{}, &down), raw)
	var expired *oidc.TokenExpiredError
	switch {
	case errors.As(err, &expired):
		return Claims{}, ErrExpired
	case err != nil && (down || ctx.Err() != nil):
		return Claims{}, fmt.Errorf("%w: its keys cannot be fetched", ErrIssuerDown)
	case err != nil:
		return Claims{}, ErrInvalid
	}
	return v.read(token)
}

// Ready asks the provider for its keys. The error is ErrIssuerDown.
func (v *Verifier) Ready(ctx context.Context) error {
	_, jwks, err := v.provider(ctx)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, jwks, nil)
	if err != nil {
		return fmt.Errorf("%w: no key set", ErrIssuerDown)
	}
	res, err := v.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: its keys cannot be fetched", ErrIssuerDown)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("%w: its key set answers %d", ErrIssuerDown, res.StatusCode)
	}
	return nil
}

// provider discovers the provider once it can; a failure is remembered for a
// second, so that a flood of requests is not a flood of discoveries.
func (v *Verifier) provider(ctx context.Context) (*oidc.IDTokenVerifier, string, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.verifier != nil {
		return v.verifier, v.jwks, nil
	}
	if time.Since(v.failedAt) < time.Second {
		return nil, "", ErrIssuerDown
	}
	// Detached: one impatient caller must not fail the others.
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), v.http)
	provider, err := oidc.NewProvider(ctx, v.cfg.Issuer)
	if err != nil {
		v.failedAt = time.Now()
		return nil, "", fmt.Errorf("%w: discovery failed", ErrIssuerDown)
	}
	var found struct {
		JWKS string   `json:"jwks_uri"`
		Algs []string `json:"id_token_signing_alg_values_supported"`
	}
	if err := provider.Claims(&found); err != nil || found.JWKS == "" {
		v.failedAt = time.Now()
		return nil, "", fmt.Errorf("%w: its discovery document names no keys", ErrIssuerDown)
	}
	// Symmetric algorithms and "none" are never acceptable, whatever the
	// provider advertises.
	algs := slices.DeleteFunc(found.Algs, func(a string) bool { return !slices.Contains(asymmetric, a) })
	if len(algs) == 0 {
		algs = []string{oidc.RS256}
	}
	keys := keySet{oidc.NewRemoteKeySet(ctx, found.JWKS)}
	v.verifier = oidc.NewVerifier(v.cfg.Issuer, keys, &oidc.Config{
		ClientID: v.cfg.Audience, SupportedSigningAlgs: algs, Now: v.cfg.Now,
	})
	v.jwks = found.JWKS
	return v.verifier, v.jwks, nil
}

var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512,
	oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

type downKey struct{}

// keySet tells a signature that is wrong from keys that cannot be fetched: the
// verifier above it flattens both into text.
type keySet struct{ remote *oidc.RemoteKeySet }

func (k keySet) VerifySignature(ctx context.Context, raw string) ([]byte, error) {
	payload, err := k.remote.VerifySignature(ctx, raw)
	if err != nil && strings.HasPrefix(err.Error(), "fetching keys") {
		if down, ok := ctx.Value(downKey{}).(*bool); ok {
			*down = true
		}
	}
	return payload, err
}

func (v *Verifier) read(token *oidc.IDToken) (Claims, error) {
	var all map[string]json.RawMessage
	if err := token.Claims(&all); err != nil {
		return Claims{}, ErrInvalid
	}
	c := Claims{Issuer: token.Issuer, Subject: token.Subject, Expires: token.Expiry}
	c.Session = text(all["sid"])
	var at int64
	switch raw := all["auth_time"]; {
	case c.Session != "" && raw != nil:
		if json.Unmarshal(raw, &at) != nil {
			return Claims{}, ErrInvalid
		}
		// Providers name by sid what may outlast many sign-ins. Each login is a session of
		// its own here: else who signed out could not come back, and no role be changed.
		c.Session += "@" + strconv.FormatInt(at, 10)
	case c.Session == "":
		c.Session = text(all["jti"])
	}
	c.Person, c.Unit, c.Name = text(all[v.cfg.PersonClaim]), text(all[v.cfg.UnitClaim]), text(all[v.cfg.NameClaim])
	// Without a person four eyes could be two accounts of one human; without a
	// session a role could not be bound to it.
	if c.Subject == "" || len(c.Subject) > maxClaim || c.Session == "" || c.Person == "" {
		return Claims{}, ErrInvalid
	}
	var listed []string
	if one := text(all[v.cfg.RolesClaim]); one != "" {
		listed = []string{one}
	} else if raw := all[v.cfg.RolesClaim]; raw != nil && json.Unmarshal(raw, &listed) != nil {
		return Claims{}, ErrInvalid
	}
	for _, value := range listed {
		role := value
		if len(v.cfg.Roles) > 0 {
			role = v.cfg.Roles[value]
		}
		if slices.Contains(policy.StaffRoles, role) && !slices.Contains(c.Roles, role) {
			c.Roles = append(c.Roles, role)
		}
	}
	slices.Sort(c.Roles)
	return c, nil
}

// text is a claim that is a string of sensible length, or "".
func text(raw json.RawMessage) string {
	var s string
	if raw == nil || json.Unmarshal(raw, &s) != nil || len(s) > maxClaim || strings.ContainsRune(s, 0) {
		return ""
	}
	return s
}

// bounded limits what a provider may answer.
type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(req)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, 1<<20), res.Body}
	}
	return res, err
}
func (b bounded) CloseIdleConnections() {
	if c, ok := b.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}
