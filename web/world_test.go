package web_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/vaulttest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
	stafftoken "github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
	"github.com/sceau-project/sceau/web"
)

// world is the whole service on real servers: PostgreSQL, Vault, an issuer, a
// custodian on its socket, and both faces.
type world struct {
	t      *testing.T
	db     *pgtest.DB
	vault  *vaulttest.Vault
	issuer *devissuer.Server
	secret string       // the issuer's directory
	late   atomic.Int64 // by how many seconds the issuer's clock is wrong
	logs   *journal     // what both faces logged
	counts *prometheus.Registry

	signers       *devsigners.People
	gate          custodian.Config
	socket        string
	public, staff string // base URLs
	stopGate      func()
}

// journal keeps what is logged, to be searched for what must not be there.
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

var generous = web.Limits{RequestsPerMinute: 100_000, ConversationsPerHour: 100_000, ReturnsPerHour: 100_000}

func newWorld(t *testing.T) *world { return newWorldOn(t, pgtest.New(t), generous) }

func newWorldOn(t *testing.T, db *pgtest.DB, limits web.Limits) *world {
	t.Helper()
	w := &world{t: t, db: db, vault: vaulttest.New(t), logs: &journal{}, counts: prometheus.NewRegistry()}
	var err error
	w.signers, err = devsigners.New()
	w.must(err)
	w.secret = t.TempDir()
	w.issuer, err = devissuer.Start(devissuer.Config{Dir: w.secret, Now: func() time.Time {
		return time.Now().Add(time.Duration(w.late.Load()) * time.Second)
	}})
	w.must(err)
	t.Cleanup(func() { w.must(w.issuer.Close()) })
	w.activate(policy.Production)
	w.startGate()
	w.startFaces(limits)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(w.logs.String())
		}
	})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) pinned() policy.Verification {
	w.t.Helper()
	pinned, err := w.signers.Pin(pgtest.Origin)
	w.must(err)
	return pinned
}

func (w *world) activate(v policy.Variant) {
	w.t.Helper()
	_, err := w.signers.Activate(context.Background(), w.log(audit.ViaOperator), v)
	w.must(err)
}

func (w *world) log(via audit.Via) *pglog.Log {
	w.t.Helper()
	l, err := pglog.Open(context.Background(), pglog.Config{Pool: w.db.Pool(w.t, "sceau_"+string(via)), Via: via})
	w.must(err)
	w.t.Cleanup(l.Close)
	return l
}

func (w *world) verifier(audience string) *stafftoken.Verifier {
	w.t.Helper()
	v, err := stafftoken.NewVerifier(stafftoken.Config{
		Issuer: w.issuer.URL, Audience: audience, PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name",
	})
	w.must(err)
	w.t.Cleanup(v.Close)
	return v
}

