package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/web/page"
)

const (
	// flowTime is how long somebody may take at the provider.
	flowTime = 10 * time.Minute
	// chooseTime is how long they may take to choose a role.
	chooseTime = 10 * time.Minute
	// clockTolerance is by how much the provider's clock may be behind.
	clockTolerance = time.Minute
)

// flow is a sign-in that is under way. Only the browser that began it has it: whoever
// brings another browser back with its answer, or their own answer to somebody else's
// browser (login CSRF), gets nothing.
type flow struct {
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"` // of PKCE
	Role     string    `json:"role,omitempty"`
	Back     string    `json:"back,omitempty"`
	At       time.Time `json:"at"`
}

// start sends the browser to the provider.
func (s *SignIn) start(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	f := flow{Nonce: random(), Verifier: oauth2.GenerateVerifier(), Back: back(q.Get("back")), At: s.cfg.Now()}
	if role := q.Get("role"); slices.Contains(policy.StaffRoles, role) {
		f.Role = role
	}
	e, err := s.provider.endpoints(r.Context())
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	if d := r.Header.Get("Sec-Fetch-Dest"); d != "" && d != "document" {
		s.trouble(w, r, errFlow) // begun by a picture or a frame, of anybody's page
		return
	}
	state := random()
	kept, err := s.keep(f, state)
	var at string
	if err == nil {
		at, err = s.provider.ask(e, f, state)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	http.SetCookie(w, kept)
	http.Redirect(w, r, at, http.StatusSeeOther)
}

// keep makes the cookie that holds a sign-in: one for each, so that two windows do not
// disturb each other, and sealed under its state, so that no other answer opens it. The
// service keeps nothing of it: anybody can begin as many as they like.
func (s *SignIn) keep(f flow, state string) (*http.Cookie, error) {
	text, err := json.Marshal(f)
	if err != nil {
		return nil, fmt.Errorf("beginning a sign-in: %w", err)
	}
	sealed, err := seal(state, sealSignIn, text)
	if err != nil {
		return nil, fmt.Errorf("beginning a sign-in: %w", err)
	}
	c := s.flowCookie(state)
	c.Value, c.MaxAge = base64.RawURLEncoding.EncodeToString(sealed), int(flowTime.Seconds())
	return c, nil
}

// kept opens what keep made, if the request's browser has it.
func (s *SignIn) kept(r *http.Request, state string) (f flow, err error) {
	c, err := r.Cookie(s.flowCookie(state).Name)
	if err != nil {
		return flow{}, errFlow
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(c.Value)
	if err != nil {
		return flow{}, errFlow
	}
	text, err := unseal(state, sealSignIn, sealed)
	if err != nil || json.Unmarshal(text, &f) != nil || s.cfg.Now().After(f.At.Add(flowTime)) {
		return flow{}, errFlow
	}
	return f, nil
}

// flowCookie is the cookie of a sign-in; as it comes, it ends it. Lax, since the provider
// sends the browser back with it.
func (s *SignIn) flowCookie(state string) *http.Cookie {
	return &http.Cookie{
		Name: cookieName(s.cfg.URL, "signin-"+state[:8]), Path: "/", MaxAge: -1,
		HttpOnly: true, Secure: secure(s.cfg.URL), SameSite: http.SameSiteLaxMode,
	}
}

// errFlow means that what came back answers no sign-in of this browser.
var errFlow = errors.New("no such sign-in of this browser")

// callback takes what the provider sends back.
func (s *SignIn) callback(w http.ResponseWriter, r *http.Request) {
	f, e, err := s.answered(w, r)
	if err != nil {
		s.trouble(w, r, err)
		return
	}
	rec, claims, err := s.redeem(r.Context(), e, f, r.URL.Query().Get("code"))
	if err != nil {
		s.trouble(w, r, err)
		return
	}
	rec.Back = f.Back
	role, err := claims.Role(f.Role)
	switch {
	case len(claims.Roles) == 0:
		s.trouble(w, r, staff.ErrNoRole)
		return
	case err != nil: // several, or another than was asked for
		if err := s.begin(w, r, rec, chooseTime); err != nil {
			s.refuse(w, r, err)
			return
		}
		s.onwards(w, r, "/signin/choose")
		return
	}
	s.bind(w, r, rec, claims, role)
}

// onwards leads on from what the provider sent the browser to. A redirect would still be
// the provider's, and the session's cookie goes with nothing that another site began.
func (s *SignIn) onwards(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Refresh", "0; url="+to)
	s.shell.Render(w, r, http.StatusOK, onwardsPage(s.view(r, s.shell.Lang(r).T("Connexion", "Sign in")), to))
}

// answered finds the sign-in that a request answers, which is over by that for this
// browser; a code that is seen again opens nothing at the provider.
func (s *SignIn) answered(w http.ResponseWriter, r *http.Request) (flow, *endpoints, error) {
	q := r.URL.Query()
	for _, name := range []string{"state", "code", "iss", "error"} {
		if len(q[name]) > 1 {
			return flow{}, nil, errFlow
		}
	}
	state := q.Get("state")
	if len(state) != 43 {
		return flow{}, nil, errFlow
	}
	f, err := s.kept(r, state)
	if err != nil {
		return flow{}, nil, err
	}
	http.SetCookie(w, s.flowCookie(state))
	e, err := s.provider.endpoints(r.Context())
	if err != nil {
		return flow{}, nil, err
	}
	// RFC 9207: the answer of another provider, mixed up with this one's.
	if iss := q.Get("iss"); iss != "" && iss != s.cfg.Issuer || iss == "" && e.NamesSelf {
		return flow{}, nil, fmt.Errorf("%w: another issuer answers", errFlow)
	}
	if failed := q.Get("error"); failed != "" {
		return flow{}, nil, fmt.Errorf("%w: %q", errOver, code(failed))
	}
	if q.Get("code") == "" {
		return flow{}, nil, errFlow
	}
	return f, e, nil
}

// errTokens means that the provider's tokens are not what this service needs: it is
// configured otherwise than docs/operate.md says, or the tokens are somebody else's.
var errTokens = errors.New("the provider's tokens are not as they must be")

// redeem turns a code into a record, and checks each token for whom it is for.
func (s *SignIn) redeem(ctx context.Context, e *endpoints, f flow, code string) (record, staff.Claims, error) {
	none := func(what string, err error) (record, staff.Claims, error) {
		if errors.Is(err, staff.ErrIssuerDown) {
			return record{}, staff.Claims{}, err
		}
		return record{}, staff.Claims{}, fmt.Errorf("%w: %s", errTokens, what)
	}
	tokens, err := s.provider.redeem(ctx, e, code, f.Verifier)
	if err != nil {
		return record{}, staff.Claims{}, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := e.verifier.Verify(ctx, raw)
	if err != nil {
		return none("the ID token is not valid", err)
	}
	var times struct {
		Auth int64 `json:"auth_time"`
	}
	switch err := id.Claims(&times); {
	case err != nil:
		return none("the ID token is not valid", err)
	case id.Nonce != f.Nonce:
		return none("the ID token answers another sign-in", nil)
	case id.AccessTokenHash != "" && id.VerifyAccessToken(tokens.AccessToken) != nil:
		return none("the ID token came with another access token", nil)
	case times.Auth == 0:
		return none("the ID token does not say when the password was given (auth_time)", nil)
	case time.Unix(times.Auth, 0).Before(f.At.Add(-clockTolerance)):
		return none("the provider did not ask for the login again", nil)
	}
	claims, err := s.cfg.Tokens.Verify(ctx, tokens.AccessToken)
	if err != nil {
		return none("the access token is no signed one for the staff face's audience, with a person and a session", err)
	}
	if _, err := s.cfg.Custodian.Verify(ctx, tokens.AccessToken); err != nil {
		return none("the access token is not for the custodian's audience", err)
	}
	if claims.Subject != id.Subject || claims.Issuer != id.Issuer {
		return none("the access token is somebody else's", nil)
	}
	return record{Access: tokens.AccessToken, Refresh: tokens.RefreshToken, ID: raw, Got: s.cfg.Now(), Expires: claims.Expires}, claims, nil
}

// bind begins the session in a role: an entry of the log. Whoever was signed in with this
// browser is signed out.
func (s *SignIn) bind(w http.ResponseWriter, r *http.Request, rec record, claims staff.Claims, role string) {
	found, err := s.cfg.Sessions.Of(r.Context(), claims, role)
	if err != nil {
		s.troubleWith(w, r, err, rec.ID)
		return
	}
	if before, err := s.of(r); err == nil && before.Actor.Session != found.Actor.Session {
		// One that has no role yet is this very sign-in: what the provider gave for it goes on.
		if before.Actor.ID != "" {
			if err := s.leave(r.Context(), before); err != nil {
				s.refuse(w, r, err)
				return
			}
		}
		if err := s.sessions.Destroy(before.ctx); err != nil {
			s.refuse(w, r, err)
			return
		}
	}
	rec.Actor = found.Actor
	to := lead(role, rec.Back)
	rec.Back = ""
	if err := s.begin(w, r, rec, s.cfg.Limit); err != nil {
		s.refuse(w, r, err)
		return
	}
	s.cfg.Logger.InfoContext(r.Context(), "signed in", "role", role, "renewable", rec.Refresh != "")
	s.onwards(w, r, to)
}

// choosing finds the session of somebody who has signed in and has no role yet.
func (s *SignIn) choosing(r *http.Request) (*opened, staff.Claims, error) {
	o, err := s.of(r)
	if err != nil {
		return nil, staff.Claims{}, err
	}
	if o.Actor.ID != "" {
		return nil, staff.Claims{}, errNone
	}
	claims, err := s.cfg.Tokens.Verify(r.Context(), o.Access)
	if errors.Is(err, staff.ErrExpired) || errors.Is(err, staff.ErrInvalid) {
		err = errNone
	}
	return o, claims, err
}

func (s *SignIn) chooseForm(w http.ResponseWriter, r *http.Request) {
	_, claims, err := s.choosing(r)
	switch {
	case errors.Is(err, errNone):
		http.Redirect(w, r, "/", http.StatusSeeOther)
	case err != nil:
		s.refuse(w, r, err)
	default:
		v := s.shell.View(r, s.shell.Lang(r).T("Choisir un rôle", "Choose a role"))
		s.shell.Render(w, r, http.StatusOK, choosePage(v, claims.Name, claims.Roles))
	}
}

func (s *SignIn) choose(w http.ResponseWriter, r *http.Request) {
	o, claims, err := s.choosing(r)
	switch {
	case errors.Is(err, errNone):
		s.signedOut(w, r)
		return
	case err != nil:
		s.refuse(w, r, err)
		return
	}
	role, err := claims.Role(r.PostFormValue("role"))
	if err != nil {
		http.Redirect(w, r, "/signin/choose", http.StatusSeeOther)
		return
	}
	s.bind(w, r, o.record, claims, role)
}

// home is where each role works.
func home(role string) string {
	switch role {
	case policy.RoleAgent:
		return "/agent"
	case policy.RolePsychologist:
		return "/psychologist"
	case policy.RoleSupervisor:
		return "/supervisor"
	case policy.RoleInspector:
		return "/inspector"
	case policy.RolePrivacyOfficer:
		return "/privacy"
	}
	return "/"
}

// lead is where somebody goes once signed in: back, when that is theirs to see.
func lead(role, back string) string {
	h := home(role)
	if rest, ok := strings.CutPrefix(back, h); ok && (rest == "" || rest[0] == '/' || rest[0] == '?') {
		return back
	}
	return h
}

// back is a local path that may be led back to, or "".
func back(path string) string {
	if len(path) > 1024 || page.Local(path) != path || strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/sign") {
		return ""
	}
	return path
}

// random is 32 random bytes in base64url: 43 characters.
func random() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}
