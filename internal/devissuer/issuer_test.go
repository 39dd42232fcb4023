package devissuer

import (
	"context"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"go.uber.org/goleak"
	"golang.org/x/oauth2"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(t *testing.T, cfg Config) *Server {
	t.Helper()
	if cfg.Dir == "" {
		cfg.Dir = filepath.Join(t.TempDir(), "issuer")
	}
	s, err := Start(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections() // go-oidc fetches keys with it
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

type seen struct {
	Person string   `json:"person"`
	Groups []string `json:"groups"`
	Unit   string   `json:"unit"`
	Name   string   `json:"name"`
	SID    string   `json:"sid"`
	JTI    string   `json:"jti"`
}

func verify(t *testing.T, issuer, audience, raw string) (*oidc.IDToken, seen, error) {
	t.Helper()
	p, err := oidc.NewProvider(t.Context(), issuer)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := p.Verifier(&oidc.Config{ClientID: audience}).Verify(t.Context(), raw)
	if err != nil {
		return nil, seen{}, err
	}
	var c seen
	err = tok.Claims(&c)
	return tok, c, err
}

func TestEveryAccountSignsInAndBothServicesVerifyIt(t *testing.T) {
	s := start(t, Config{})
	for _, a := range Accounts() {
		raw, err := s.Token(t.Context(), a.Name)
		if err != nil {
			t.Fatal(err)
		}
		for _, aud := range []string{AudienceStaff, AudienceCustodian} {
			tok, c, err := verify(t, s.URL, aud, raw)
			if err != nil {
				t.Fatalf("%s for %s: %v", a.Name, aud, err)
			}
			if tok.Subject != a.Name || c.Person != a.Person || !slices.Equal(c.Groups, a.Roles) || c.Unit != a.Unit || c.Name != a.Full {
				t.Errorf("%s: claims %+v", a.Name, c)
			}
			if c.SID == "" || c.JTI == "" || c.SID == c.JTI {
				t.Errorf("%s: sid %q, jti %q", a.Name, c.SID, c.JTI)
			}
			if ttl := tok.Expiry.Sub(tok.IssuedAt); ttl != 15*time.Minute {
				t.Errorf("%s: token lives %v", a.Name, ttl)
			}
		}
		if _, _, err := verify(t, s.URL, "another-service", raw); err == nil {
			t.Errorf("%s: another service accepts the token", a.Name)
		}
	}
}

func TestTwoSignInsAreTwoSessions(t *testing.T) {
	s := start(t, Config{})
	var sids []string
	for range 2 {
		raw, err := s.Token(t.Context(), "amal")
		if err != nil {
			t.Fatal(err)
		}
		_, c, err := verify(t, s.URL, AudienceStaff, raw)
		if err != nil {
			t.Fatal(err)
		}
		sids = append(sids, c.SID, c.JTI)
	}
	slices.Sort(sids)
	if len(slices.Compact(sids)) != 4 {
		t.Errorf("sid and jti repeat: %v", sids)
	}
}

func TestAudienceCanBeNarrowed(t *testing.T) {
	s := start(t, Config{})
	raw, err := s.Token(t.Context(), "amal", AudienceStaff)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := verify(t, s.URL, AudienceStaff, raw); err != nil {
		t.Error(err)
	}
	if _, _, err := verify(t, s.URL, AudienceCustodian, raw); err == nil {
		t.Error("the custodian accepts a token that is not for it")
	}
	if _, err := s.Token(t.Context(), "amal", "elsewhere"); err == nil {
		t.Error("a token for an unknown audience")
	}
}

func TestTokensExpire(t *testing.T) {
	s := start(t, Config{Now: func() time.Time { return time.Now().Add(-16 * time.Minute) }})
	// The client checks the ID token it gets, and so meets the expiry first.
	_, err := s.Token(t.Context(), "amal")
	var expired *oidc.TokenExpiredError
	if !errors.As(err, &expired) {
		t.Errorf("an expired token: %v", err)
	}
}

func TestKeysAndPasswordsSurviveARestartInAPrivateFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "issuer")
	first, err := Start(Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	raw, err := first.Token(t.Context(), "diane")
	if err != nil {
		t.Fatal(err)
	}
	addr := strings.TrimPrefix(first.URL, "http://")
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateFile)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	second := start(t, Config{Dir: dir, Listen: addr})
	if _, _, err := verify(t, second.URL, AudienceStaff, raw); err != nil {
		t.Errorf("a token from before the restart: %v", err)
	}
	pw, err := Password(dir, "diane")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Login(t.Context(), second.URL, "diane", pw); err != nil {
		t.Error(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Password(dir, "diane"); err == nil {
		t.Error("a state that others can read is used")
	}
}

func TestOnlyLoopback(t *testing.T) {
	for _, addr := range []string{"0.0.0.0:0", ":0", "192.0.2.1:0", "localhost.example:0", "[::]:0"} {
		if s, err := Start(Config{Dir: t.TempDir(), Listen: addr}); err == nil {
			s.Close()
			t.Errorf("listens on %s", addr)
		}
	}
}

func TestAReboundNameGetsNothing(t *testing.T) {
	s := start(t, Config{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+"/.well-known/openid-configuration", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "attacker.example"
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusMisdirectedRequest {
		t.Error(res.Status)
	}
}

func TestWrongPasswordsAreThrottledPerAccount(t *testing.T) {
	now := time.Now()
	s := start(t, Config{Now: func() time.Time { return now }})
	for i := range wrongBurst + 1 {
		_, err := Login(t.Context(), s.URL, "amal", "wrong")
		if !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
		if wait := strings.Contains(err.Error(), "429"); wait != (i == wrongBurst) {
			t.Errorf("try %d: %v", i, err)
		}
	}
	if _, err := s.Token(t.Context(), "amal"); err == nil {
		t.Error("the right password passes while throttled: guessing goes on unhindered")
	}
	if _, err := s.Token(t.Context(), "bruno"); err != nil {
		t.Errorf("another account is locked out too: %v", err)
	}
	for i := range wrongBurst + 1 {
		_, err := Login(t.Context(), s.URL, "nobody-"+string(rune('a'+i)), "")
		if !errors.Is(err, ErrRefused) {
			t.Fatal(err)
		}
	}
	now = now.Add(wrongEvery)
	if _, err := s.Token(t.Context(), "amal"); err != nil {
		t.Errorf("after the wait: %v", err)
	}
}

// browser is a client that keeps cookies and follows nothing.
func browser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Jar: jar, Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

func goodRequest(verifier string) url.Values {
	return url.Values{
		"client_id": {ClientID}, "redirect_uri": {callback}, "response_type": {"code"}, "scope": {"openid"},
		"state": {"s"}, "code_challenge_method": {"S256"}, "code_challenge": {oauth2.S256ChallengeFromVerifier(verifier)},
	}
}

func TestAuthorizationRequests(t *testing.T) {
	s := start(t, Config{Redirect: []string{"https://console.example/cb"}})
	cases := []struct {
		name   string
		change func(url.Values)
		want   string // "form", "page" (no redirect), or the error redirected with
	}{
		{"good", func(url.Values) {}, "form"},
		{"a configured redirect URI", func(v url.Values) { v.Set("redirect_uri", "https://console.example/cb") }, "form"},
		{"loopback on any port", func(v url.Values) { v.Set("redirect_uri", "http://[::1]:4242/cb") }, "form"},
		{"no PKCE", func(v url.Values) { v.Del("code_challenge"); v.Del("code_challenge_method") }, "invalid_request"},
		{"plain PKCE", func(v url.Values) { v.Set("code_challenge_method", "plain") }, "invalid_request"},
		{"PKCE method left out", func(v url.Values) { v.Del("code_challenge_method") }, "invalid_request"},
		{"short challenge", func(v url.Values) { v.Set("code_challenge", "abc") }, "invalid_request"},
		{"no state", func(v url.Values) { v.Del("state") }, "invalid_request"},
		{"implicit flow", func(v url.Values) { v.Set("response_type", "token") }, "unsupported_response_type"},
		{"no openid scope", func(v url.Values) { v.Set("scope", "profile") }, "invalid_scope"},
		{"another audience", func(v url.Values) { v.Set("audience", "elsewhere") }, "invalid_target"},
		{"unknown client", func(v url.Values) { v.Set("client_id", "x") }, "page"},
		{"a redirect elsewhere", func(v url.Values) { v.Set("redirect_uri", "https://attacker.example/cb") }, "page"},
		{"a redirect that begins well", func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1@attacker.example/") }, "page"},
		{"a script as redirect", func(v url.Values) { v.Set("redirect_uri", "javascript:alert(1)") }, "page"},
		{"a near miss of a configured URI", func(v url.Values) { v.Set("redirect_uri", "https://console.example/cb/") }, "page"},
		{"a parameter twice", func(v url.Values) { v.Add("redirect_uri", "https://attacker.example/cb") }, "page"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			q := goodRequest(oauth2.GenerateVerifier())
			c.change(q)
			res, err := browser(t).Get(s.URL + "/authorize?" + q.Encode())
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			got := "page"
			if loc, err := res.Location(); err == nil {
				got = loc.Query().Get("error")
				if loc.Query().Get("code") != "" {
					t.Error("a code without a sign-in")
				}
			} else if res.StatusCode == http.StatusOK {
				got = "form"
			}
			if got != c.want {
				t.Errorf("got %s (%s), want %s", got, res.Status, c.want)
			}
		})
	}
}

// signedIn goes through the form and returns a fresh code.
func signedIn(t *testing.T, s *Server, verifier string) string {
	t.Helper()
	ask, err := url.Parse(s.URL + "/authorize?" + goodRequest(verifier).Encode())
	if err != nil {
		t.Fatal(err)
	}
	code, err := fillForm(t.Context(), browser(t), ask, "s", "amal", s.state.Passwords["amal"])
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestCodes(t *testing.T) {
	now := time.Now()
	s := start(t, Config{Now: func() time.Time { return now }})
	redeem := func(code string, change func(url.Values), verifier string) int {
		v := url.Values{"grant_type": {"authorization_code"}, "client_id": {ClientID}, "redirect_uri": {callback}, "code": {code}, "code_verifier": {verifier}}
		change(v)
		res, err := browser(t).PostForm(s.URL+"/token", v)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	none := func(url.Values) {}
	verifier := oauth2.GenerateVerifier()

	code := signedIn(t, s, verifier)
	if got := redeem(code, none, verifier); got != 200 {
		t.Fatal(got)
	}
	if got := redeem(code, none, verifier); got != 400 {
		t.Errorf("a code worked twice: %d", got)
	}
	attacks := map[string]func(url.Values){
		"no verifier":          func(v url.Values) { v.Del("code_verifier") },
		"another verifier":     func(v url.Values) { v.Set("code_verifier", oauth2.GenerateVerifier()) },
		"the challenge":        func(v url.Values) { v.Set("code_verifier", oauth2.S256ChallengeFromVerifier(verifier)) },
		"another redirect":     func(v url.Values) { v.Set("redirect_uri", "http://127.0.0.1/other") },
		"another client":       func(v url.Values) { v.Set("client_id", "x") },
		"another grant type":   func(v url.Values) { v.Set("grant_type", "password") },
		"an empty code":        func(v url.Values) { v.Set("code", "") },
		"after its one minute": func(url.Values) { now = now.Add(codeTTL + time.Second) },
	}
	for name, change := range attacks {
		if got := redeem(signedIn(t, s, verifier), change, verifier); got != 400 {
			t.Errorf("%s: %d", name, got)
		}
	}
	code = signedIn(t, s, verifier)
	redeem(code, attacks["another verifier"], verifier)
	if got := redeem(code, none, verifier); got != 400 {
		t.Error("a code survives a wrong verifier, so verifiers can be tried")
	}
}

func TestAFormBelongsToTheBrowserItWasShownIn(t *testing.T) {
	s := start(t, Config{})
	open := func(b *http.Client) url.Values {
		res, err := b.Get(s.URL + "/authorize?" + goodRequest(oauth2.GenerateVerifier()).Encode())
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if csp := res.Header.Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") {
			t.Errorf("content policy %q", csp)
		}
		_, fields, err := readForm(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		fields.Set("account", "amal")
		fields.Set("password", s.state.Passwords["amal"])
		return fields
	}
	post := func(b *http.Client, v url.Values) int {
		res, err := b.PostForm(s.URL+"/login", v)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		return res.StatusCode
	}
	attacker, victim := browser(t), browser(t)
	form := open(attacker)
	if got := post(victim, form); got != http.StatusBadRequest {
		t.Errorf("without the cookie: %d", got)
	}
	open(victim)
	if got := post(victim, form); got != http.StatusBadRequest {
		t.Errorf("with another form's cookie: %d", got)
	}
	if got := post(attacker, form); got != http.StatusSeeOther {
		t.Errorf("in its own browser: %d", got)
	}
	if got := post(attacker, form); got != http.StatusBadRequest {
		t.Errorf("sent twice: %d", got)
	}
}

func TestTheFormNeverRepeatsThePassword(t *testing.T) {
	w := httptest.NewRecorder()
	(&Server{}).form(w, 401, formPage{ID: "f", Account: `"><script>x</script>`, Error: "non", redirect: callback})
	body := w.Body.String()
	if strings.Contains(body, "<script>") {
		t.Error("the account is not escaped")
	}
	for _, want := range []string{`lang="fr"`, `<label for="account">`, `<label for="password">`, `role="alert"`, `aria-describedby="erreur"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the form lacks %s", want)
		}
	}
	if strings.Contains(body, `type="password" value`) {
		t.Error("the form repeats the password")
	}
}

func TestLoginStopsWithItsContext(t *testing.T) {
	s := start(t, Config{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Token(ctx, "amal"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
