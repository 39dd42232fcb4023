package signin

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/staff/pgstore"
)

const signedInEntries = `SELECT count(*) FROM sceau.entries WHERE action = 'staff.signed_in'`

func TestSigningIn(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	if status, text := b.get("/agent?x=1"); status != http.StatusUnauthorized || !strings.Contains(text, "/signin?back=%2Fagent%3Fx%3D1&amp;role=") {
		t.Fatalf("a page for nobody: %d %s", status, text)
	}
	if status, path := b.signIn("amal", "role=&back=%2Fagent%3Fx%3D1"); status != http.StatusOK || path != "/agent?x=1" {
		t.Fatalf("%d at %s", status, path)
	}
	who := b.here()
	if who.Name != "Amal Haddad" || who.Role != "agent" || who.Unit != "rennes" || !strings.HasPrefix(who.ID, "s-") {
		t.Errorf("the pages see %+v", who)
	}
	if idle := time.Until(who.IdleAt); idle < 14*time.Minute || idle > 15*time.Minute {
		t.Errorf("idle in %v", idle)
	}
	if ends := time.Until(who.EndsAt); ends < 9*time.Hour || ends > 10*time.Hour {
		t.Errorf("ends in %v", ends)
	}
	if n := w.count(signedInEntries); n != 1 {
		t.Errorf("%d entries", n)
	}

	token, role := b.api()
	if !strings.HasPrefix(token, "Bearer eyJ") || role != "agent" {
		t.Errorf("the API gets %.20q, %q", token, role)
	}
	for name, headers := range map[string][]string{
		"another site":       {"Sec-Fetch-Site", "cross-site"},
		"a neighbour":        {"Sec-Fetch-Site", "same-site"},
		"who does not say":   {"Sec-Fetch-Site", ""},
		"an address bar":     {"Sec-Fetch-Site", "none"},
		"a role of its own":  {"Sec-Fetch-Site", "cross-site", "Sceau-Role", "supervisor"},
		"a token of its own": {"Authorization", "Bearer mine"},
	} {
		token, _ := b.api(headers...)
		if strings.Contains(token, "eyJ") {
			t.Errorf("%s asks the API with the cookie", name)
		}
	}
	if status, _ := w.browser().get("/agent", "Authorization", token, "Sceau-Role", "agent"); status != http.StatusUnauthorized {
		t.Errorf("a page took a bearer token: %d", status)
	}
	if _, role := b.api("Sceau-Role", "supervisor"); role != "agent" {
		t.Errorf("a role that the page asks for: %q", role)
	}
}

func TestTheCookieTellsNothing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.stopAt(w.url + "/agent")
	b.signIn("amal", "role=")
	var seen int
	for _, c := range b.came.Cookies() {
		if c.Name == "staff" {
			seen++
			if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.MaxAge != 0 || !c.Expires.IsZero() || len(c.Value) != 43 || c.Domain != "" {
				t.Errorf("cookie %+v", c)
			}
		}
	}
	if seen != 1 {
		t.Errorf("%d session cookies", seen)
	}
	if got := cookieName("https://staff.example.org", "staff"); got != "__Host-staff" {
		t.Errorf("over TLS it is %s", got)
	}
	over, err := New(func() Config { c := w.cfg; c.URL = "https://staff.example.org"; return c }())
	w.must(err)
	if c := over.sessions.Cookie; !c.Secure || c.Name != "__Host-staff" || !over.flowCookie(random()).Secure {
		t.Errorf("over TLS: %+v", c)
	}
}