func (w *world) startGate() {
	w.t.Helper()
	vault, err := custody.Open(custody.Config{
		Address: w.vault.Address, RoleIDFile: w.vault.Custodian.RoleIDFile, SecretIDFile: w.vault.Custodian.SecretIDFile,
		CasesMount: devstack.CasesMount, TransitMount: devstack.TransitMount, PepperKey: devstack.PepperKey, RecipientsKey: devstack.RecipientsKey,
		Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	w.must(err)
	w.t.Cleanup(vault.Close)
	dir, err := os.MkdirTemp("", "sceau") // socket paths are short: t.TempDir's are not always
	w.must(err)
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.socket = filepath.Join(dir, "s", "custodian.sock")
	w.gate = custodian.Config{
		Log: w.log(audit.ViaCustodian), Pool: w.db.Pool(w.t, "sceau_custodian"), Vault: vault, Staff: w.verifier("sceau-custodian"),
		Policy: w.pinned(), StateDir: w.t.TempDir(), ReadyKeys: 3, IdleTimeout: time.Minute, SessionLimit: time.Hour,
		PhraseRate: 1000, PhraseBurst: 1000, Logger: slog.New(slog.NewTextHandler(w.logs, nil)),
	}
	w.openGate()
	w.t.Cleanup(func() { w.stopGate() })
}

// openGate starts the custodian, as after a restart of its process.
func (w *world) openGate() {
	w.t.Helper()
	gate, err := custodian.New(w.gate)
	w.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- gate.Serve(ctx, w.socket) }()
	w.stopGate = sync.OnceFunc(func() {
		cancel()
		if err := <-served; err != nil {
			w.t.Errorf("serving orders: %v", err)
		}
		if err := gate.Close(); err != nil {
			w.t.Errorf("closing the gate: %v", err)
		}
	})
	client := order.NewClient(w.socket)
	defer client.Close()
	w.eventually("the custodian is ready", func() bool {
		ready, err := client.Ready(context.Background())
		return err == nil && ready.Ready
	})
}

func (w *world) startFaces(limits web.Limits) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var behind sync.WaitGroup
	client := order.NewClient(w.socket)
	logger := slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	common := web.Config{DutyDesk: "03 00 00 00 00 (Lille)", Logger: logger, Limits: limits, Metrics: w.counts, Checks: []web.Check{{Name: "custodian", Down: func(ctx context.Context) []string {
		ready, err := client.Ready(ctx)
		if err != nil {
			return []string{"custodian"}
		}
		return ready.Down
	}}}}
	public, err := w.vault.RecipientsPublicKey(context.Background())
	w.must(err)
	pinned, err := seal.ParseRecipientKeys([]string{public})
	w.must(err)
	recipients := func(pool *pgxpool.Pool) *conversationstore.Recipients {
		r, err := conversationstore.NewRecipients(pool, pinned, logger)
		w.must(err)
		return r
	}
	store := func(via audit.Via, log *pglog.Log) (*conversationstore.Store, *conversationstore.Listener) {
		pool := w.db.Pool(w.t, "sceau_"+string(via))
		s, err := conversationstore.NewStore(conversationstore.Config{Pool: pool, Log: log, Recipients: recipients(pool)})
		w.must(err)
		l := conversationstore.NewListener(pool, time.Second)
		behind.Go(func() { _ = l.Run(ctx) })
		return s, l
	}
	serve := func(face *web.Face, err error) string {
		w.must(err)
		server := httptest.NewServer(face)
		w.t.Cleanup(func() {
			server.CloseClientConnections()
			server.Close()
			face.Close(context.Background())
		})
		return server.URL
	}

	conversations, listener := store(audit.ViaPublic, w.log(audit.ViaPublic))
	w.public = serve(web.NewPublic(web.PublicConfig{
		Config: common, Conversations: conversations, Listener: listener, Custodian: client, Stop: ctx.Done(),
	}))
	log, pool := w.log(audit.ViaStaff), w.db.Pool(w.t, "sceau_staff")
	active := policystore.NewActive(w.pinned())
	escalations, err := escalationstore.New(escalationstore.Config{Pool: pool, Log: log, Policy: active, Recipients: recipients(pool)})
	w.must(err)
	retained, err := retentionstore.New(retentionstore.Config{Pool: pool, Log: log, Policy: active})
	w.must(err)
	conversations, listener = store(audit.ViaStaff, log)
	w.staff = serve(web.NewStaff(web.StaffConfig{
		Config: common, Tokens: w.verifier("sceau-staff"), Sessions: staffstore.NewSessions(pool, log),
		Conversations: conversations, Listener: listener, Escalations: escalations, Retention: retained, Policy: active,
		Log: log, Reader: pool, Custodian: client, Stop: ctx.Done(),
	}))
	w.t.Cleanup(func() {
		cancel()
		behind.Wait()
		client.Close()
	})
}

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain until %s", what)
		}
	}
}

// entries counts what was recorded of requests. Ready keys are left out: the
// custodian makes them in its own time.
func (w *world) entries() (n int64) {
	w.t.Helper()
	w.must(w.db.Super.QueryRow(context.Background(), `SELECT count(*) FROM sceau.entries WHERE action <> 'key.created'`).Scan(&n))
	return n
}

// client sends requests to one face as one person.
type client struct {
	w      *world
	base   string
	header http.Header
}

func (w *world) minor(token string) *client {
	return w.client(w.public, token)
}

// hire signs an account in.
func (w *world) hire(account string) *client {
	w.t.Helper()
	token, err := w.issuer.Token(context.Background(), account)
	w.must(err)
	return w.client(w.staff, token)
}

