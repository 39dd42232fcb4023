package devissuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"mime"
	"net/http"
	"net/url"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// claims are Sceau's own, beside the registered ones.
type claims struct {
	jwt.Claims
	ClientID string   `json:"client_id,omitempty"`
	Nonce    string   `json:"nonce,omitempty"`
	SID      string   `json:"sid"`
	AuthTime int64    `json:"auth_time,omitempty"`
	Person   string   `json:"person"`
	Groups   []string `json:"groups"`
	Unit     string   `json:"unit"`
	Name     string   `json:"name"`
}

// token redeems a code, once, by the client that was given it, for the redirect URI
// it was asked with, by whoever knows the verifier; or a refresh token.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	if mt, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mt != "application/x-www-form-urlencoded" {
		tokenError(w, "invalid_request", "the body must be a form")
		return
	}
	if err := r.ParseForm(); err != nil {
		tokenError(w, "invalid_request", "the form is unreadable")
		return
	}
	f := r.PostForm
	switch f.Get("grant_type") {
	case "authorization_code":
		g, ok := s.redeem(f)
		if !ok {
			tokenError(w, "invalid_grant", "the code is unknown, used, expired or another client's")
			return
		}
		next := ""
		if g.request.offline {
			next = s.remember(g)
		}
		s.answer(w, g, next)
	case "refresh_token":
		g, next, ok := s.refresh(f.Get("refresh_token"))
		if !ok || f.Get("client_id") != ClientID {
			tokenError(w, "invalid_grant", "the refresh token is unknown, used, expired or revoked")
			return
		}
		g.request.nonce = "" // it answers the first request only
		s.answer(w, g, next)
	default:
		tokenError(w, "unsupported_grant_type", "authorization_code and refresh_token are served")
	}
}

func (s *Server) redeem(f url.Values) (grant, bool) {
	s.mu.Lock()
	g, ok := s.codes[f.Get("code")]
	delete(s.codes, f.Get("code")) // gone at the first try, right or wrong
	s.mu.Unlock()
	return g, ok && !g.at.Add(codeTTL).Before(s.cfg.Now()) && f.Get("client_id") == ClientID &&
		f.Get("redirect_uri") == g.request.redirect && verifierFits(f.Get("code_verifier"), g.request.challenge)
}

func (s *Server) answer(w http.ResponseWriter, g grant, refresh string) {
	access, id, err := s.mint(g)
	if err != nil {
		s.cfg.Log.Error("signing a token", "err", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	scope := "openid"
	answer := map[string]any{"access_token": access, "id_token": id, "token_type": "Bearer", "expires_in": int(s.cfg.TokenTTL.Seconds())}
	if refresh != "" {
		answer["refresh_token"] = refresh
		scope += " offline_access"
	}
	answer["scope"] = scope
	writeJSON(w, http.StatusOK, answer)
}

// verifierFits is PKCE S256 (RFC 7636, 4.6); the length limits are the RFC's.
func verifierFits(verifier, challenge string) bool {
	if len(verifier) < 43 || len(verifier) > 128 {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	got := base64.RawURLEncoding.EncodeToString(sum[:])
	return subtle.ConstantTimeCompare([]byte(got), []byte(challenge)) == 1
}

// mint signs the access token, for the services, and the ID token, for the
// client. Both name one sign-in.
func (s *Server) mint(g grant) (access, id string, err error) {
	a := s.accounts[g.account]
	now := s.cfg.Now()
	c := claims{
		Claims: jwt.Claims{
			Issuer: s.URL, Subject: a.Name, ID: randomText(16),
			Audience: jwt.Audience(g.request.audience),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now),
			Expiry: jwt.NewNumericDate(now.Add(s.cfg.TokenTTL)),
		},
		ClientID: ClientID, SID: g.sid, AuthTime: g.at.Unix(),
		Person: a.Person, Groups: a.Roles, Unit: a.Unit, Name: a.Full,
	}
	access, err = jwt.Signed(s.signer).Claims(c).Serialize()
	if err != nil {
		return "", "", fmt.Errorf("signing the access token: %w", err)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: s.state.Key},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return "", "", fmt.Errorf("signing the ID token: %w", err)
	}
	c.Audience, c.Nonce, c.ID, c.ClientID = jwt.Audience{ClientID}, g.request.nonce, randomText(16), ""
	id, err = jwt.Signed(signer).Claims(c).Serialize()
	if err != nil {
		return "", "", fmt.Errorf("signing the ID token: %w", err)
	}
	return access, id, nil
}

func tokenError(w http.ResponseWriter, code, why string) {
	writeJSON(w, http.StatusBadRequest, map[string]string{"error": code, "error_description": why})
}
