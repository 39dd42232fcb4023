package signin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"github.com/sceau-project/sceau/staff"
)

// providerTime bounds one request to the provider.
const providerTime = 8 * time.Second

// errOver means that the provider gives no more tokens for this sign-in.
var errOver = errors.New("the provider has ended the sign-in")

// provider is the identity provider. It may be away when the process starts and
// may go away later.
type provider struct {
	cfg  Config
	http *http.Client

	mu       sync.Mutex
	found    *endpoints
	failedAt time.Time
}

// endpoints is what the provider's discovery document says.
type endpoints struct {
	oauth2.Endpoint
	verifier *oidc.IDTokenVerifier

	EndSession string   `json:"end_session_endpoint"`
	Revocation string   `json:"revocation_endpoint"`
	NamesSelf  bool     `json:"authorization_response_iss_parameter_supported"`
	Methods    []string `json:"token_endpoint_auth_methods_supported"`
	Algs       []string `json:"id_token_signing_alg_values_supported"`
}

func newProvider(cfg Config) *provider {
	return &provider{cfg: cfg, http: &http.Client{
		Timeout:       providerTime,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{MaxIdleConns: 4, IdleConnTimeout: 30 * time.Second, Proxy: http.ProxyFromEnvironment, MaxResponseHeaderBytes: 64 << 10},
	}}
}

func (p *provider) close() { p.http.CloseIdleConnections() }

// asymmetric are the algorithms an ID token may be signed with, whatever the provider
// advertises.
var asymmetric = []string{
	oidc.RS256, oidc.RS384, oidc.RS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.EdDSA,
}

// endpoints discovers the provider once it can. A failure is remembered for a second.
// The error is staff.ErrIssuerDown.
func (p *provider) endpoints(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.found != nil {
		return p.found, nil
	}
	if time.Since(p.failedAt) < time.Second {
		return nil, staff.ErrIssuerDown
	}
	// Detached: one impatient caller must not fail the others.
	ctx = oidc.ClientContext(context.WithoutCancel(ctx), p.http)
	discovered, err := oidc.NewProvider(ctx, p.cfg.Issuer)
	e := &endpoints{}
	if err == nil {
		err = discovered.Claims(e)
	}
	if err != nil {
		p.failedAt = time.Now()
		return nil, fmt.Errorf("%w: discovery failed", staff.ErrIssuerDown)
	}
	e.Endpoint = discovered.Endpoint()
	// Never guessed: a guess that fails has used the code up.
	e.AuthStyle = oauth2.AuthStyleInParams
	if p.cfg.ClientSecret != "" && (len(e.Methods) == 0 || slices.Contains(e.Methods, "client_secret_basic")) {
		e.AuthStyle = oauth2.AuthStyleInHeader
	}
	algs := slices.DeleteFunc(slices.Clone(e.Algs), func(a string) bool { return !slices.Contains(asymmetric, a) })
	if len(algs) == 0 {
		algs = []string{oidc.RS256}
	}
	e.verifier = discovered.VerifierContext(ctx, &oidc.Config{ClientID: p.cfg.ClientID, SupportedSigningAlgs: algs, Now: p.cfg.Now})
	p.found = e
	return e, nil
}

