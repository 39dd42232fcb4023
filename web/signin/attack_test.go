package signin

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// halfway goes through the provider's form and stops before the face hears of it: the
// address that the provider sends the browser to.
func (b *browser) halfway(account, query string) *url.URL {
	b.Helper()
	b.stopAt(b.url + "/signin/callback")
	defer b.stopAt("")
	_, form := b.get("/signin?" + query)
	b.login(account, form)
	at, err := b.last.Location()
	if err != nil || at.Query().Get("code") == "" {
		b.Fatalf("no code: %v, %v", at, err)
	}
	return at
}

// TestAnAnswerBelongsToOneSignIn: forged, replayed and mixed-up answers of the provider
// sign nobody in.
func TestAnAnswerBelongsToOneSignIn(t *testing.T) {
	w := newWorld(t)
	with := func(at *url.URL, change func(url.Values)) string {
		q := at.Query()
		change(q)
		return w.url + "/signin/callback?" + q.Encode()
	}
	refused := func(b *browser, what, at string) {
		t.Helper()
		if status, text := b.get(at); status < 400 || status >= 500 || strings.Contains(text, "eyJ") || strings.Contains(text, "state%3D") {
			t.Errorf("%s: %d %s", what, status, text)
		}
		if b.here().ID != "" {
			t.Errorf("%s: signed in", what)
		}
	}
	same := func(url.Values) {}

	attacker, victim := w.browser(), w.browser()
	at := attacker.halfway("amal", "role=")
	refused(victim, "login CSRF: another's answer, in a browser without a sign-in", with(at, same))
	at = attacker.halfway("amal", "role=")
	victim.halfway("bruno", "role=")
	refused(victim, "login CSRF: another's answer, in a browser with a sign-in of its own", with(at, same))

	own := attacker.halfway("amal", "role=")
	others := victim.halfway("bruno", "role=")
	refused(attacker, "another's code with one's own state", with(own, func(q url.Values) { q.Set("code", others.Query().Get("code")) }))
	refused(attacker, "one's own code, after that", with(own, same))

	for what, change := range map[string]func(url.Values){
		"without a state":             func(q url.Values) { q.Del("state") },
		"another state":               func(q url.Values) { q.Set("state", random()) },
		"two states":                  func(q url.Values) { q.Add("state", random()) },
		"two codes":                   func(q url.Values) { q.Add("code", "x") },
		"no code":                     func(q url.Values) { q.Del("code") },
		"a code that is none":         func(q url.Values) { q.Set("code", "x") },
		"mix-up: another issuer":      func(q url.Values) { q.Set("iss", "https://attacker.example") },
		"mix-up: no issuer":           func(q url.Values) { q.Del("iss") },
		"mix-up: two issuers":         func(q url.Values) { q.Add("iss", "https://attacker.example") },
		"an error beside the code":    func(q url.Values) { q.Set("error", "access_denied") },
		"an error that is a script":   func(q url.Values) { q.Set("error", "<script>alert(1)</script>"); q.Del("code") },
		"an error in somebody's name": func(q url.Values) { q.Set("error", "x\ny"); q.Set("error_description", "call eyJ") },
	} {
		b := w.browser()
		refused(b, what, with(b.halfway("amal", "role="), change))
	}
	if strings.Contains(w.logs.String(), "script") || strings.Contains(w.logs.String(), "eyJ") {
		t.Error("the log repeats what came from outside")
	}

	b := w.browser()
	at = b.halfway("amal", "role=")
	kept := b.cookie("signin-" + at.Query().Get("state")[:8])
	if status, _ := b.get(with(at, same)); status != http.StatusOK || b.here().ID == "" {
		t.Fatalf("an honest answer: %d", status)
	}
	again := w.browser()
	name := "signin-" + at.Query().Get("state")[:8]
	if b.cookie(name) != "" {
		t.Error("the cookie of a sign-in that is over is still there")
	}
	again.plant(name, kept)
	refused(again, "replayed, with the very cookie", with(at, same))

	late := w.browser()
	at = late.halfway("amal", "role=")
	w.later.Add(int64(flowTime + time.Second))
	refused(late, "too late", with(at, same))
	w.later.Add(-int64(flowTime + time.Second))

	for _, dest := range []string{"image", "iframe", "script"} {
		if status, _ := w.browser().get("/signin?role=", "Sec-Fetch-Dest", dest); status != http.StatusBadRequest {
			t.Errorf("a sign-in that a page's %s began: %d", dest, status)
		}
	}
}