func TestOneRoleAtATime(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	status, path := b.signIn("ines", "role=")
	if status != http.StatusOK || path != "/signin/choose" {
		t.Fatalf("%d at %s", status, path)
	}
	before := b.cookie("staff")
	if token, _ := b.api(); token != "" {
		t.Error("the API gets a token before a role was chosen")
	}
	if n := w.count(signedInEntries); n != 0 {
		t.Error("signed in without a role")
	}
	if _, _ = b.get("/agent"); b.last.Request.URL.Path != "/signin/choose" {
		t.Errorf("a page before a role was chosen: %s", b.last.Request.URL)
	}
	if b.post("/signin/choose", url.Values{"role": {"inspector"}}); b.last.Request.URL.Path != "/signin/choose" {
		t.Errorf("a role that the account does not have led to %s", b.last.Request.URL)
	}
	if b.post("/signin/choose", url.Values{"role": {"agent"}}); b.last.Request.URL.Path != "/agent" {
		t.Fatalf("chosen: %s", b.last.Request.URL)
	}
	if b.cookie("staff") == before {
		t.Error("the cookie of before is good for more now")
	}
	other := w.browser()
	other.plant("staff", before)
	if other.here().ID != "" {
		t.Error("who knew the cookie of before is signed in")
	}
	if status, _ := b.post("/signin/choose", url.Values{"role": {"supervisor"}}); status == http.StatusOK && b.here().Role != "agent" {
		t.Error("a session changed its role")
	}

	// Another role is another sign-in, and ends the one before.
	first, _ := b.api()
	if status, path := b.signIn("ines", "role=supervisor"); status != http.StatusOK || path != "/supervisor" {
		t.Fatalf("%d at %s", status, path)
	}
	claims, err := w.cfg.Tokens.Verify(t.Context(), strings.TrimPrefix(first, "Bearer "))
	w.must(err)
	if _, err := w.cfg.Sessions.Known(t.Context(), claims, ""); err != pgstore.ErrEnded {
		t.Errorf("the session of before: %v", err)
	}
	if who := b.here(); who.Role != "supervisor" {
		t.Errorf("acts as %s", who.Role)
	}
	if status, path := w.browser().signIn("jules", "role="); status != http.StatusForbidden {
		t.Errorf("an account without a role: %d at %s", status, path)
	}
	// A role that was asked for and is not there is told by what is there.
	if _, path := w.browser().signIn("amal", "role=supervisor"); path != "/signin/choose" {
		t.Errorf("an agent who wants to be a supervisor: %s", path)
	}
}

func TestIdle(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	age := func(by string) { w.super(`UPDATE sceau.web_sessions SET active_at = active_at - $1::interval`, by) }
	quiet := map[string]func() (int, string){
		"a poll that says so":       func() (int, string) { return b.get("/agent", "Sceau-Background", "1") },
		"a fragment":                func() (int, string) { return b.get("/agent", "HX-Request", "true") },
		"a script's request":        func() (int, string) { return b.get("/agent", "Sec-Fetch-Mode", "cors") },
		"a stream":                  func() (int, string) { return b.get("/api/v1/echo", "Sec-Fetch-Site", "same-origin") },
		"a page whose time is over": func() (int, string) { return b.get("/signin/left", "Sec-Fetch-Mode", "cors") },
		"where it leads then": func() (int, string) {
			b.stopAt(b.at + "/agent")
			defer b.stopAt("")
			return b.get("/signin", "Sec-Fetch-Mode", "navigate")
		},
		"a background act": func() (int, string) { return b.post("/agent", nil, "Sceau-Background", "1") },
	}
	for name, ask := range quiet {
		age("1 minute")
		before := w.count(`SELECT extract(epoch FROM active_at)::bigint FROM sceau.web_sessions`)
		if status, _ := ask(); status >= 400 {
			t.Errorf("%s: %d", name, status)
		}
		if after := w.count(`SELECT extract(epoch FROM active_at)::bigint FROM sceau.web_sessions`); after != before {
			t.Errorf("%s keeps the session alive", name)
		}
	}
	loud := map[string]func() (int, string){
		"a page":       func() (int, string) { return b.get("/agent", "Sec-Fetch-Mode", "navigate") },
		"an old page":  func() (int, string) { return b.get("/agent") },
		"a form":       func() (int, string) { return b.post("/agent", nil) },
		"staying":      func() (int, string) { return b.post("/signin/stay", nil, "Accept", "application/json") },
		"an act":       func() (int, string) { return b.post("/api/v1/echo", nil, "Sec-Fetch-Site", "same-origin") },
		"an htmx form": func() (int, string) { return b.post("/agent", nil, "HX-Request", "true") },
	}
	for name, ask := range loud {
		age("3 minutes")
		if status, text := ask(); status >= 300 {
			t.Errorf("%s: %d %s", name, status, text)
		}
		if since := w.count(`SELECT extract(epoch FROM clock_timestamp() - active_at)::int FROM sceau.web_sessions`); since > 60 {
			t.Errorf("%s does not keep the session alive: %d s", name, since)
		}
		if left, err := strconv.Atoi(b.last.Header.Get("Sceau-Session-Left")); err != nil || left < 14*60 {
			t.Errorf("%s is told to last for %d s, %v", name, left, err)
		}
	}
	age("16 minutes")
	if status, text := b.get("/agent", "HX-Request", "true"); status != http.StatusUnauthorized || b.last.Header.Get("HX-Refresh") != "true" || strings.Contains(text, "<") {
		t.Errorf("a fragment of a session that is over: %d %s", status, text)
	}
	if status, text := b.post("/agent", url.Values{"text": {"what was typed"}}); status != http.StatusUnauthorized || strings.Contains(text, "typed") || !strings.Contains(text, "n&#39;a pas été pris en compte") {
		t.Errorf("a form of a session that is over: %d %s", status, text)
	}
	if status, text := b.get("/agent"); status != http.StatusUnauthorized || !strings.Contains(text, "Votre session s&#39;est terminée") {
		t.Errorf("a page of a session that is over: %d %s", status, text)
	}
	if status, _ := b.post("/signin/stay", nil, "Accept", "application/json"); status != http.StatusUnauthorized {
		t.Errorf("a session that is over stays: %d", status)
	}
	if token, _ := b.api(); token != "" {
		t.Error("the API gets the token of a session that is over")
	}
}

