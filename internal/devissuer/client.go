package devissuer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/net/html"
	"golang.org/x/oauth2"
)

// callback is where the client claims to listen. It never does: the client
// reads the answer off the redirect.
const callback = "http://127.0.0.1/callback"

// ErrRefused means that the issuer knows no such account and password, or wants
// one to wait.
var ErrRefused = errors.New("the issuer refused the account and password")

// Login signs in as a browser would: discovery, authorization request with
// PKCE, the form, the code. It returns the access token, after checking the ID
// token that came with it. Without audiences the token is for both services.
func Login(ctx context.Context, issuerURL, account, password string, audience ...string) (string, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return "", fmt.Errorf("signing in as %s: %w", account, err)
	}
	transport := &http.Transport{} // its own, so that no idle connection outlives the call
	defer transport.CloseIdleConnections()
	client := &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	token, err := signIn(oidc.ClientContext(ctx, client), client, issuerURL, account, password, audience)
	if err != nil {
		return "", fmt.Errorf("signing in as %s: %w", account, err)
	}
	return token, nil
}

func signIn(ctx context.Context, client *http.Client, issuerURL, account, password string, audience []string) (string, error) {
	provider, err := oidc.NewProvider(ctx, issuerURL)
	if err != nil {
		return "", err
	}
	oc := oauth2.Config{ClientID: ClientID, Endpoint: provider.Endpoint(), RedirectURL: callback, Scopes: []string{"openid"}}
	oc.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	state, nonce, verifier := randomText(32), randomText(32), oauth2.GenerateVerifier()
	ask, err := url.Parse(oc.AuthCodeURL(state, oidc.Nonce(nonce), oauth2.S256ChallengeOption(verifier)))
	if err != nil {
		return "", err
	}
	q := ask.Query()
	for _, a := range audience {
		q.Add("audience", a)
	}
	ask.RawQuery = q.Encode()

	code, err := fillForm(ctx, client, ask, state, account, password)
	if err != nil {
		return "", err
	}
	tok, err := oc.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return "", err
	}
	raw, _ := tok.Extra("id_token").(string)
	id, err := provider.VerifierContext(ctx, &oidc.Config{ClientID: ClientID}).Verify(ctx, raw)
	if err != nil {
		return "", err
	}
	if id.Nonce != nonce || id.Subject != account {
		return "", errors.New("the ID token answers another sign-in")
	}
	return tok.AccessToken, nil
}

// SignIn signs a browser in where an application sends people to this issuer: it
// follows begin to the form, fills it in, and follows the answer back. The browser
// must keep cookies and follow redirections.
func SignIn(ctx context.Context, browser *http.Client, begin, account, password string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, begin, nil)
	if err != nil {
		return err
	}
	res, err := browser.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	action, fields, err := readForm(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return err
	}
	fields.Set("account", account)
	fields.Set("password", password)
	to, err := res.Request.URL.Parse(action)
	if err != nil {
		return err
	}
	sent, err := postForm(ctx, browser, to.String(), fields)
	if err != nil {
		return err
	}
	defer sent.Body.Close()
	if sent.StatusCode != http.StatusOK || sent.Request.URL.Host == to.Host {
		return fmt.Errorf("%w (%s at %s)", ErrRefused, sent.Status, sent.Request.URL.Host)
	}
	return nil
}

// fillForm asks for the form, sends it back filled in, and returns the code
// from the redirect.
func fillForm(ctx context.Context, client *http.Client, ask *url.URL, state, account, password string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ask.String(), nil)
	if err != nil {
		return "", err
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the issuer shows no form: %s", redirectError(res))
	}
	action, fields, err := readForm(io.LimitReader(res.Body, 64<<10))
	if err != nil {
		return "", err
	}
	fields.Set("account", account)
	fields.Set("password", password)
	to, err := ask.Parse(action)
	if err != nil {
		return "", err
	}
	sent, err := postForm(ctx, client, to.String(), fields)
	if err != nil {
		return "", err
	}
	defer sent.Body.Close()
	if sent.StatusCode == http.StatusUnauthorized || sent.StatusCode == http.StatusTooManyRequests {
		return "", fmt.Errorf("%w (%s)", ErrRefused, sent.Status)
	}
	loc, err := sent.Location()
	if err != nil {
		return "", fmt.Errorf("the issuer answered the form with %s", sent.Status)
	}
	back := loc.Query()
	if back.Get("state") != state || back.Get("code") == "" {
		return "", fmt.Errorf("the issuer gave no code: %s", back.Get("error"))
	}
	return back.Get("code"), nil
}

func postForm(ctx context.Context, client *http.Client, to string, v url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, strings.NewReader(v.Encode()))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return client.Do(req)
}

func redirectError(res *http.Response) string {
	if loc, err := res.Location(); err == nil {
		return loc.Query().Get("error") + ": " + loc.Query().Get("error_description")
	}
	return res.Status
}

// readForm returns the first form's action and its named inputs.
func readForm(r io.Reader) (action string, fields url.Values, err error) {
	fields = url.Values{}
	found := false
	for z := html.NewTokenizer(r); ; {
		switch z.Next() {
		case html.ErrorToken:
			if !found {
				return "", nil, errors.New("the issuer's page holds no form")
			}
			return action, fields, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			attr := map[string]string{}
			for _, a := range t.Attr {
				attr[a.Key] = a.Val
			}
			switch {
			case t.Data == "form" && !found:
				action, found = attr["action"], true
			case t.Data == "input" && found && attr["name"] != "":
				fields.Set(attr["name"], attr["value"])
			}
		}
	}
}
