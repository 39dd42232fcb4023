package signin

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/staff/pgstore"
)

// TestRenewal: a token is renewed before it ends, once however many ask in however many
// processes, and stays of the same session.
func TestRenewal(t *testing.T) {
	for name, after := range map[string]time.Duration{"before its end": 14 * time.Minute, "after its end": 16 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn("amal", "role=")
			first, _ := b.api()
			server := httptest.NewUnstartedServer(nil)
			other := "http://" + server.Listener.Addr().String()
			w.process(server)
			elsewhere := &browser{world: w, http: b.http, at: other} // cookies know no port

			w.forward(5 * time.Minute)
			if again, _ := b.api(); again != first {
				t.Error("renewed with ten minutes left")
			}
			w.forward(after - 5*time.Minute)
			var all sync.WaitGroup
			for i := range 16 {
				all.Go(func() {
					who := *[]*browser{b, elsewhere}[i%2]
					if status, text := who.get("/agent"); status != http.StatusOK {
						t.Errorf("one of many: %d %s", status, text)
					}
				})
			}
			all.Wait()
			second, _ := b.api()
			if second == first {
				t.Fatal("not renewed")
			}
			if n := w.count(`SELECT generation FROM sceau.web_sessions`); n != 2 {
				t.Errorf("renewed %d times", n-1)
			}
			if n := w.count(signedInEntries); n != 1 {
				t.Errorf("%d sessions of one sign-in", n)
			}
			// Nobody used a refresh token twice: the provider renews once more.
			w.forward(14 * time.Minute)
			if third, _ := b.api(); third == second {
				t.Error("the provider does not renew any more")
			}
		})
	}
}

// What the provider gave goes on once a role was chosen.
func TestRenewalAfterChoosing(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("ines", "role=")
	if status, _ := b.post("/signin/choose", url.Values{"role": {"supervisor"}}); status != http.StatusOK {
		t.Fatalf("choosing: %d", status)
	}
	first, _ := b.api()
	w.forward(14 * time.Minute)
	if second, role := b.api(); second == first || second == "" || role != "supervisor" {
		t.Errorf("not renewed, or not as supervisor: %q", role)
	}
}

// Who steals a refresh token and uses it ends the sign-in, for both.
func TestAStolenRefreshToken(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	o, err := w.open(t.Context(), b.cookie("staff"))
	w.must(err)
	res, err := http.PostForm(w.issuer.URL+"/token", url.Values{"grant_type": {"refresh_token"}, "client_id": {devissuer.ClientID}, "refresh_token": {o.Refresh}})
	w.must(err)
	w.must(res.Body.Close())
	http.DefaultClient.CloseIdleConnections()
	w.forward(14 * time.Minute)
	if status, text := b.get("/agent"); status != http.StatusUnauthorized || !strings.Contains(text, "terminée") {
		t.Errorf("got %d %s", status, text)
	}
	if n := w.count(`SELECT count(*) FROM sceau.web_sessions`); n != 0 {
		t.Error("the session is kept")
	}
}

func TestWithoutARefreshToken(t *testing.T) {
	w := newWorld(t, func(c *Config) { c.Scopes = nil })
	b := w.browser()
	b.signIn("amal", "role=")
	if ends := time.Until(b.here().EndsAt); ends > 15*time.Minute {
		t.Errorf("ends in %v", ends)
	}
	w.forward(14*time.Minute + 30*time.Second)
	if status, _ := b.get("/agent"); status != http.StatusOK {
		t.Errorf("while the token is good: %d", status)
	}
	w.forward(time.Minute)
	if status, _ := b.get("/agent"); status != http.StatusUnauthorized {
		t.Errorf("after its end: %d", status)
	}
}

// A provider that is away for a while costs nobody their session.
func TestTheProviderIsAway(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	at := w.issuer.URL
	w.SignIn.provider.mu.Lock()
	w.SignIn.provider.found.TokenURL = "http://127.0.0.1:1/token"
	w.SignIn.provider.mu.Unlock()
	w.forward(14 * time.Minute)
	if status, _ := b.get("/agent"); status != http.StatusOK {
		t.Errorf("with a token that is still good: %d", status)
	}
	w.forward(2 * time.Minute)
	w.super(`UPDATE sceau.web_sessions SET renewing_until = NULL`)
	if status, text := b.get("/agent"); status != http.StatusServiceUnavailable || !strings.Contains(text, "issuer.unavailable") {
		t.Errorf("with a token that has ended: %d %s", status, text)
	}
	w.SignIn.provider.mu.Lock()
	w.SignIn.provider.found.TokenURL = at + "/token"
	w.SignIn.provider.mu.Unlock()
	w.super(`UPDATE sceau.web_sessions SET renewing_until = NULL`)
	if status, _ := b.get("/agent"); status != http.StatusOK {
		t.Errorf("once it is back: %d", status)
	}
}

// What is signed out while it is renewed stays signed out.
func TestSignedOutWhileRenewed(t *testing.T) {
	w := newWorld(t)
	b := w.browser()
	b.signIn("amal", "role=")
	w.forward(14 * time.Minute)
	o, err := w.open(t.Context(), b.cookie("staff"))
	w.must(err)
	w.must(w.cfg.Store.End(t.Context(), o.id()))
	next := o.record
	next.Access = "another"
	if err := w.store(o.ctx, o, next); err == nil || err.Error() != (ended{whyEnded}).Error() {
		t.Errorf("stored what was signed out: %v", err)
	}
	if _, err := w.cfg.Store.Find(t.Context(), o.id(), time.Hour); err != pgstore.ErrNoWebSession {
		t.Errorf("it came back: %v", err)
	}
}

// Two processes that have read the same token: the second finds what the first renewed, and
// uses nothing twice.
func TestTwoProcessesRenew(t *testing.T) {
	for name, after := range map[string]time.Duration{"before its end": 14 * time.Minute, "after its end": 16 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			b := w.browser()
			b.signIn("amal", "role=")
			other := w.process(httptest.NewUnstartedServer(nil))
			w.forward(after)
			mine, err := w.open(t.Context(), b.cookie("staff"))
			w.must(err)
			theirs, err := other.open(t.Context(), b.cookie("staff"))
			w.must(err)
			old := mine.Access
			w.must(w.fresh(mine))
			w.must(other.fresh(theirs))
			if mine.Access == old || after > 15*time.Minute && theirs.Access != mine.Access {
				t.Error("what was renewed is not what is used")
			}
			w.forward(14 * time.Minute)
			if b.here().ID == "" {
				t.Error("the sign-in has ended: a refresh token was used twice")
			}
		})
	}
}