// The absolute limit is under the seal: whoever writes to the database puts nothing off.
func TestTheLimit(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Limit = 10 * time.Minute })
	b := w.browser()
	b.signIn("amal", "role=")
	w.forward(11 * time.Minute)
	w.super(`UPDATE sceau.web_sessions SET expires_at = expires_at + interval '1 year', active_at = now()`)
	if status, _ := b.get("/agent"); status != http.StatusUnauthorized {
		t.Errorf("after its limit: %d", status)
	}
}

func TestSuspended(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	var person string
	w.must(w.db.Super.QueryRow(t.Context(), `SELECT person_id FROM sceau.persons`).Scan(&person))
	log, err := pglog.Open(t.Context(), pglog.Config{Pool: w.db.Pool(t, "sceau_operator"), Via: audit.ViaOperator})
	w.must(err)
	defer log.Close()
	_, err = pgstore.Suspend(t.Context(), log, person, "device_lost")
	w.must(err)
	if status, text := b.get("/agent"); status != http.StatusUnauthorized || !strings.Contains(text, "Vous êtes suspendu") {
		t.Errorf("the next request: %d %s", status, text)
	}
	if b.cookie("staff") != "" || w.count(`SELECT count(*) FROM sceau.web_sessions`) != 0 {
		t.Error("the session is kept")
	}
	if status, _ := b.signIn("amal", "role="); status != http.StatusForbidden {
		t.Errorf("signed in again: %d", status)
	}
}

func TestSigningOut(t *testing.T) {
	w := newWorld(t)
	b, elsewhere := w.browser(), w.browser()
	b.signIn("amal", "role=")
	elsewhere.signIn("amal", "role=")
	token, _ := b.api()
	stolen := w.browser()
	stolen.plant("staff", b.cookie("staff"))
	if status, _ := b.post("/signout", nil, "Sec-Fetch-Site", "cross-site"); status != http.StatusForbidden || b.here().ID == "" {
		t.Errorf("another site signs somebody out: %d", status)
	}
	status, text := b.post("/signout", nil)
	if status != http.StatusOK || b.last.Request.URL.Path != "/signin/out" || !strings.Contains(text, "Vous êtes déconnecté") || b.cookie("staff") != "" {
		t.Fatalf("%d at %s: %s", status, b.last.Request.URL, text)
	}
	claims, err := w.cfg.Tokens.Verify(t.Context(), strings.TrimPrefix(token, "Bearer "))
	w.must(err)
	if _, err := w.cfg.Sessions.Known(t.Context(), claims, ""); err != pgstore.ErrEnded {
		t.Errorf("the session of the API: %v", err)
	}
	if stolen.here().ID != "" {
		t.Error("the cookie works after signing out")
	}
	if elsewhere.here().ID == "" {
		t.Error("signing out here signed out elsewhere")
	}
	if status, _ := b.post("/signout", nil); status != http.StatusOK {
		t.Errorf("signed out already: %d", status)
	}

	b.signIn("amal", "role=")
	status, text = b.post("/signout/everywhere", nil)
	if status != http.StatusOK || !strings.Contains(text, "partout") || !strings.Contains(text, w.issuer.URL+"/logout?") || strings.Contains(text, "Amal Haddad") {
		t.Fatalf("%d: %s", status, text)
	}
	if elsewhere.here().ID != "" || b.here().ID != "" {
		t.Error("somebody is still signed in")
	}
	if n := w.count(`SELECT count(*) FROM sceau.staff_sessions WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d sessions go on", n)
	}
	if n := w.count(`SELECT count(*) FROM sceau.web_sessions`); n != 0 {
		t.Errorf("%d web sessions go on", n)
	}
}
