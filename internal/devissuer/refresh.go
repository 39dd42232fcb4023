package devissuer

import (
	"net/http"
	"net/url"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// signInTTL is how long refresh tokens renew one sign-in.
const signInTTL = 24 * time.Hour

// renewal is what the refresh tokens of one sign-in stand for.
type renewal struct {
	grant   grant
	current string // the only refresh token that is good
}

// remember gives the first refresh token of a sign-in.
func (s *Server) remember(g grant) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.cfg.Now()
	for token, sid := range s.tokens {
		if one := s.signIns[sid]; one == nil || one.grant.at.Add(signInTTL).Before(now) {
			delete(s.tokens, token)
			delete(s.signIns, sid)
		}
	}
	if len(s.tokens) >= maxPending {
		return "" // without one, people sign in again when their token ends
	}
	s.signIns[g.sid] = &renewal{grant: g}
	return s.next(g.sid)
}

// next replaces the refresh token of a sign-in; s.mu is held.
func (s *Server) next(sid string) string {
	token := randomText(32)
	s.tokens[token], s.signIns[sid].current = sid, token
	return token
}

// refresh takes a refresh token and gives the next one. One that was used before
// is in two hands, nobody knows whose: the sign-in ends for both (RFC 9700, 4.14.2).
func (s *Server) refresh(token string) (g grant, next string, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sid, known := s.tokens[token]
	one := s.signIns[sid]
	if !known || one == nil {
		return grant{}, "", false
	}
	if one.current != token || one.grant.at.Add(signInTTL).Before(s.cfg.Now()) {
		delete(s.signIns, sid)
		return grant{}, "", false
	}
	return one.grant, s.next(sid), true
}

// revoke ends the sign-in of a refresh token (RFC 7009): whoever has the token may.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil || r.PostForm.Get("client_id") != ClientID {
		tokenError(w, "invalid_client", "no such client")
		return
	}
	s.mu.Lock()
	delete(s.signIns, s.tokens[r.PostForm.Get("token")])
	s.mu.Unlock()
	w.WriteHeader(http.StatusOK)
}

// logout ends the sign-in that an ID token names (OpenID Connect RP-Initiated Logout).
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	hint, err := jwt.ParseSigned(r.URL.Query().Get("id_token_hint"), []jose.SignatureAlgorithm{jose.ES256})
	var c claims
	if err != nil || hint.Claims(s.state.Key.Public().Key, &c) != nil || c.Issuer != s.URL {
		s.fault(w, http.StatusBadRequest, "La demande de déconnexion n'est pas valable.")
		return
	}
	s.mu.Lock()
	delete(s.signIns, c.SID)
	s.mu.Unlock()
	back := r.URL.Query().Get("post_logout_redirect_uri")
	u, err := url.Parse(back)
	if back == "" || err != nil || !s.redirectAllowed(back) {
		page(w, http.StatusOK, "'none'", "out", nil)
		return
	}
	if state := r.URL.Query().Get("state"); state != "" {
		q := u.Query()
		q.Set("state", state)
		u.RawQuery = q.Encode()
	}
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}
