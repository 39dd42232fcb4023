package staff

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// issuer is a provider with one key, whose parts can be taken away.
type issuer struct {
	*httptest.Server
	key  *ecdsa.PrivateKey
	down atomic.Bool
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"ES256", "HS256", "none"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		if i.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) claims() map[string]any {
	return map[string]any{
		"iss": i.URL, "sub": "amal", "aud": []string{"sceau-staff", "sceau-custodian"}, "sid": "s1", "jti": "j1",
		"exp": time.Now().Add(time.Minute).Unix(), "iat": time.Now().Unix(),
		"person": "P-A", "groups": []string{"agent", "chess-club"}, "unit": "rennes", "name": "Amal",
	}
}

func sign(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any) string {
	t.Helper()
	return signWith(t, alg, key, claims, nil)
}

func signWith(t *testing.T, alg jose.SignatureAlgorithm, key any, claims map[string]any, options *jose.SignerOptions) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, options)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func newVerifier(t *testing.T, i *issuer, change func(*Config)) *Verifier {
	t.Helper()
	cfg := Config{Issuer: i.URL, Audience: "sceau-staff", PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name"}
	if change != nil {
		change(&cfg)
	}
	v, err := NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(v.Close)
	return v
}

func TestVerify(t *testing.T) {
	i := newIssuer(t)
	v := newVerifier(t, i, nil)
	got, err := v.Verify(context.Background(), sign(t, jose.ES256, i.key, i.claims()))
	if err != nil {
		t.Fatal(err)
	}
	if got.Subject != "amal" || got.Person != "P-A" || got.Session != "s1" || len(got.Roles) != 1 || got.Roles[0] != "agent" {
		t.Errorf("got %+v", got)
	}
}

// Each login is a session of its own, even where the provider gives one name to several.
func TestALoginIsASession(t *testing.T) {
	i := newIssuer(t)
	v := newVerifier(t, i, nil)
	session := func(change func(map[string]any)) string {
		t.Helper()
		c := i.claims()
		change(c)
		got, err := v.Verify(t.Context(), sign(t, jose.ES256, i.key, c))
		if err != nil {
			t.Fatal(err)
		}
		return got.Session
	}
	first := session(func(c map[string]any) { c["auth_time"] = 1_800_000_000 })
	if renewed := session(func(c map[string]any) { c["auth_time"], c["jti"] = 1_800_000_000, "j2" }); renewed != first {
		t.Errorf("a renewed token is of another session: %q, %q", renewed, first)
	}
	if again := session(func(c map[string]any) { c["auth_time"] = 1_800_000_001 }); again == first {
		t.Errorf("another login is the same session: %q", again)
	}
	if without := session(func(c map[string]any) { delete(c, "sid") }); without != "j1" {
		t.Errorf("without a sid: %q", without)
	}
	c := i.claims()
	c["auth_time"] = "yesterday"
	if _, err := v.Verify(t.Context(), sign(t, jose.ES256, i.key, c)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a time that is none: %v", err)
	}
}

func TestRefusedTokens(t *testing.T) {
	i := newIssuer(t)
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(map[string]any)) map[string]any {
		c := maps.Clone(i.claims())
		change(c)
		return c
	}
	without := func(name string) map[string]any {
		return with(func(c map[string]any) { delete(c, name) })
	}
	good := sign(t, jose.ES256, i.key, i.claims())
	parts := strings.Split(good, ".")
	header := func(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }
	der, err := x509.MarshalPKIXPublicKey(&i.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		raw  string
		want error
	}{
		{"nothing", "", ErrInvalid},
		{"not a token", "abc", ErrInvalid},
		{"cut", parts[0] + "." + parts[1] + ".", ErrInvalid},
		{"no algorithm", header(`{"alg":"none"}`) + "." + parts[1] + ".", ErrInvalid},
		{"no algorithm, and the signature of another token", header(`{"alg":"none","kid":"k1"}`) + "." + parts[1] + "." + parts[2], ErrInvalid},
		{"no algorithm, written otherwise", header(`{"alg":"nOnE","typ":"JWT"}`) + "." + parts[1] + ".", ErrInvalid},
		{"an algorithm that is nothing", header(`{"alg":""}`) + "." + parts[1] + ".", ErrInvalid},
		{"a key that the token brings", signWith(t, jose.ES256, other, i.claims(), &jose.SignerOptions{EmbedJWK: true}), ErrInvalid},
		{"another key", sign(t, jose.ES256, other, i.claims()), ErrInvalid},
		{"symmetric, with the public key's bytes", sign(t, jose.HS256, der, i.claims()), ErrInvalid},
		{"symmetric, with the public key as PEM", sign(t, jose.HS256, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), i.claims()), ErrInvalid},
		{"another issuer", sign(t, jose.ES256, i.key, with(func(c map[string]any) { c["iss"] = "https://evil.example" })), ErrInvalid},
		{"another audience", sign(t, jose.ES256, i.key, with(func(c map[string]any) { c["aud"] = "sceau-custodian" })), ErrInvalid},
		{"expired", sign(t, jose.ES256, i.key, with(func(c map[string]any) { c["exp"] = time.Now().Add(-time.Second).Unix() })), ErrExpired},
		{"never expires", sign(t, jose.ES256, i.key, without("exp")), ErrExpired},
		{"no person", sign(t, jose.ES256, i.key, without("person")), ErrInvalid},
		{"person is a list", sign(t, jose.ES256, i.key, with(func(c map[string]any) { c["person"] = []string{"P-A"} })), ErrInvalid},
		{"no session", sign(t, jose.ES256, i.key, with(func(c map[string]any) { delete(c, "sid"); delete(c, "jti") })), ErrInvalid},
		{"no subject", sign(t, jose.ES256, i.key, without("sub")), ErrInvalid},
		{"too long", good + strings.Repeat("A", maxToken), ErrInvalid},
	}
	v := newVerifier(t, i, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := v.Verify(context.Background(), tt.raw); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			} else if tt.raw != "" && strings.Contains(err.Error(), tt.raw) {
				t.Error("the error repeats the token")
			}
		})
	}
}

