package signin

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
	"golang.org/x/sync/singleflight"

	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web/page"
)

// Config is what signing in needs.
type Config struct {
	URL string // of the face, as browsers reach it, without a path

	Issuer, ClientID string
	ClientSecret     string   // "" for a public client
	Scopes           []string // beside openid
	Prompt           string   // holds "login"
	Parameters       []string // "name=value", of the authorization request

	Idle  time.Duration // without anything done by a person
	Limit time.Duration // whatever is done

	Tokens    *staff.Verifier // for the audience of the face
	Custodian *staff.Verifier // for the custodian's: asked once, at sign-in
	Sessions  *pgstore.Sessions
	Store     *pgstore.WebSessions
	Logger    *slog.Logger
	Now       func() time.Time // time.Now when nil
}

// SignIn signs members of staff in and out.
type SignIn struct {
	cfg      Config
	shell    *page.Shell // from when Pages was called
	provider *provider
	sessions *scs.SessionManager
	renewals singleflight.Group
}

// New makes it. It contacts nobody.
func New(cfg Config) (*SignIn, error) {
	switch {
	case cfg.URL == "" || cfg.Issuer == "" || cfg.ClientID == "":
		return nil, errors.New("signing in needs the face's address, an issuer and a client")
	case cfg.Idle <= 0 || cfg.Limit <= 0:
		return nil, errors.New("signing in needs an idle time-out and a limit")
	case cfg.Tokens == nil || cfg.Custodian == nil || cfg.Sessions == nil || cfg.Store == nil || cfg.Logger == nil:
		return nil, errors.New("signing in needs verifiers of both audiences, sessions, their store and a logger")
	case !strings.Contains(cfg.Prompt, "login"):
		return nil, errors.New("signing in needs a prompt that asks for the login")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	// Not scs.New, whose store in memory has a cleaner that runs for ever.
	m := &scs.SessionManager{
		Store: sealedStore{cfg.Store, cfg.Idle}, Lifetime: cfg.Limit, Codec: scs.GobCodec{}, // what is idle is not what scs sees
		Cookie: scs.SessionCookie{
			Name: cookieName(cfg.URL, "staff"), Path: "/", Secure: secure(cfg.URL), HttpOnly: true,
			// A link on another site must not make somebody look: what inspectors look at is an
			// entry in their name.
			SameSite: http.SameSiteStrictMode,
		},
	}
	return &SignIn{cfg: cfg, provider: newProvider(cfg), sessions: m}, nil
}

// Close drops idle connections to the provider.
func (s *SignIn) Close() { s.provider.close() }

// pruneEvery is how often what is over is forgotten. Whether it is over never
// depends on it.
const pruneEvery = time.Minute

// Run forgets what is over, until ctx ends.
func (s *SignIn) Run(ctx context.Context) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	for {
		if err := s.cfg.Store.Prune(ctx, s.cfg.Idle); err != nil && ctx.Err() == nil {
			s.cfg.Logger.WarnContext(ctx, "old web sessions are not forgotten", "error", err.Error())
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func secure(address string) bool { return strings.HasPrefix(address, "https://") }

// cookieName binds a cookie to this very host, where the face is reached over TLS: no
// neighbour of its domain can plant one.
func cookieName(address, name string) string {
	if secure(address) {
		return "__Host-" + name
	}
	return name
}
