package devissuer

import (
	"encoding/json"
	"net/http"
	"net/url"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"golang.org/x/oauth2"
)

type tokens struct {
	Access  string `json:"access_token"`
	ID      string `json:"id_token"`
	Refresh string `json:"refresh_token"`
}

func ask(t *testing.T, s *Server, v url.Values) (got tokens, ok bool) {
	t.Helper()
	v.Set("client_id", ClientID)
	res, err := browser(t).PostForm(s.URL+"/token", v)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return tokens{}, false
	}
	if err := json.NewDecoder(res.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return got, true
}

// signInFor goes through the form with the given scopes.
func signInFor(t *testing.T, s *Server, scope string) tokens {
	t.Helper()
	verifier := oauth2.GenerateVerifier()
	q := goodRequest(verifier)
	q.Set("scope", scope)
	at, err := url.Parse(s.URL + "/authorize?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	code, err := fillForm(t.Context(), browser(t), at, "s", "amal", s.state.Passwords["amal"])
	if err != nil {
		t.Fatal(err)
	}
	got, ok := ask(t, s, url.Values{"grant_type": {"authorization_code"}, "redirect_uri": {callback}, "code": {code}, "code_verifier": {verifier}})
	if !ok {
		t.Fatal("no tokens")
	}
	return got
}

func claimsOf(t *testing.T, s *Server, raw string) (c claims) {
	t.Helper()
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	if err := token.Claims(s.state.Key.Public().Key, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestRefreshTokensAreReplaced(t *testing.T) {
	now := time.Now()
	s := start(t, Config{Now: func() time.Time { return now }})
	refresh := func(token string) (tokens, bool) {
		return ask(t, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {token}})
	}
	if got := signInFor(t, s, "openid"); got.Refresh != "" {
		t.Error("a refresh token that nobody asked for")
	}
	first := signInFor(t, s, "openid offline_access")
	was := claimsOf(t, s, first.Access)
	now = now.Add(10 * time.Minute)
	second, ok := refresh(first.Refresh)
	if !ok || second.Refresh == "" || second.Refresh == first.Refresh {
		t.Fatalf("no other refresh token: %v", ok)
	}
	is := claimsOf(t, s, second.Access)
	if is.SID != was.SID || is.AuthTime != was.AuthTime || is.ID == was.ID || !is.Expiry.Time().After(was.Expiry.Time()) || len(is.Audience) != 2 {
		t.Errorf("another sign-in: %+v, was %+v", is, was)
	}
	if id := claimsOf(t, s, second.ID); id.Nonce != "" || id.Subject != "amal" {
		t.Errorf("the ID token says %+v", id)
	}
	// The first one again: it was stolen, or the second was. Both end.
	if _, ok := refresh(first.Refresh); ok {
		t.Error("a refresh token worked twice")
	}
	if _, ok := refresh(second.Refresh); ok {
		t.Error("the sign-in goes on though a refresh token was used twice")
	}

	third := signInFor(t, s, "openid offline_access")
	now = now.Add(signInTTL + time.Second)
	if _, ok := refresh(third.Refresh); ok {
		t.Error("a sign-in without end")
	}
	if _, ok := refresh(""); ok {
		t.Error("nothing is a refresh token")
	}
}

func TestASignInCanBeEnded(t *testing.T) {
	s := start(t, Config{})
	ends := map[string]func(tokens){
		"revoked": func(of tokens) {
			res, err := browser(t).PostForm(s.URL+"/revoke", url.Values{"client_id": {ClientID}, "token": {of.Refresh}})
			if err != nil || res.StatusCode != http.StatusOK {
				t.Fatal(res, err)
			}
			res.Body.Close()
		},
		"signed out": func(of tokens) {
			q := url.Values{"id_token_hint": {of.ID}, "post_logout_redirect_uri": {"http://127.0.0.1:1/signin"}, "state": {"x"}}
			res, err := browser(t).Get(s.URL + "/logout?" + q.Encode())
			if err != nil || res.Header.Get("Location") != "http://127.0.0.1:1/signin?state=x" {
				t.Fatal(res, err)
			}
			res.Body.Close()
		},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			other, one := signInFor(t, s, "openid offline_access"), signInFor(t, s, "openid offline_access")
			end(one)
			if _, ok := ask(t, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {one.Refresh}}); ok {
				t.Error("it goes on")
			}
			if _, ok := ask(t, s, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {other.Refresh}}); !ok {
				t.Error("another sign-in ended with it")
			}
		})
	}
	for name, q := range map[string]url.Values{
		"without a hint":       {"post_logout_redirect_uri": {"http://127.0.0.1:1/"}},
		"a redirect to others": {"id_token_hint": {signInFor(t, s, "openid").ID}, "post_logout_redirect_uri": {"https://attacker.example/"}},
	} {
		res, err := browser(t).Get(s.URL + "/logout?" + q.Encode())
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.Header.Get("Location") != "" {
			t.Errorf("%s: redirected to %s", name, res.Header.Get("Location"))
		}
	}
}

func TestNobodyIsSignedInWithoutTheForm(t *testing.T) {
	s := start(t, Config{})
	q := goodRequest(oauth2.GenerateVerifier())
	q.Set("prompt", "none")
	res, err := browser(t).Get(s.URL + "/authorize?" + q.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	at, err := res.Location()
	if err != nil || at.Query().Get("error") != "login_required" {
		t.Errorf("got %v, %v", at, err)
	}
}