func TestRoleClaims(t *testing.T) {
	i := newIssuer(t)
	mapped := newVerifier(t, i, func(c *Config) { c.Roles = map[string]string{"grp-7": "agent", "grp-9": "supervisor"} })
	plain := newVerifier(t, i, nil)
	tests := []struct {
		name   string
		v      *Verifier
		groups any
		asked  string
		role   string
		want   error
	}{
		{"one role", plain, []string{"agent"}, "", "agent", nil},
		{"one role as text", plain, "inspector", "", "inspector", nil},
		{"two roles, none chosen", plain, []string{"agent", "supervisor"}, "", "", ErrRoleAmbiguous},
		{"two roles, one chosen", plain, []string{"agent", "supervisor"}, "supervisor", "supervisor", nil},
		{"another role chosen", plain, []string{"agent"}, "supervisor", "", ErrNoRole},
		{"no role", plain, []string{"chess-club"}, "", "", ErrNoRole},
		{"no claim", plain, nil, "", "", ErrNoRole},
		{"Sceau's name where names are mapped", mapped, []string{"supervisor"}, "", "", ErrNoRole},
		{"mapped", mapped, []string{"grp-9"}, "", "supervisor", nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			claims := i.claims()
			claims["groups"] = tt.groups
			got, err := tt.v.Verify(context.Background(), sign(t, jose.ES256, i.key, claims))
			if err != nil {
				t.Fatal(err)
			}
			if role, err := got.Role(tt.asked); role != tt.role || !errors.Is(err, tt.want) {
				t.Errorf("got %q, %v, want %q, %v", role, err, tt.role, tt.want)
			}
		})
	}
}

// TestIssuerDown: an outage is not a verdict, known keys go on serving, and
// everything heals without a restart.
func TestIssuerDown(t *testing.T) {
	i := newIssuer(t)
	v := newVerifier(t, i, nil)
	ctx := context.Background()
	raw := sign(t, jose.ES256, i.key, i.claims())
	i.down.Store(true)
	if _, err := v.Verify(ctx, raw); !errors.Is(err, ErrIssuerDown) {
		t.Fatalf("before discovery: got %v", err)
	}
	if err := v.Ready(ctx); !errors.Is(err, ErrIssuerDown) {
		t.Fatalf("ready: got %v", err)
	}
	i.down.Store(false)
	v.failedAt = time.Time{}
	if err := v.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	i.down.Store(true)
	if _, err := v.Verify(ctx, raw); !errors.Is(err, ErrIssuerDown) {
		t.Fatalf("keys never fetched: got %v", err)
	}
	i.down.Store(false)
	if _, err := v.Verify(ctx, raw); err != nil {
		t.Fatal(err)
	}
	i.down.Store(true)
	if _, err := v.Verify(ctx, raw); err != nil {
		t.Fatalf("with cached keys: got %v", err)
	}
}
