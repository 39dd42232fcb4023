package signin

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web/page"
)

// Pages lists the pages of signing in and out, and answers for the shell whoever is not
// signed in.
func (s *SignIn) Pages(shell *page.Shell) []page.Route {
	s.shell = shell
	shell.SignedOut = s.signedOut
	anyone := []string{page.Anyone}
	const get, post = http.MethodGet, http.MethodPost
	return []page.Route{
		{Method: get, Path: "/", Who: anyone, Handle: s.root},
		{Method: get, Path: "/signin", Who: anyone, Handle: s.ask},
		{Method: get, Path: "/signin/callback", Who: anyone, Handle: s.callback},
		{Method: get, Path: "/signin/choose", Who: anyone, Handle: s.chooseForm},
		{Method: post, Path: "/signin/choose", Who: anyone, Handle: s.choose},
		{Method: get, Path: "/signin/left", Who: anyone, Handle: s.left},
		{Method: post, Path: "/signin/stay", Who: anyone, Handle: s.stay},
		{Method: get, Path: "/signin/out", Who: anyone, Handle: s.out},
		{Method: post, Path: "/signout", Who: anyone, Handle: s.signOut},
		{Method: post, Path: "/signout/everywhere", Who: anyone, Handle: s.signOutEverywhere},
	}
}

// root leads everybody to where they work.
func (s *SignIn) root(w http.ResponseWriter, r *http.Request) {
	if role := page.SessionOf(r.Context()).Role; role != "" {
		http.Redirect(w, r, home(role), http.StatusSeeOther)
		return
	}
	s.signedOut(w, r)
}

// ask is the way to the provider: at once, when a role is said (an empty one is any).
func (s *SignIn) ask(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Has("role") {
		s.start(w, r)
		return
	}
	s.root(w, r) // whose session goes on in another window is led on
}

