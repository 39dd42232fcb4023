package signin

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web/page"
)

// errNone means that the browser has no session, or one that is over.
var errNone = errors.New("nobody is signed in")

// errChoosing means that an account with several roles has not chosen one yet.
var errChoosing = errors.New("a role is still to be chosen")

// record is what is sealed for one browser.
type record struct {
	Access  string    `json:"access"`
	Refresh string    `json:"refresh,omitempty"`
	ID      string    `json:"id,omitempty"` // the ID token, to sign out at the provider
	Got     time.Time `json:"got"`          // the access token
	Expires time.Time `json:"expires"`

	Actor audit.Actor `json:"actor"`          // zero until a role is chosen
	Back  string      `json:"back,omitempty"` // where to lead once it is
}

// opened is a browser's session as one request sees it.
type opened struct {
	record
	base  context.Context // of the request
	ctx   context.Context // with what scs has loaded
	token string          // the cookie
	row   *row
	ends  time.Time
}

func (o *opened) id() [32]byte { return sha256.Sum256([]byte(o.token)) }

const recordKey = "r"

// open finds the session of a cookie. The error is errNone or pgstore.ErrDatabase.
func (s *SignIn) open(ctx context.Context, token string) (*opened, error) {
	if len(token) != 43 { // 32 bytes in base64url
		return nil, errNone
	}
	o := &opened{base: ctx, token: token, row: &row{}}
	var err error
	o.ctx, err = s.sessions.Load(context.WithValue(ctx, rowKey{}, o.row), token)
	if err != nil {
		return nil, fmt.Errorf("opening a web session: %w", err)
	}
	o.ends = s.sessions.Deadline(o.ctx)
	text := s.sessions.GetBytes(o.ctx, recordKey)
	// The deadline within the seal counts: who can write the database could put off the other.
	if text == nil || !s.cfg.Now().Before(o.ends) || json.Unmarshal(text, &o.record) != nil {
		return nil, errNone
	}
	return o, nil
}

// of finds the session of a request's browser.
func (s *SignIn) of(r *http.Request) (*opened, error) {
	c, err := r.Cookie(s.sessions.Cookie.Name)
	if err != nil {
		return nil, errNone
	}
	return s.open(r.Context(), c.Value)
}

// begin stores a new session for at most limit and gives the browser its cookie. The id
// is always new: nobody can have known it before (session fixation).
func (s *SignIn) begin(w http.ResponseWriter, r *http.Request, rec record, limit time.Duration) error {
	text, err := json.Marshal(rec)
	if err != nil {
		return fmt.Errorf("beginning a web session: %w", err)
	}
	ctx, err := s.sessions.Load(context.WithValue(r.Context(), rowKey{}, &row{}), "")
	if err != nil {
		return fmt.Errorf("beginning a web session: %w", err)
	}
	s.sessions.SetDeadline(ctx, s.cfg.Now().Add(limit))
	s.sessions.Put(ctx, recordKey, text)
	token, expires, err := s.sessions.Commit(ctx)
	if err != nil {
		return fmt.Errorf("beginning a web session: %w", err)
	}
	s.sessions.WriteSessionCookie(ctx, w, token, expires)
	return nil
}

// end forgets a session, here and in the browser.
func (s *SignIn) end(w http.ResponseWriter, o *opened) error {
	s.forgetCookie(w, o.ctx)
	if err := s.sessions.Destroy(o.ctx); err != nil {
		return fmt.Errorf("ending a web session: %w", err)
	}
	return nil
}

func (s *SignIn) forgetCookie(w http.ResponseWriter, ctx context.Context) {
	s.sessions.WriteSessionCookie(ctx, w, "", time.Time{})
}

// why is why somebody is not signed in any more, as a page tells it.
type why string

const (
	whyEnded     why = "ended"
	whySuspended why = "suspended"
	whyChanged   why = "changed"
	whyChoosing  why = "choosing"
)

type whyKey struct{}

func whyOf(ctx context.Context) why { w, _ := ctx.Value(whyKey{}).(why); return w }

