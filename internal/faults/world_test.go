package faults_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/vaulttest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// recovery is how long after its end a fault may still be felt.
const recovery = 10 * time.Second

// A world is a whole service on real servers: PostgreSQL that a test may break,
// Vault, an issuer of tokens, a custodian in a process of its own, and the
// faces' stores.
type world struct {
	*trial
	db     *pgtest.DB
	server *pgtest.Server
	hosts  []string // socket directories in the order they are tried; empty: the server's only

	vault   *vaulttest.Vault
	issuer  *devissuer.Server
	signers *devsigners.People
	pinned  policy.Verification
	gate    *gate
	staff   map[string]person
}

// A person is a member of staff who has signed in.
type person struct {
	audit.Actor
	caller order.Caller
}

// A face is what one process of each face is made of.
type face struct {
	log         *pglog.Log // staff's
	pool        *pgxpool.Pool
	public      *conversationstore.Store
	staff       *conversationstore.Store
	escalations *escalationstore.Store
}

// newWorld starts everything, on a server of its own. arrange, when not nil, may
// say something of the world before anybody connects.
func newWorld(r *trial, change func(*devstack.PostgresConfig), arrange func(*world)) *world {
	r.Helper()
	server := pgtest.NewServerAs(r.T, change)
	w := &world{trial: r, db: server.DB, server: server, vault: vaulttest.New(r.T), staff: map[string]person{}}
	if arrange != nil {
		arrange(w)
	}
	var err error
	w.signers, err = devsigners.New()
	r.must(err)
	w.pinned, err = w.signers.Pin(pgtest.Origin)
	r.must(err)
	w.activate(policy.Production)

	w.issuer, err = devissuer.Start(devissuer.Config{Dir: filepath.Join(r.TempDir(), "issuer"), TokenTTL: 24 * time.Hour})
	r.must(err)
	r.Cleanup(func() { _ = w.issuer.Close() })
	// Socket paths are short: a test's own directory need not be.
	dir, err := os.MkdirTemp("", "sceau-faults-")
	r.must(err)
	r.Cleanup(func() { _ = os.RemoveAll(dir) })
	w.gate = &gate{trial: r, log: filepath.Join(r.TempDir(), "custodian.log"), config: gateConfig{
		Database: w.url("sceau_custodian"), Vault: w.vault.Address, RoleID: w.vault.Custodian.RoleIDFile, SecretID: w.vault.Custodian.SecretIDFile,
		Issuer: w.issuer.URL, Signers: w.signers.Signers(), StateDir: filepath.Join(dir, "state"), Socket: filepath.Join(dir, "run", "c.sock"),
		PauseFile: filepath.Join(dir, "pause"),
	}}
	w.gate.start()
	r.Cleanup(func() {
		w.gate.stop()
		if r.Failed() {
			b, _ := os.ReadFile(w.gate.log)
			r.Logf("the custodian said, in the end:\n%s", b[max(0, len(b)-4000):])
		}
	})
	w.signIn()
	return w
}

// url is how a role reaches the database: any of several hosts, whichever takes
// writes, when the world has several.
func (w *world) url(role string) string {
	if len(w.hosts) == 0 {
		return w.db.URL(role)
	}
	u, err := url.Parse(w.db.URL(role))
	w.must(err)
	q := u.Query()
	q.Set("host", strings.Join(w.hosts, ","))
	q.Set("target_session_attrs", "read-write")
	u.RawQuery = q.Encode()
	return u.String()
}

// pool connects as a role, for as long as the test lasts.
func (w *world) pool(role string) *pgxpool.Pool {
	w.Helper()
	cfg, err := pgxpool.ParseConfig(w.url(role))
	w.must(err)
	cfg.MaxConns = 16
	cfg.ConnConfig.ConnectTimeout = 5 * time.Second
	cfg.ConnConfig.RuntimeParams["statement_timeout"] = "15s" // as cmd/sceau sets it
	pglog.HearWarnings(cfg.ConnConfig)
	pool, err := pgxpool.NewWithConfig(context.Background(), cfg)
	w.must(err)
	w.Cleanup(pool.Close)
	return pool
}

