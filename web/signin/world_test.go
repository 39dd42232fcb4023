package signin

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"go.uber.org/goleak"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web/page"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// It waits for the servers that the tests of all packages share.
		goleak.IgnoreAnyFunction("github.com/sceau-project/sceau/internal/keeper.start.func1"))
}

// world is a face with pages of its own, a database and a provider, whose clocks can be
// put forward together.
type world struct {
	*testing.T
	db     *pgtest.DB
	issuer *devissuer.Server
	log    *pglog.Log
	*SignIn
	url   string
	later atomic.Int64 // nanoseconds
	logs  journal
}

type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (w *world) now() time.Time          { return time.Now().Add(time.Duration(w.later.Load())) }
func (w *world) forward(d time.Duration) { w.later.Add(int64(d)) }

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newWorld(t *testing.T, change ...func(*Config)) *world {
	t.Helper()
	w := &world{T: t, db: pgtest.New(t)}
	var err error
	w.issuer, err = devissuer.Start(devissuer.Config{Dir: t.TempDir(), Now: w.now})
	w.must(err)
	t.Cleanup(func() { _ = w.issuer.Close() })
	w.log, err = pglog.Open(t.Context(), pglog.Config{Pool: w.db.Pool(t, "sceau_staff"), Via: audit.ViaStaff})
	w.must(err)
	t.Cleanup(w.log.Close)
	server := httptest.NewUnstartedServer(nil)
	w.url = "http://" + server.Listener.Addr().String()
	w.SignIn = w.process(server, change...)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.logs.String())
		}
	})
	return w
}

func (w *world) verifier(audience string) *staff.Verifier {
	w.Helper()
	v, err := staff.NewVerifier(staff.Config{
		Issuer: w.issuer.URL, Audience: audience, PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name", Now: w.now,
	})
	w.must(err)
	w.Cleanup(v.Close)
	return v
}

// process is one process of the face, on the given server.
func (w *world) process(server *httptest.Server, change ...func(*Config)) *SignIn {
	w.Helper()
	pool := w.db.Pool(w.T, "sceau_staff")
	cfg := Config{
		URL: w.url, Issuer: w.issuer.URL, ClientID: devissuer.ClientID, Scopes: []string{"offline_access"}, Prompt: "login",
		Idle: 15 * time.Minute, Limit: 10 * time.Hour, Tokens: w.verifier("sceau-staff"), Custodian: w.verifier("sceau-custodian"),
		Sessions: pgstore.NewSessions(pool, w.log), Store: pgstore.NewWebSessions(pool), Logger: slog.New(slog.NewTextHandler(&w.logs, nil)), Now: w.now,
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := New(cfg)
	w.must(err)
	w.Cleanup(s.Close)

	r := chi.NewRouter()
	r.Use(http.NewCrossOriginProtection().Handler, s.Session)
	r.HandleFunc("/api/v1/echo", func(rw http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(rw).Encode([]string{r.Header.Get("Authorization"), r.Header.Get("Sceau-Role")})
	})
	shell := &page.Shell{API: r, Refuse: func(rw http.ResponseWriter, _ *http.Request, code string) {
		status := map[string]int{"issuer.unavailable": 503, "postgres.unavailable": 503, "role.not_allowed": 403}[code]
		http.Error(rw, code, max(status, 500*min(1, 1-min(1, status))))
	}}
	tell := func(rw http.ResponseWriter, r *http.Request) {
		_ = json.NewEncoder(rw).Encode(page.SessionOf(r.Context()))
	}
	routes := s.Pages(shell)
	for path, who := range map[string]string{"/agent": "agent", "/supervisor": "supervisor", "/inspector": "inspector"} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			routes = append(routes, page.Route{Method: method, Path: path, Who: []string{who}, Handle: tell})
		}
	}
	shell.Mount(r, routes)
	server.Config.Handler = r
	server.Start()
	w.Cleanup(server.Close)
	return s
}

// browser is somebody's: cookies, and redirects that are followed.
type browser struct {
	*world
	http *http.Client
	at   string // the face
	last *http.Response
	came *http.Response // the answer to what the provider last sent
}