// Session turns a browser's cookie into the Authorization and the Sceau-Role of the API,
// and tells the pages who is there. A program that brings an Authorization of its own gets
// no cookie's; a page gets nothing but the cookie's.
func (s *SignIn) Session(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		api := strings.HasPrefix(r.URL.Path, "/api/")
		switch {
		case page.InProcess(r.Context()), strings.HasPrefix(r.URL.Path, "/static/"), r.URL.Path == "/healthz", r.URL.Path == "/readyz":
			next.ServeHTTP(w, r)
			return
		case api && (r.Header.Get("Authorization") != "" || r.Header.Get("Sec-Fetch-Site") != "same-origin"):
			// Of the API only what the face's own pages ask for is asked with the cookie.
			next.ServeHTTP(w, r)
			return
		}
		r = r.Clone(r.Context())
		r.Header.Del("Authorization")
		r.Header.Del("Sceau-Role")
		o, err := s.of(r)
		if err == nil && o.Actor.ID != "" {
			err = s.fresh(o)
		} else if err == nil {
			err = errChoosing
		}
		var who page.Session
		if err == nil {
			who, err = s.who(w, r, o, api)
		}
		var over ended
		switch {
		case err == nil:
			r.Header.Set("Authorization", "Bearer "+o.Access)
			r.Header.Set("Sceau-Role", o.Actor.Role)
			r = r.WithContext(page.WithSession(r.Context(), who))
		case errors.As(err, &over):
			s.cfg.Logger.InfoContext(r.Context(), "a web session ended", "why", string(over.why))
			if err := s.end(w, o); err != nil {
				s.cfg.Logger.WarnContext(r.Context(), "a web session is not forgotten", "error", err.Error())
			}
			r = r.WithContext(context.WithValue(r.Context(), whyKey{}, over.why))
		case errors.Is(err, errChoosing):
			r = r.WithContext(context.WithValue(r.Context(), whyKey{}, whyChoosing))
		case errors.Is(err, errNone):
			if c, err := r.Cookie(s.sessions.Cookie.Name); err == nil && c.Value != "" {
				r = r.WithContext(context.WithValue(r.Context(), whyKey{}, whyEnded))
			}
		default:
			s.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ended is the error of a session that is over for good.
type ended struct{ why }

func (e ended) Error() string { return "the session is over: " + string(e.why) }

// who asks, at every request, whether the session may still do anything: of the API's,
// the API asks.
func (s *SignIn) who(w http.ResponseWriter, r *http.Request, o *opened, api bool) (page.Session, error) {
	out := page.Session{EndsAt: o.ends}
	if !api {
		claims, err := s.cfg.Tokens.Verify(r.Context(), o.Access)
		if err == nil {
			var found pgstore.Session
			found, err = s.cfg.Sessions.Of(r.Context(), claims, o.Actor.Role)
			out.Person = page.Person{ID: found.Actor.ID, Name: found.Name, Role: found.Actor.Role, Unit: claims.Unit}
		}
		if err != nil {
			return out, over(err)
		}
	}
	if personal(r) {
		if o.row.idle > activeEvery {
			if err := s.cfg.Store.Active(r.Context(), o.id(), s.cfg.Idle); err != nil {
				return out, err
			}
		}
		o.row.idle = 0
	}
	if o.Refresh == "" && o.Expires.Before(out.EndsAt) {
		out.EndsAt = o.Expires
	}
	now := s.cfg.Now()
	out.IdleAt = now.Add(s.cfg.Idle - o.row.idle)
	out.Left = min(out.IdleAt.Sub(now), out.EndsAt.Sub(now))
	// How long, and not until when: the desk's clock may be wrong.
	w.Header().Set("Sceau-Session-Left", strconv.Itoa(int(out.Left/time.Second)))
	return out, nil
}

// activeEvery is how often it is noted that somebody is there.
const activeEvery = time.Second

// over tells what ends a session from what only cannot be asked now.
func over(err error) error {
	switch {
	case errors.Is(err, pgstore.ErrSuspended):
		return ended{whySuspended}
	case errors.Is(err, pgstore.ErrEnded), errors.Is(err, staff.ErrExpired):
		return ended{whyEnded}
	case errors.Is(err, pgstore.ErrRole), errors.Is(err, pgstore.ErrChanged), errors.Is(err, pgstore.ErrAltered), errors.Is(err, staff.ErrInvalid),
		errors.Is(err, staff.ErrNoRole), errors.Is(err, staff.ErrRoleAmbiguous):
		return ended{whyChanged}
	}
	return err
}

// personal says whether a person did something: went to a page, or sent one. What a
// page asks for by itself (a poll, a stream, a fragment) keeps no session alive.
func personal(r *http.Request) bool {
	if r.Header.Get("Sceau-Background") != "" {
		return false
	}
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return true
	}
	if strings.HasPrefix(r.URL.Path, "/api/") || strings.HasPrefix(r.URL.Path, "/signin") {
		return false // a page whose time is over leads to signing in by itself
	}
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return r.Header.Get("HX-Request") == ""
}

// refuse answers what cannot be decided now: nothing is let through.
func (s *SignIn) refuse(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(r.Context().Err(), context.Canceled) {
		// The browser gave the request up: nobody is to blame, and nobody reads an answer.
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	s.cfg.Logger.WarnContext(r.Context(), "signing in or a session cannot be looked at", "error", err.Error())
	code := "service.failed"
	switch {
	case errors.Is(err, staff.ErrIssuerDown):
		code = "issuer.unavailable"
	case errors.Is(err, pgstore.ErrDatabase):
		code = "postgres.unavailable"
	}
	s.shell.Refuse(w, r, code)
}