// signedOut answers whoever is not signed in, or not any more. What they sent is not
// kept: it could be read by the next person at this desk.
func (s *SignIn) signedOut(w http.ResponseWriter, r *http.Request) {
	why, l := whyOf(r.Context()), s.shell.Lang(r)
	if r.Header.Get("HX-Request") != "" {
		w.Header().Set("HX-Refresh", "true") // the page asks again, as a whole
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	sent := r.Method != http.MethodGet && r.Method != http.MethodHead
	if why == whyChoosing && !sent {
		http.Redirect(w, r, "/signin/choose", http.StatusSeeOther)
		return
	}
	status, to := http.StatusUnauthorized, ""
	switch {
	case sent:
	case r.URL.Path == "/", r.URL.Path == "/signin":
		status, to = http.StatusOK, back(r.URL.Query().Get("back"))
	default:
		to = back(r.URL.RequestURI())
	}
	v := s.view(r, l.T("Connexion", "Sign in"))
	s.shell.Render(w, r, status, signInPage(v, why, sent, to))
}

// view is of a page for somebody who is not signed in, whoever was a moment ago.
func (s *SignIn) view(r *http.Request, title string) page.View {
	v := s.shell.View(r, title)
	v.Session, v.Nav, v.Events = page.Session{}, nil, ""
	if r.URL.Path == "/signin/callback" {
		v.Path = "/signin" // no link repeats a code
	}
	return v
}

// trouble tells why a sign-in came to nothing, and leads to another.
func (s *SignIn) trouble(w http.ResponseWriter, r *http.Request, err error) {
	s.troubleWith(w, r, err, "")
}

// troubleWith knows the ID token of the sign-in, too: the way out of the provider's session.
func (s *SignIn) troubleWith(w http.ResponseWriter, r *http.Request, err error, idToken string) {
	l, status := s.shell.Lang(r), http.StatusForbidden
	var what, elsewhere string
	switch {
	case errors.Is(err, errFlow):
		status = http.StatusBadRequest
		what = l.T("Cette connexion n'est plus valable\u00a0: elle a déjà servi, elle a duré trop longtemps, ou elle a commencé dans un autre navigateur.",
			"This sign-in is not valid any more: it was used, it took too long, or it began in another browser.")
	case errors.Is(err, errOver):
		what = l.T("Le fournisseur d'identité n'a pas terminé la connexion.", "The identity provider did not complete the sign-in.")
	case errors.Is(err, errTokens):
		status = http.StatusBadGateway
		what = l.T("Le fournisseur d'identité a répondu, mais pas comme ce service en a besoin. Prévenez la personne qui exploite le service\u00a0: le journal dit ce qui manque.",
			"The identity provider answered, but not as this service needs it. Tell whoever runs the service: its log says what is missing.")
	case errors.Is(err, staff.ErrNoRole), errors.Is(err, staff.ErrRoleAmbiguous):
		what = l.T("Votre compte n'a aucun rôle dans ce service. Demandez-le à la personne qui gère les comptes.",
			"Your account has no role in this service. Ask whoever manages accounts for one.")
	case errors.Is(err, pgstore.ErrSuspended):
		what = l.T("Vous êtes suspendu\u00a0: aucun de vos comptes n'entre ici. Adressez-vous à votre hiérarchie.",
			"You are suspended: none of your accounts gets in here. Ask your superiors.")
	case errors.Is(err, pgstore.ErrEnded), errors.Is(err, pgstore.ErrRole):
		what = l.T("Le fournisseur d'identité a rendu une session qui est déjà terminée ici, ou qui y a un autre rôle. Déconnectez-vous aussi chez lui, puis recommencez.",
			"The identity provider gave back a session that has ended here, or that has another role here. Sign out there too, then try again.")
		elsewhere = s.provider.leave(r.Context(), idToken)
	case errors.Is(err, pgstore.ErrChanged), errors.Is(err, pgstore.ErrAltered):
		what = l.T("Ce que le fournisseur d'identité dit de votre compte contredit ce qui est connu ici. Prévenez la personne qui exploite le service.",
			"What the identity provider says of your account contradicts what is known here. Tell whoever runs the service.")
	default:
		s.refuse(w, r, err)
		return
	}
	s.cfg.Logger.WarnContext(r.Context(), "a sign-in came to nothing", "error", err.Error())
	s.shell.Render(w, r, status, troublePage(s.view(r, l.T("Connexion impossible", "Not signed in")), what, elsewhere))
}

// left is asked by a page whose time seems over: the answer's header says how long the
// session goes on, since somebody may be at work in another window of it.
func (s *SignIn) left(w http.ResponseWriter, r *http.Request) {
	if page.SessionOf(r.Context()).ID == "" {
		s.signedOut(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// stay keeps the session of somebody who is there; the middleware has noted it.
func (s *SignIn) stay(w http.ResponseWriter, r *http.Request) {
	now := page.SessionOf(r.Context())
	if now.ID == "" {
		s.signedOut(w, r)
		return
	}
	if !strings.Contains(r.Header.Get("Accept"), "application/json") {
		http.Redirect(w, r, home(now.Role), http.StatusSeeOther)
		return
	}
	w.WriteHeader(http.StatusNoContent) // its header says how long
}

// leave ends the session of the API, and with it what the custodian has open for it,
// and tells the provider. The error is the database's: what the provider
// does not hear of ends by itself.
func (s *SignIn) leave(ctx context.Context, o *opened) error {
	if o.Actor.ID != "" {
		if err := s.cfg.Sessions.SignOut(ctx, o.Actor); err != nil && !errors.Is(err, pgstore.ErrEnded) {
			return err
		}
	}
	return s.forget(ctx, o)
}

// forget has the provider forget the refresh token.
func (s *SignIn) forget(ctx context.Context, o *opened) error {
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	if err := s.provider.revoke(bounded, o.Refresh); err != nil {
		s.cfg.Logger.WarnContext(ctx, "a refresh token is not revoked", "error", err.Error())
	}
	return nil
}

func (s *SignIn) signOut(w http.ResponseWriter, r *http.Request) {
	o, err := s.of(r)
	if err == nil {
		err = s.leave(r.Context(), o)
		if gone := s.end(w, o); err == nil {
			err = gone
		}
	}
	if err != nil && !errors.Is(err, errNone) {
		s.refuse(w, r, err)
		return
	}
	http.Redirect(w, r, "/signin/out", http.StatusSeeOther)
}

// signOutEverywhere ends every session of the account, on whatever machine, and offers to
// end the provider's too. That is a link: the content policy sends no form elsewhere.
func (s *SignIn) signOutEverywhere(w http.ResponseWriter, r *http.Request) {
	o, err := s.of(r)
	if errors.Is(err, errNone) {
		s.signedOut(w, r)
		return
	}
	if err == nil && o.Actor.ID != "" {
		err = s.cfg.Sessions.SignOutEverywhere(r.Context(), o.Actor)
	}
	if err == nil {
		err = s.forget(r.Context(), o)
	}
	if err == nil {
		err = s.end(w, o)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	s.shell.Render(w, r, http.StatusOK, outPage(s.view(r, s.shell.Lang(r).T("Déconnecté partout", "Signed out everywhere")), true, s.provider.leave(r.Context(), o.ID)))
}

func (s *SignIn) out(w http.ResponseWriter, r *http.Request) {
	s.shell.Render(w, r, http.StatusOK, outPage(s.view(r, s.shell.Lang(r).T("Déconnecté", "Signed out")), false, ""))
}

// capital begins what stands alone.
func capital(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}