// A provider whose session outlasts a sign-out here, and that does not say which login a
// token is of: nobody comes back by it, and everybody is told the way out.
func TestASessionThatOutlasts(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	w.super(`UPDATE sceau.staff_sessions SET ended_at = now()`)
	// What a provider would give back that has one name for both logins.
	o, err := w.open(t.Context(), b.cookie("staff"))
	w.must(err)
	claims, err := w.cfg.Tokens.Verify(t.Context(), o.Access)
	w.must(err)
	r := httptest.NewRequest(http.MethodGet, "/signin/callback", nil)
	rw := httptest.NewRecorder()
	w.bind(rw, r, o.record, claims, "agent")
	if text := rw.Body.String(); rw.Code != http.StatusForbidden || !strings.Contains(text, w.issuer.URL+"/logout?") || len(rw.Result().Cookies()) != 0 {
		t.Errorf("got %d %s", rw.Code, text)
	}
}

// Two windows of one browser may sign in at the same time.
func TestTwoWindows(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	first, second := b.halfway("amal", "role="), b.halfway("amal", "role=")
	for _, at := range []*url.URL{first, second} {
		if status, _ := b.get(at.String()); status != http.StatusOK || b.here().ID == "" {
			t.Errorf("got %d", status)
		}
	}
	if n := w.count(`SELECT count(*) FROM sceau.staff_sessions WHERE ended_at IS NULL`); n != 1 {
		t.Errorf("%d sessions of one browser", n)
	}
}

func TestFixation(t *testing.T) {
	w := newWorld(t)
	known := random()
	b, attacker := w.browser(), w.browser()
	b.plant("staff", known)
	attacker.plant("staff", known)
	b.signIn("amal", "role=")
	if b.here().ID == "" || b.cookie("staff") == known {
		t.Error("the cookie that was planted is the session's")
	}
	if attacker.here().ID != "" {
		t.Error("who planted a cookie is signed in")
	}
}

func TestWhereItLeads(t *testing.T) {
	for path, want := range map[string]string{
		"/agent": "/agent", "/agent/c/1?x=1": "/agent/c/1?x=1", "": "", "//attacker.example": "", "https://attacker.example/agent": "",
		"/\\attacker.example": "", "/agent\r\nSet-Cookie: x": "", "/agent\tx": "", "agent": "", "javascript:alert(1)": "", "/api/v1/me": "",
		"/signout": "", "/signin/callback": "", "/agent?" + strings.Repeat("x", 1024): "", "/%2fattacker.example": "/%2fattacker.example",
	} {
		if got := back(path); got != want {
			t.Errorf("back to %q: %q, want %q", path, got, want)
		}
	}
	for _, c := range []struct{ role, back, want string }{
		{"agent", "/agent/c/1", "/agent/c/1"}, {"agent", "/supervisor/e/1", "/agent"}, {"agent", "", "/agent"},
		{"supervisor", "/supervisor?x", "/supervisor?x"}, {"supervisor", "/supervisors", "/supervisor"}, {"inspector", "/%2fattacker.example", "/inspector"},
		{"privacy_officer", "/privacy", "/privacy"}, {"psychologist", "/psychologist/c/1", "/psychologist/c/1"}, {"psychologist", "/agent/c/1", "/psychologist"},
	} {
		if got := lead(c.role, c.back); got != c.want {
			t.Errorf("%s, back to %q: %q, want %q", c.role, c.back, got, c.want)
		}
	}
	w := newWorld(t)
	if status, path := w.browser().signIn("amal", "role=&back="+url.QueryEscape("//attacker.example/agent")); status != http.StatusOK || path != "/agent" {
		t.Errorf("%d at %s", status, path)
	}
}

// Tokens that are not for both services, or of a login that nobody asked for again, begin
// nothing.
func TestOtherTokens(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"not for the staff face": func(c *Config) { c.Parameters = []string{"audience=sceau-custodian"} },
		"not for the custodian":  func(c *Config) { c.Parameters = []string{"audience=sceau-staff"} },
		"an earlier login": func(c *Config) {
			now := c.Now
			c.Now = func() time.Time { return now().Add(5 * time.Minute) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, change)
			b := w.browser()
			if status, _ := b.signIn("amal", "role="); status != http.StatusBadGateway || b.cookie("staff") != "" {
				t.Errorf("got %d", status)
			}
			if n := w.count(signedInEntries); n != 0 {
				t.Error("signed in")
			}
		})
	}
}

