package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web"
	"github.com/sceau-project/sceau/web/agent"
	"github.com/sceau-project/sceau/web/inspector"
	"github.com/sceau-project/sceau/web/minor"
	"github.com/sceau-project/sceau/web/page"
	"github.com/sceau-project/sceau/web/privacy"
	"github.com/sceau-project/sceau/web/signin"
	"github.com/sceau-project/sceau/web/supervisor"
)

// signIn is how staff sign in with a browser; nil when the configuration has no pages.
func (p *parts) signIn(tokens *staff.Verifier, sessions *staffstore.Sessions) (*signin.SignIn, func(), error) {
	c := p.cfg.OIDC
	if c.ClientID == "" {
		return nil, func() {}, nil
	}
	var secret string
	if c.ClientSecretFile != "" {
		text, err := os.ReadFile(c.ClientSecretFile)
		if err != nil {
			return nil, nil, fmt.Errorf("reading oidc.client_secret_file: %w", err)
		}
		if secret = strings.TrimSpace(string(text)); secret == "" {
			return nil, nil, fmt.Errorf("oidc.client_secret_file: %s is empty", c.ClientSecretFile)
		}
	}
	custodian, err := newVerifier(c, c.CustodianAudience)
	if err != nil {
		return nil, nil, err
	}
	s, err := signin.New(signin.Config{
		URL: strings.TrimSuffix(p.cfg.Staff.URL, "/"), Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: secret,
		Scopes: c.Scopes, Prompt: c.Prompt, Parameters: c.Parameters, Idle: p.cfg.Staff.IdleTimeout, Limit: p.cfg.Staff.SessionLimit,
		Tokens: tokens, Custodian: custodian, Sessions: sessions, Store: staffstore.NewWebSessions(p.pool), Logger: p.logger,
	})
	if err != nil {
		return nil, nil, err
	}
	return s, func() { s.Close(); custodian.Close() }, nil
}

// staffPages lists what members of staff see.
func (p *parts) staffPages(signIn *signin.SignIn) func(*page.Shell) ([]page.Route, error) {
	return func(shell *page.Shell) ([]page.Route, error) {
		answering, err := agent.Pages()(shell)
		if err != nil {
			return nil, err
		}
		return slices.Concat(signIn.Pages(shell), supervisor.Pages(shell), privacy.Pages(shell), answering, inspector.Routes(shell)), nil
	}
}

// minorPages gives the public face its pages.
func (p *parts) minorPages(cfg web.Config) web.Config {
	cfg.Session = page.Bearer(page.Chat, cfg.HSTS)
	cfg.Pages = minor.Pages(minor.Config{Exit: p.cfg.Public.ExitURL})
	return cfg
}