func (w *world) browser() *browser {
	w.Helper()
	jar, err := cookiejar.New(nil)
	w.must(err)
	transport := &http.Transport{}
	w.Cleanup(transport.CloseIdleConnections)
	return &browser{world: w, http: &http.Client{Jar: jar, Transport: transport, Timeout: 30 * time.Second}, at: w.url}
}

// do sends a request and returns status and body; headers are name, value pairs.
func (b *browser) do(method, path string, form url.Values, headers ...string) (int, string) {
	b.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.at + path
	}
	req, err := http.NewRequestWithContext(b.Context(), method, path, strings.NewReader(form.Encode()))
	b.must(err)
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for pair := range slices.Chunk(headers, 2) {
		req.Header.Set(pair[0], pair[1])
	}
	res, err := b.http.Do(req)
	b.must(err)
	text, err := io.ReadAll(res.Body)
	b.must(err)
	b.must(res.Body.Close())
	b.last = res
	if _, to, on := strings.Cut(res.Header.Get("Refresh"), "0; url="); on {
		b.came = res
		return b.get(to) // as a page of this face, no more as the provider's answer
	}
	return res.StatusCode, string(text)
}

func (b *browser) get(path string, headers ...string) (int, string) {
	b.Helper()
	return b.do(http.MethodGet, path, nil, headers...)
}

func (b *browser) post(path string, form url.Values, headers ...string) (int, string) {
	b.Helper()
	return b.do(http.MethodPost, path, form, headers...)
}

// stopAt lets the browser follow no redirect to an address that begins so.
func (b *browser) stopAt(prefix string) {
	b.http.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if prefix != "" && strings.HasPrefix(req.URL.String(), prefix) {
			return http.ErrUseLastResponse
		}
		return nil
	}
}

var formID = regexp.MustCompile(`name="form" value="([^"]+)"`)

// login fills in the provider's form, which must be what the browser sees.
func (b *browser) login(account, form string) (int, string) {
	b.Helper()
	id := formID.FindStringSubmatch(form)
	if id == nil {
		b.Fatalf("no form of the provider: %s", form)
	}
	password, err := b.issuer.Password(account)
	b.must(err)
	return b.post(b.issuer.URL+"/login", url.Values{"form": {id[1]}, "account": {account}, "password": {password}})
}

// signIn goes all the way, and says where it led.
func (b *browser) signIn(account, query string) (status int, path string) {
	b.Helper()
	_, form := b.get("/signin?" + query)
	status, _ = b.login(account, form)
	return status, b.last.Request.URL.RequestURI()
}

// cookie is the value of one of the face's cookies.
func (b *browser) cookie(name string) string {
	u, err := url.Parse(b.at)
	b.must(err)
	for _, c := range b.http.Jar.Cookies(u) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func (b *browser) plant(name, value string) {
	u, err := url.Parse(b.at)
	b.must(err)
	b.http.Jar.SetCookies(u, []*http.Cookie{{Name: name, Value: value, Path: "/"}})
}

// api asks as a script of the face's own pages would.
func (b *browser) api(headers ...string) (token, role string) {
	b.Helper()
	_, text := b.get("/api/v1/echo", append([]string{"Sec-Fetch-Site", "same-origin"}, headers...)...)
	var got []string
	b.must(json.Unmarshal([]byte(text), &got))
	return got[0], got[1]
}

// here says who the pages think is there; empty for nobody.
func (b *browser) here() page.Session {
	b.Helper()
	var s page.Session
	status, text := b.get("/agent")
	if status == http.StatusForbidden {
		status, text = b.get("/supervisor")
	}
	if status == http.StatusOK {
		b.must(json.Unmarshal([]byte(text), &s))
	}
	return s
}

func (w *world) count(question string) (n int) {
	w.Helper()
	w.must(w.db.Super.QueryRow(w.Context(), question).Scan(&n))
	return n
}

func (w *world) super(sql string, args ...any) {
	w.Helper()
	_, err := w.db.Super.Exec(w.Context(), sql, args...)
	w.must(err)
}