// ask is where a browser is sent to sign in.
func (p *provider) ask(e *endpoints, f flow, state string) (string, error) {
	u, err := url.Parse(e.AuthURL)
	if err != nil {
		return "", fmt.Errorf("%w: its authorization endpoint is no address", staff.ErrIssuerDown)
	}
	q := u.Query()
	for name, values := range p.parameters("") {
		q[name] = append(q[name], values...)
	}
	for name, value := range map[string]string{
		"client_id": p.cfg.ClientID, "redirect_uri": p.callback(), "response_type": "code", "state": state, "nonce": f.Nonce,
		"scope": strings.Join(append([]string{oidc.ScopeOpenID}, p.cfg.Scopes...), " "),
		// A shared desk must not sign the next person in as the last one. max_age makes the
		// provider say when the password was given, which is checked.
		"prompt": p.cfg.Prompt, "max_age": "0",
		"code_challenge": oauth2.S256ChallengeFromVerifier(f.Verifier), "code_challenge_method": "S256",
	} {
		q.Set(name, value)
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func (p *provider) callback() string { return p.cfg.URL + "/signin/callback" }

// parameters are those of the configuration; of one name, or all when it is empty.
func (p *provider) parameters(only string) url.Values {
	v := url.Values{}
	for _, one := range p.cfg.Parameters {
		if name, value, ok := strings.Cut(one, "="); ok && (only == "" || name == only) {
			v.Add(name, value)
		}
	}
	return v
}

// redeem turns a code into tokens.
func (p *provider) redeem(ctx context.Context, e *endpoints, code, verifier string) (*oauth2.Token, error) {
	return p.tokens(ctx, e, "authorization_code", url.Values{"code": {code}, "code_verifier": {verifier}, "redirect_uri": {p.callback()}})
}

// refresh turns a refresh token into tokens. The error is errOver when the provider
// will give no more, staff.ErrIssuerDown when it may.
func (p *provider) refresh(ctx context.Context, e *endpoints, token string) (*oauth2.Token, error) {
	return p.tokens(ctx, e, "refresh_token", url.Values{"refresh_token": {token}})
}

// tokens asks the token endpoint. (clientcredentials is that request without anything
// decided: it takes any grant type and any parameter.)
func (p *provider) tokens(ctx context.Context, e *endpoints, grant string, v url.Values) (*oauth2.Token, error) {
	for name, values := range p.parameters("resource") { // RFC 8707: said again for tokens
		v[name] = values
	}
	v.Set("grant_type", grant)
	cc := clientcredentials.Config{
		ClientID: p.cfg.ClientID, ClientSecret: p.cfg.ClientSecret, TokenURL: e.TokenURL, AuthStyle: e.AuthStyle, EndpointParams: v,
	}
	token, err := cc.Token(context.WithValue(ctx, oauth2.HTTPClient, p.http))
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 && refused.Response.StatusCode != http.StatusTooManyRequests:
		// Its code only: what else a provider says may repeat a token.
		return nil, fmt.Errorf("%w: %q", errOver, code(refused.ErrorCode))
	}
	return nil, fmt.Errorf("%w: its token endpoint does not answer", staff.ErrIssuerDown)
}

// code is an OAuth error code, or "other": what comes from outside is not logged as it is.
func code(s string) string {
	if len(s) == 0 || len(s) > 40 || strings.Trim(s, "abcdefghijklmnopqrstuvwxyz_") != "" {
		return "other"
	}
	return s
}

// revoke tells the provider that a refresh token is used no more, where it wants to know.
func (p *provider) revoke(ctx context.Context, token string) error {
	e, err := p.endpoints(ctx)
	if err != nil || e.Revocation == "" || token == "" {
		return err
	}
	v := url.Values{"token": {token}, "token_type_hint": {"refresh_token"}}
	if e.AuthStyle == oauth2.AuthStyleInParams {
		v.Set("client_id", p.cfg.ClientID)
		if p.cfg.ClientSecret != "" {
			v.Set("client_secret", p.cfg.ClientSecret)
		}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, e.Revocation, strings.NewReader(v.Encode()))
	if err != nil {
		return fmt.Errorf("%w: its revocation endpoint is no address", staff.ErrIssuerDown)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if e.AuthStyle == oauth2.AuthStyleInHeader {
		req.SetBasicAuth(url.QueryEscape(p.cfg.ClientID), url.QueryEscape(p.cfg.ClientSecret))
	}
	res, err := p.http.Do(req)
	if err != nil {
		return fmt.Errorf("%w: its revocation endpoint does not answer", staff.ErrIssuerDown)
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(res.Body, 64<<10))
	_ = res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the provider revoked nothing: status %d", res.StatusCode)
	}
	return nil
}

// leave is where a browser ends its session at the provider; "" when it has no such place.
func (p *provider) leave(ctx context.Context, idToken string) string {
	e, err := p.endpoints(ctx)
	if err != nil || e.EndSession == "" || idToken == "" {
		return ""
	}
	u, err := url.Parse(e.EndSession)
	if err != nil {
		return ""
	}
	q := u.Query()
	q.Set("id_token_hint", idToken)
	q.Set("client_id", p.cfg.ClientID)
	q.Set("post_logout_redirect_uri", p.cfg.URL+"/signin/out")
	u.RawQuery = q.Encode()
	return u.String()
}