// log opens the log, for as long as the test lasts.
func (w *world) log(via audit.Via) *pglog.Log {
	w.Helper()
	l, err := pglog.Open(w.Context(), pglog.Config{Pool: w.pool("sceau_" + string(via)), Via: via})
	w.must(err)
	w.Cleanup(l.Close)
	return l
}

// face makes one process's worth of each face.
func (w *world) face() *face {
	w.Helper()
	public, err := w.vault.RecipientsPublicKey(w.Context())
	w.must(err)
	keys, err := seal.ParseRecipientKeys([]string{public})
	w.must(err)
	store := func(via audit.Via) (*conversationstore.Store, *pglog.Log, *pgxpool.Pool, *conversationstore.Recipients) {
		pool, log := w.pool("sceau_"+string(via)), w.log(via)
		recipients, err := conversationstore.NewRecipients(pool, keys, slog.New(slog.DiscardHandler))
		w.must(err)
		s, err := conversationstore.NewStore(conversationstore.Config{Pool: pool, Log: log, Recipients: recipients})
		w.must(err)
		return s, log, pool, recipients
	}
	f := &face{}
	f.public, _, _, _ = store(audit.ViaPublic)
	var recipients *conversationstore.Recipients
	f.staff, f.log, f.pool, recipients = store(audit.ViaStaff)
	f.escalations, err = escalationstore.New(escalationstore.Config{Pool: f.pool, Log: f.log,
		Policy: policystore.NewActive(w.pinned), Recipients: recipients})
	w.must(err)
	return f
}

// activate puts this variant of the embedded policy in force.
func (w *world) activate(v policy.Variant) {
	w.Helper()
	_, err := w.signers.Activate(w.Context(), w.log(audit.ViaOperator), v)
	w.must(err)
}

// signIn begins a session for everybody.
func (w *world) signIn() {
	w.Helper()
	tokens, err := staff.NewVerifier(staff.Config{
		Issuer: w.issuer.URL, Audience: "sceau-staff", PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name",
	})
	w.must(err)
	defer tokens.Close()
	sessions := staffstore.NewSessions(w.pool("sceau_staff"), w.log(audit.ViaStaff))
	for _, account := range []string{"amal", "bruno", "chloe", "diane", "etienne"} {
		token, err := w.issuer.Token(w.Context(), account)
		w.must(err)
		claims, err := tokens.Verify(w.Context(), token)
		w.must(err)
		session, err := sessions.Of(w.Context(), claims, "")
		w.must(err)
		w.staff[account] = person{Actor: session.Actor, caller: order.Caller{StaffToken: order.Secret(token), Role: session.Actor.Role}}
	}
}

// super asks as the superuser, on a connection of its own, whichever server
// takes writes.
func (w *world) super(sql string, args ...any) []any {
	w.Helper()
	values, err := w.ask(sql, args...)
	if err != nil {
		w.Fatalf("%s: %v", sql, err)
	}
	return values
}

// ask is super for what may fail. It returns the values of the first row.
func (w *world) ask(sql string, args ...any) ([]any, error) {
	ctx, cancel := context.WithTimeout(w.Context(), 10*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, w.url(devstack.Superuser))
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, sql, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var first []any
	for rows.Next() {
		if first == nil {
			if first, err = rows.Values(); err != nil {
				return nil, err
			}
		}
	}
	return first, rows.Err()
}

// needVault skips where there are no servers, before any is started.
func needServers(t testing.TB) {
	t.Helper()
	_, err := devstack.FindPostgres()
	if err == nil {
		_, err = devstack.VaultBinary(context.Background(), nil)
	}
	if err == nil {
		return
	}
	if os.Getenv("CI") != "" {
		t.Fatal(err)
	}
	t.Skip("skipped: ", err)
}