// TestTheDatabaseHasNoToken: a superuser of the database, or who steals its backup, gets
// no token, and lends nobody's session to another.
func TestTheDatabaseHasNoToken(t *testing.T) {
	w := newWorld(t)
	amal, gilles := w.browser(), w.browser()
	amal.signIn("amal", "role=")
	gilles.signIn("gilles", "role=")
	token, _ := amal.api()

	var all [][]byte
	rows, err := w.db.Super.Query(t.Context(), `SELECT id_sha256, sealed FROM sceau.web_sessions`)
	w.must(err)
	for rows.Next() {
		var id, sealed []byte
		w.must(rows.Scan(&id, &sealed))
		all = append(all, id, sealed)
		// What the thief can derive from what is there opens nothing.
		for _, secret := range []string{string(id), "", string(sealed[:32])} {
			for _, purpose := range []string{sealSession, sealSignIn} {
				if _, err := unseal(secret, purpose, sealed); err == nil {
					t.Error("opened with what lies beside it")
				}
			}
		}
	}
	w.must(rows.Err())
	if len(all) != 4 {
		t.Fatalf("%d columns", len(all))
	}
	stolen := bytes.Join(all, nil)
	for _, planted := range []string{strings.TrimPrefix(token, "Bearer "), "eyJ", "amal", "agent", amal.cookie("staff"), "refresh", w.issuer.URL} {
		if bytes.Contains(stolen, []byte(planted)) {
			t.Errorf("the database has %.12q in clear", planted)
		}
	}
	// In what PostgreSQL writes too: its log of changes holds the same bytes, and no more.
	thief := w.browser()
	for _, b := range all {
		if len(b) == 32 {
			thief.plant("staff", base64.RawURLEncoding.EncodeToString(b))
			if thief.here().ID != "" {
				t.Error("the stored id is a cookie")
			}
		}
	}

	// Rows swapped, moved and copied: each opens with the cookie it was sealed for, or not at all.
	before := sha256.Sum256([]byte(gilles.cookie("staff")))
	w.super(`UPDATE sceau.web_sessions SET sealed = (SELECT sealed FROM sceau.web_sessions WHERE id_sha256 <> $1) WHERE id_sha256 = $1`, before[:])
	if status, _ := gilles.get("/agent"); status != http.StatusUnauthorized {
		t.Errorf("a session with another's content: %d", status)
	}
	mine := random()
	sum := sha256.Sum256([]byte(mine))
	w.super(`INSERT INTO sceau.web_sessions (id_sha256, sealed, expires_at) SELECT $1, sealed, expires_at FROM sceau.web_sessions LIMIT 1`, sum[:])
	thief.plant("staff", mine)
	if thief.here().ID != "" {
		t.Error("a row of one's own with another's content signs in")
	}
	if amal.here().ID == "" {
		t.Error("an honest session does not open any more")
	}
	w.super(`UPDATE sceau.web_sessions SET sealed = set_byte(sealed, 20, get_byte(sealed, 20) # 1)`)
	if amal.here().ID != "" {
		t.Error("an altered session opens")
	}
}

// What cannot be looked at is refused.
func TestFailsClosed(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	w.super(`REVOKE ALL ON sceau.web_sessions FROM sceau_staff`)
	if status, text := b.get("/agent"); status != http.StatusServiceUnavailable {
		t.Errorf("sessions cannot be read: %d %s", status, text)
	}
	if status, _ := b.get("/api/v1/echo", "Sec-Fetch-Site", "same-origin"); status != http.StatusServiceUnavailable {
		t.Errorf("sessions cannot be read, of the API: %d", status)
	}
	if status, _ := b.post("/signout", nil); status != http.StatusServiceUnavailable {
		t.Errorf("signing out, which was not done: %d", status)
	}
	w.super(`GRANT SELECT, INSERT, UPDATE, DELETE ON sceau.web_sessions TO sceau_staff`)
	if b.here().ID == "" {
		t.Error("the session did not survive it")
	}
	w.super(`REVOKE SELECT ON sceau.staff_sessions FROM sceau_staff`)
	if status, _ := b.get("/agent"); status != http.StatusServiceUnavailable {
		t.Errorf("the person cannot be looked up: %d", status)
	}
}
