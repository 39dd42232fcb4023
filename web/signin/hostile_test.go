package signin

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/staff"
)

// crafted is a provider that gives whatever tokens a test wants.
type crafted struct {
	*httptest.Server
	key        *ecdsa.PrivateKey
	id, access map[string]any
	other      *ecdsa.PrivateKey // signs the ID token when it is set
}

func newCrafted(t *testing.T) *crafted {
	t.Helper()
	c := &crafted{}
	var err error
	if c.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": c.URL, "jwks_uri": c.URL + "/keys", "authorization_endpoint": c.URL + "/a", "token_endpoint": c.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: c.key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /t", func(w http.ResponseWriter, _ *http.Request) {
		by := c.key
		if c.other != nil {
			by = c.other
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"access_token": signed(t, c.key, c.access), "id_token": signed(t, by, c.id), "token_type": "Bearer", "expires_in": 900,
		})
	})
	c.Server = httptest.NewServer(mux)
	t.Cleanup(c.Close)
	return c
}

func signed(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Error(err)
		return ""
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Error(err)
	}
	return raw
}

// TestEveryTokenAnswersThisSignIn: each of the two tokens is checked for who gave it, to
// whom, in answer to what, and against the other.
func TestEveryTokenAnswersThisSignIn(t *testing.T) {
	provider := newCrafted(t)
	verifier := func(audience string) *staff.Verifier {
		v, err := staff.NewVerifier(staff.Config{Issuer: provider.URL, Audience: audience, PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Close)
		return v
	}
	w := newWorld(t, func(c *Config) {
		c.Issuer, c.Tokens, c.Custodian = provider.URL, verifier("sceau-staff"), verifier("sceau-custodian")
	})
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	w.must(err)
	tests := []struct {
		name   string
		change func(id, access map[string]any)
		want   int
	}{
		{"as it must be", func(_, _ map[string]any) {}, http.StatusOK},
		{"the ID token answers another sign-in", func(id, _ map[string]any) { id["nonce"] = random() }, 502},
		{"the ID token answers none", func(id, _ map[string]any) { delete(id, "nonce") }, 502},
		{"the ID token is for another client", func(id, _ map[string]any) { id["aud"] = "another" }, 502},
		{"the ID token is another issuer's", func(id, _ map[string]any) { id["iss"] = "https://attacker.example" }, 502},
		{"the ID token is old", func(id, _ map[string]any) { id["exp"] = time.Now().Add(-time.Hour).Unix() }, 502},
		{"the ID token is signed by another", func(_, _ map[string]any) { provider.other = other }, 502},
		{"the ID token came with another access token", func(id, _ map[string]any) { id["at_hash"] = "AAAAAAAAAAAAAAAAAAAAAA" }, 502},
		{"the login was not asked for again", func(id, _ map[string]any) { id["auth_time"] = time.Now().Add(-time.Hour).Unix() }, 502},
		{"the provider does not say when the login was", func(id, _ map[string]any) { delete(id, "auth_time") }, 502},
		{"the access token is somebody else's", func(_, access map[string]any) { access["sub"] = "bruno" }, 502},
		{"the access token is another issuer's", func(_, access map[string]any) { access["iss"] = "https://attacker.example" }, 502},
		{"the access token is not for the staff face", func(_, access map[string]any) { access["aud"] = "sceau-custodian" }, 502},
		{"the access token is not for the custodian", func(_, access map[string]any) { access["aud"] = "sceau-staff" }, 502},
		{"the access token is for the client", func(_, access map[string]any) { access["aud"] = devissuer.ClientID }, 502},
		{"the access token names no person", func(_, access map[string]any) { delete(access, "person") }, 502},
		{"the access token is old", func(_, access map[string]any) { access["exp"] = time.Now().Add(-time.Hour).Unix() }, 502},
		{"the account has no role", func(_, access map[string]any) { access["groups"] = []string{} }, 403},
		{"the account became another person's", func(_, access map[string]any) { access["person"], access["sid"] = "P-Z", "s2" }, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := w.browser()
			b.stopAt(provider.URL)
			b.get("/signin?role=")
			at, err := b.last.Location()
			w.must(err)
			b.stopAt("")
			base := map[string]any{
				"iss": provider.URL, "sub": "amal", "aud": devissuer.ClientID, "iat": time.Now().Unix(), "exp": time.Now().Add(15 * time.Minute).Unix(),
				"auth_time": time.Now().Unix(), "nonce": at.Query().Get("nonce"),
			}
			provider.other, provider.id, provider.access = nil, base, maps.Clone(base)
			maps.Copy(provider.access, map[string]any{"aud": []string{"sceau-staff", "sceau-custodian"}, "sid": "s1", "person": "P-A", "groups": []string{"agent"}})
			tt.change(provider.id, provider.access)
			status, text := b.get("/signin/callback?" + url.Values{"state": {at.Query().Get("state")}, "code": {"c"}}.Encode())
			if status != tt.want {
				t.Errorf("got %d: %s", status, text)
			}
			if in := b.here().ID != ""; in != (tt.want == http.StatusOK) {
				t.Errorf("signed in: %v", in)
			}
		})
	}
}

// What is asked of the provider cannot be had without a login, PKCE and a state.
func TestWhatIsAsked(t *testing.T) {
	w := newWorld(t, func(c *Config) {
		c.Parameters = []string{"resource=urn:sceau", "audience=sceau-staff", "audience=sceau-custodian"}
	})
	b := w.browser()
	b.stopAt(w.issuer.URL)
	b.get("/signin?role=agent")
	at, err := b.last.Location()
	w.must(err)
	q := at.Query()
	for name, want := range map[string]string{
		"client_id": devissuer.ClientID, "redirect_uri": w.url + "/signin/callback", "response_type": "code", "scope": "openid offline_access",
		"prompt": "login", "max_age": "0", "code_challenge_method": "S256", "resource": "urn:sceau",
	} {
		if q.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, q.Get(name), want)
		}
	}
	if len(q["audience"]) != 2 || len(q.Get("state")) != 43 || len(q.Get("nonce")) != 43 || len(q.Get("code_challenge")) != 43 {
		t.Errorf("asked %v", q)
	}
	if b.get("/signin?role=agent"); b.last.Header.Get("Location") == at.String() {
		t.Error("two sign-ins ask the same")
	}
	if status, _ := b.get("/signin"); status != http.StatusOK {
		t.Errorf("the way in: %d", status)
	}
}