func (w *world) client(base, token string) *client {
	h := http.Header{}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return &client{w: w, base: base, header: h}
}

func (c *client) with(name, value string) *client {
	h := c.header.Clone()
	h.Set(name, value)
	return &client{w: c.w, base: c.base, header: h}
}

// answer is what came back.
type answer struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	raw    []byte
}

// problem is a refusal as a client reads it.
type problem struct {
	Type    string `json:"type"`
	Title   string `json:"title"`
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Detail  string `json:"detail"`
	Reasons []struct {
		Code   string `json:"code"`
		Detail string `json:"detail"`
	} `json:"reasons"`
	Errors []struct {
		Location string `json:"location"`
		Message  string `json:"message"`
	} `json:"errors"`
}

func (c *client) send(method, path string, body []byte) answer {
	c.w.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 40*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	c.w.must(err)
	req.Header = c.header.Clone()
	if len(body) > 0 && req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	if method != http.MethodGet && req.Header.Values("Idempotency-Key") == nil {
		req.Header.Set("Idempotency-Key", rand.Text())
	}
	res, err := http.DefaultClient.Do(req)
	c.w.must(err)
	defer res.Body.Close()
	a := answer{t: c.w.t, what: method + " " + path, status: res.StatusCode, header: res.Header}
	if strings.HasPrefix(res.Header.Get("Content-Type"), "text/event-stream") {
		return a // the test that reads streams does so itself
	}
	a.raw, err = io.ReadAll(res.Body)
	c.w.must(err)
	return a
}

func (c *client) get(path string) answer { c.w.t.Helper(); return c.send(http.MethodGet, path, nil) }

func (c *client) post(path string, body any) answer {
	c.w.t.Helper()
	raw, err := json.Marshal(body)
	c.w.must(err)
	return c.send(http.MethodPost, path, raw)
}

func (c *client) put(path string, body any) answer {
	c.w.t.Helper()
	raw, err := json.Marshal(body)
	c.w.must(err)
	return c.send(http.MethodPut, path, raw)
}

// code is the problem's, or the status in words when it succeeded.
func (a answer) code() string {
	a.t.Helper()
	if a.status < 300 {
		return fmt.Sprint(a.status)
	}
	p := a.problem()
	return p.Code
}

func (a answer) problem() problem {
	a.t.Helper()
	var p problem
	if err := json.Unmarshal(a.raw, &p); err != nil || p.Code == "" || p.Status != a.status ||
		a.header.Get("Content-Type") != "application/problem+json" || p.Title == "" || p.Detail == "" {
		a.t.Fatalf("%s: status %d is no problem with a code: %s", a.what, a.status, a.raw)
	}
	return p
}

// wants fails the test unless the answer has this code.
func (a answer) wants(code string) answer {
	a.t.Helper()
	if got := a.code(); got != code {
		a.t.Fatalf("%s: got %s, want %s: %s", a.what, got, code, a.raw)
	}
	return a
}

// into decodes a success.
func (a answer) into(v any) answer {
	a.t.Helper()
	if a.status >= 300 {
		a.t.Fatalf("%s: status %d: %s", a.what, a.status, a.raw)
	}
	if err := json.Unmarshal(a.raw, v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.raw)
	}
	return a
}

type object = map[string]any

// open opens a conversation and returns its minor.
func (w *world) open() *client {
	w.t.Helper()
	var out struct{ Token string }
	w.eventually("a case is ready", func() bool {
		a := w.minor("").post("/api/v1/conversations", object{"postal_code": "35000", "topic": "threats"})
		if a.code() == "conversation.no_ready_key" {
			return false
		}
		a.into(&out)
		return true
	})
	return w.minor(out.Token)
}

// talk opens a conversation that the agent joins.
func (w *world) talk(agent *client) (minor *client, id string) {
	w.t.Helper()
	minor = w.open()
	var queue struct {
		Waiting []struct{ ID string }
	}
	agent.get("/api/v1/conversations").into(&queue)
	id = queue.Waiting[len(queue.Waiting)-1].ID
	agent.post("/api/v1/conversations/"+id+"/join", object{}).wants("200")
	return minor, id
}

func newWorldDB(t *testing.T) *pgtest.DB { t.Helper(); return pgtest.New(t) }
