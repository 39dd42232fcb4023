package devissuer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	jose "github.com/go-jose/go-jose/v4"
)

// Audiences of an access token when the client asks for no other.
const (
	AudienceStaff     = "sceau-staff"
	AudienceCustodian = "sceau-custodian"
)

// ClientID is the one client: public, so that PKCE alone binds a code to it.
const ClientID = "sceau-dev"

const (
	codeTTL    = time.Minute      // an authorization code's life
	loginTTL   = 10 * time.Minute // how long a login form may stay open
	defaultTTL = 15 * time.Minute // an access token's life
	maxPending = 10_000           // forms and codes kept at once
)

// Config is what an issuer needs.
type Config struct {
	Dir      string        // keys and passwords; made with mode 0700
	Listen   string        // loopback address, "127.0.0.1:0" when empty
	TokenTTL time.Duration // 15 minutes when zero
	Accounts []Account     // Accounts() when nil
	Redirect []string      // further redirect URIs, compared exactly
	Now      func() time.Time
	Log      *slog.Logger
}

// Server is a running issuer.
type Server struct {
	// URL is the issuer, as it stands in tokens and in discovery.
	URL string

	cfg      Config
	host     string
	state    *state
	accounts map[string]Account
	signer   jose.Signer
	throttle throttle
	http     *http.Server
	done     chan error

	mu     sync.Mutex
	logins map[string]login // by form id: a form that was shown, not yet sent
	codes  map[string]grant // by code: signed in, not yet redeemed

	signIns map[string]*renewal // by sid: those with refresh tokens
	tokens  map[string]string   // the sid of every refresh token that was given
}

// Start listens and serves until Close.
func Start(cfg Config) (*Server, error) {
	if cfg.Dir == "" {
		return nil, errors.New("the issuer needs a directory for its keys")
	}
	if cfg.Listen == "" {
		cfg.Listen = "127.0.0.1:0"
	}
	if cfg.TokenTTL == 0 {
		cfg.TokenTTL = defaultTTL
	}
	if cfg.Accounts == nil {
		cfg.Accounts = Accounts()
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	st, err := loadState(cfg.Dir, cfg.Accounts)
	if err != nil {
		return nil, err
	}
	ln, err := listenLoopback(cfg.Listen)
	if err != nil {
		return nil, err
	}
	s := &Server{
		URL: "http://" + ln.Addr().String(), cfg: cfg, host: ln.Addr().String(), state: st,
		accounts: map[string]Account{}, done: make(chan error, 1),
		logins: map[string]login{}, codes: map[string]grant{},
		signIns: map[string]*renewal{}, tokens: map[string]string{},
	}
	for _, a := range cfg.Accounts {
		s.accounts[a.Name] = a
	}
	if err := s.serve(ln); err != nil {
		ln.Close()
		return nil, err
	}
	return s, nil
}

// listenLoopback refuses every address that another machine could reach: the
// passwords here protect nothing.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("the issuer's address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("the development issuer listens on a loopback address only, not on %q", addr)
	}
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("starting the issuer: %w", err)
	}
	return ln, nil
}

func (s *Server) serve(ln net.Listener) error {
	var err error
	s.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.ES256, Key: s.state.Key},
		(&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		return fmt.Errorf("preparing the issuer's signer: %w", err)
	}
	s.http = &http.Server{
		Handler:           s.handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      10 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(s.cfg.Log.Handler(), slog.LevelDebug),
	}
	go func() { s.done <- s.http.Serve(ln) }()
	return nil
}

// Close stops the issuer and waits until it has stopped.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if err != nil {
		s.http.Close()
	}
	if serr := <-s.done; !errors.Is(serr, http.ErrServerClosed) {
		return fmt.Errorf("stopping the issuer: %w", serr)
	}
	return err
}

// Token signs in as an account through [Login], with the password on file.
// Without audiences the token is for both services.
func (s *Server) Token(ctx context.Context, account string, audience ...string) (string, error) {
	return Login(ctx, s.URL, account, s.state.Passwords[account], audience...)
}

// Password is an account's password, to be shown to whoever started the issuer.
func (s *Server) Password(account string) (string, error) {
	pw, ok := s.state.Passwords[account]
	if !ok {
		return "", fmt.Errorf("no account %q", account)
	}
	return pw, nil
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", s.discovery)
	mux.HandleFunc("GET /jwks", s.jwks)
	mux.HandleFunc("GET /authorize", s.authorize)
	mux.HandleFunc("POST /login", s.login)
	mux.HandleFunc("POST /token", s.token)
	mux.HandleFunc("POST /revoke", s.revoke)
	mux.HandleFunc("GET /logout", s.logout)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Another name for this address means that a page elsewhere had its name
		// rebound to loopback: answer nothing.
		if r.Host != s.host {
			http.Error(w, "misdirected request", http.StatusMisdirectedRequest)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Referrer-Policy", "no-referrer")
		mux.ServeHTTP(w, r)
	})
}

func (s *Server) discovery(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer":                                         s.URL,
		"authorization_endpoint":                         s.URL + "/authorize",
		"token_endpoint":                                 s.URL + "/token",
		"jwks_uri":                                       s.URL + "/jwks",
		"revocation_endpoint":                            s.URL + "/revoke",
		"end_session_endpoint":                           s.URL + "/logout",
		"response_types_supported":                       []string{"code"},
		"response_modes_supported":                       []string{"query"},
		"grant_types_supported":                          []string{"authorization_code", "refresh_token"},
		"subject_types_supported":                        []string{"public"},
		"id_token_signing_alg_values_supported":          []string{string(jose.ES256)},
		"scopes_supported":                               []string{"openid", "offline_access"},
		"token_endpoint_auth_methods_supported":          []string{"none"},
		"code_challenge_methods_supported":               []string{"S256"},
		"claims_supported":                               []string{"iss", "sub", "aud", "exp", "iat", "auth_time", "sid", "jti", "person", "groups", "unit", "name"},
		"authorization_response_iss_parameter_supported": true,
	})
}

func (s *Server) jwks(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{s.state.Key.Public()}})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	w.Write(raw)
}

// redirectAllowed accepts the configured URIs and any loopback one: a native
// client cannot know its port in advance (RFC 8252, 7.3).
func (s *Server) redirectAllowed(raw string) bool {
	for _, r := range s.cfg.Redirect {
		if r == raw {
			return true
		}
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return false
	}
	ip := net.ParseIP(u.Hostname())
	return ip != nil && ip.IsLoopback()
}
