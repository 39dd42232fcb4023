package devissuer

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// formCookie ties the sending of a form to the browser it was shown in, so
// that nobody signs another browser in as themselves (login CSRF).
const formCookie = "sceau_dev_form"

// login is a form that was shown and not yet sent.
type login struct {
	browser string // SHA-256 of the cookie, as text
	until   time.Time
	request authRequest
}

// authRequest is a valid authorization request.
type authRequest struct {
	redirect  string
	state     string
	nonce     string
	challenge string
	audience  []string
	offline   bool // the scope offline_access: refresh tokens
}

// grant is what a code stands for.
type grant struct {
	request authRequest
	account string
	sid     string // one sign-in
	at      time.Time
}

// authorize checks the request and shows the form. Until the redirect URI is
// known to be ours, a fault is shown here and redirects nowhere.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	for _, key := range []string{"client_id", "redirect_uri", "response_type", "scope", "state", "nonce", "code_challenge", "code_challenge_method", "prompt", "max_age"} {
		if len(q[key]) > 1 { // RFC 6749, 3.1: parameters at most once
			s.fault(w, http.StatusBadRequest, "La demande de connexion répète un paramètre.")
			return
		}
	}
	redirect := q.Get("redirect_uri")
	if q.Get("client_id") != ClientID || !s.redirectAllowed(redirect) {
		s.fault(w, http.StatusBadRequest, "L'application qui demande la connexion n'est pas connue.")
		return
	}
	req := authRequest{
		redirect: redirect, state: q.Get("state"), nonce: q.Get("nonce"),
		challenge: q.Get("code_challenge"), audience: q["audience"],
		offline: slices.Contains(strings.Fields(q.Get("scope")), "offline_access"),
	}
	if code, why := checkRequest(q); code != "" {
		s.redirectBack(w, r, req, url.Values{"error": {code}, "error_description": {why}})
		return
	}
	if len(req.audience) == 0 {
		req.audience = []string{AudienceStaff, AudienceCustodian}
	}
	browser := randomText(32)
	id := randomText(32)
	now := s.cfg.Now()
	if !s.keep(id, login{browser: digest(browser), until: now.Add(loginTTL), request: req}, now) {
		s.fault(w, http.StatusServiceUnavailable, "Trop de connexions en cours. Réessayez dans quelques minutes.")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: formCookie, Value: browser, Path: "/login", HttpOnly: true,
		SameSite: http.SameSiteStrictMode, MaxAge: int(loginTTL.Seconds()),
	})
	s.form(w, http.StatusOK, formPage{ID: id, redirect: redirect})
}

// checkRequest returns an OAuth error code, or "" when the request is fine.
func checkRequest(q url.Values) (code, why string) {
	switch {
	case q.Get("response_type") != "code":
		return "unsupported_response_type", "only the code flow is served"
	case !slices.Contains(strings.Fields(q.Get("scope")), "openid"):
		return "invalid_scope", "the scope openid is required"
	case q.Get("state") == "":
		return "invalid_request", "a state is required"
	case slices.Contains(strings.Fields(q.Get("prompt")), "none"):
		return "login_required", "everybody fills in the form, every time"
	case q.Get("code_challenge_method") != "S256":
		return "invalid_request", "PKCE with S256 is required"
	case !isChallenge(q.Get("code_challenge")):
		return "invalid_request", "code_challenge is not the base64url of a SHA-256"
	}
	for _, a := range q["audience"] {
		if a != AudienceStaff && a != AudienceCustodian {
			return "invalid_target", "unknown audience"
		}
	}
	return "", ""
}

func isChallenge(s string) bool {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(raw) == sha256.Size
}

// login takes the form: the right account and password of an open form give
// a code; anything else gives the form again, with one sentence for all causes.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.fault(w, http.StatusBadRequest, "Le formulaire est illisible.")
		return
	}
	id, account, password := r.PostForm.Get("form"), r.PostForm.Get("account"), r.PostForm.Get("password")
	now := s.cfg.Now()
	s.mu.Lock()
	l, ok := s.logins[id]
	s.mu.Unlock()
	cookie, err := r.Cookie(formCookie)
	if !ok || err != nil || l.until.Before(now) ||
		subtle.ConstantTimeCompare([]byte(digest(cookie.Value)), []byte(l.browser)) != 1 {
		s.fault(w, http.StatusBadRequest, "Ce formulaire n'est plus valable. Recommencez la connexion.")
		return
	}
	page := formPage{ID: id, Account: account, redirect: l.request.redirect}
	switch s.check(account, password, now) {
	case checkThrottled:
		w.Header().Set("Retry-After", "10")
		page.Error = "Trop d'essais. Attendez dix secondes, puis réessayez."
		s.form(w, http.StatusTooManyRequests, page)
		return
	case checkWrong:
		page.Error = "Compte ou mot de passe incorrect. Vérifiez-les, puis réessayez."
		s.form(w, http.StatusUnauthorized, page)
		return
	}
	code := randomText(32)
	s.mu.Lock()
	_, still := s.logins[id] // a form sent twice gives one code
	delete(s.logins, id)
	if still {
		s.codes[code] = grant{request: l.request, account: account, sid: randomText(16), at: now}
	}
	s.mu.Unlock()
	if !still {
		s.fault(w, http.StatusBadRequest, "Ce formulaire n'est plus valable. Recommencez la connexion.")
		return
	}
	s.redirectBack(w, r, l.request, url.Values{"code": {code}})
}

// redirectBack answers the client, with its state and with the issuer's name
// (RFC 9207) against mix-up.
func (s *Server) redirectBack(w http.ResponseWriter, r *http.Request, req authRequest, v url.Values) {
	u, err := url.Parse(req.redirect)
	if err != nil {
		s.fault(w, http.StatusBadRequest, "L'application qui demande la connexion n'est pas connue.")
		return
	}
	q := u.Query()
	for k := range v {
		q.Set(k, v.Get(k))
	}
	if req.state != "" {
		q.Set("state", req.state)
	}
	q.Set("iss", s.URL)
	u.RawQuery = q.Encode()
	http.Redirect(w, r, u.String(), http.StatusSeeOther)
}

// keep stores an open form, forgets what is over, and refuses to grow without
// bound.
func (s *Server) keep(id string, l login, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, v := range s.logins {
		if v.until.Before(now) {
			delete(s.logins, k)
		}
	}
	for k, g := range s.codes {
		if g.at.Add(codeTTL).Before(now) {
			delete(s.codes, k)
		}
	}
	if len(s.logins)+len(s.codes) >= maxPending {
		return false
	}
	s.logins[id] = l
	return true
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
