package custodian_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	jose "github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/vaulttest"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	"github.com/sceau-project/sceau/staff"
)

// world is a whole service on real servers: both faces' stores, an issuer, and
// a custodian on its socket.
type world struct {
	*pgtest.DB
	t      *testing.T
	vault  *vaulttest.Vault
	issuer *issuer

	public, staff *conversationstore.Store
	staffLog      *pglog.Log
	escalations   *pgstore.Store
	signers       *devsigners.People

	config  custodian.Config
	gate    *custodian.Custodian
	client  *order.Client
	socket  string
	stopped func()
	lost    bool // the test takes entries out of the log, behind its back
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, pgtest.New(t), nil)
}

func newWorldOn(t *testing.T, db *pgtest.DB, change func(*custodian.Config)) *world {
	t.Helper()
	w := &world{DB: db, t: t, vault: vaulttest.New(t), issuer: newIssuer(t), signers: newSigners(t)}
	w.staffLog = w.log(audit.ViaStaff)
	w.public = w.store(audit.ViaPublic, w.log(audit.ViaPublic))
	w.staff = w.store(audit.ViaStaff, w.staffLog)
	var err error
	w.escalations, err = pgstore.New(pgstore.Config{
		Pool: w.Pool(t, "sceau_staff"), Log: w.staffLog, Policy: policystore.NewActive(w.verification()),
		Recipients: w.recipients(audit.ViaStaff),
	})
	w.must(err)
	w.activate(policy.Production)

	vault, err := custody.Open(custody.Config{
		Address: w.vault.Address, RoleIDFile: w.vault.Custodian.RoleIDFile, SecretIDFile: w.vault.Custodian.SecretIDFile,
		CasesMount: devstack.CasesMount, TransitMount: devstack.TransitMount, PepperKey: devstack.PepperKey, RecipientsKey: devstack.RecipientsKey,
		Timeout: 2 * time.Second, Logger: slog.New(slog.DiscardHandler),
	})
	w.must(err)
	t.Cleanup(vault.Close)
	verifier, err := staff.NewVerifier(staff.Config{
		Issuer: w.issuer.URL, Audience: "sceau-custodian", PersonClaim: "person", RolesClaim: "groups", UnitClaim: "unit", NameClaim: "name",
	})
	w.must(err)
	t.Cleanup(verifier.Close)
	w.config = custodian.Config{
		Log: w.log(audit.ViaCustodian), Pool: w.Pool(t, "sceau_custodian"), Vault: vault, Staff: verifier,
		Policy: w.verification(), StateDir: t.TempDir(), Classical: true, ReadyKeys: 3,
		IdleTimeout: time.Minute, SessionLimit: time.Hour, PhraseRate: 1000, PhraseBurst: 1000, PhraseEvery: time.Nanosecond,
		Logger: slog.New(slog.NewTextHandler(&told{t: t}, nil)),
	}
	if change != nil {
		change(&w.config)
	}
	w.start()
	t.Cleanup(func() {
		w.stop()
		if !w.lost {
			w.everyReadHasItsEntry()
		}
	})
	return w
}

// everyReadHasItsEntry compares Vault's own audit log with the entries: no key
// of this database's cases may have been read but under the hash of an entry
// of the case that was there before, and not more than five seconds before.
func (w *world) everyReadHasItsEntry() {
	w.t.Helper()
	ctx := context.Background()
	for _, a := range w.vault.Audit(w.t) {
		path, isKey := strings.CutPrefix(a.Request.Path, "sceau-cases/data/")
		if a.Type != "request" || a.Request.Operation != "read" || !isKey {
			continue
		}
		caseID, _, _ := strings.Cut(path, "/")
		var ours, allowed bool
		hash, _ := hex.DecodeString(a.CorrelationID())
		err := w.Super.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.cases WHERE case_id = $1), EXISTS (SELECT FROM sceau.entries
			WHERE case_id = $1 AND hash = $2 AND action IN ('conversation.read', 'evidence.read', 'identity.release_ordered')
			AND at <= $3::timestamptz AND $3::timestamptz <= at + interval '5 seconds')`, caseID, hash, a.Time).Scan(&ours, &allowed)
		switch {
		case err != nil:
			w.t.Errorf("comparing with Vault's log: %v", err)
			return
		case ours && !allowed:
			w.t.Errorf("the key at %s was read under %q without an entry", path, a.CorrelationID())
		}
	}
}

// told shows the custodian's log when a test fails.
type told struct {
	t  *testing.T
	mu sync.Mutex
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.t.Log(strings.TrimSpace(string(p)))
	return len(p), nil
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// start opens the gate on a socket, as after a restart of the process.
func (w *world) start() {
	w.t.Helper()
	gate, err := custodian.New(w.config)
	w.must(err)
	// Socket paths are short: t.TempDir's are not always.
	dir, err := os.MkdirTemp("", "sceau")
	w.must(err)
	w.gate, w.socket = gate, filepath.Join(dir, "s", "custodian.sock")
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- gate.Serve(ctx, w.socket) }()
	w.client = order.NewClient(w.socket)
	w.stopped = sync.OnceFunc(func() {
		w.client.Close()
		cancel()
		if err := <-served; err != nil {
			w.t.Errorf("serving: %v", err)
		}
		if err := gate.Close(); err != nil {
			w.t.Errorf("closing: %v", err)
		}
		_ = os.RemoveAll(dir)
	})
	w.eventually("the custodian answers", func() bool {
		_, err := w.client.Ready(context.Background())
		return err == nil
	})
}

func (w *world) stop()    { w.stopped() }
func (w *world) restart() { w.t.Helper(); w.stop(); w.start() }

func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); {
		if time.Now().After(end) {
			w.t.Fatalf("waited in vain until %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (w *world) log(via audit.Via) *pglog.Log {
	w.t.Helper()
	l, err := pglog.Open(context.Background(), pglog.Config{Pool: w.Pool(w.t, "sceau_"+string(via)), Via: via})
	w.must(err)
	w.t.Cleanup(l.Close)
	return l
}

func (w *world) store(via audit.Via, l *pglog.Log) *conversationstore.Store {
	w.t.Helper()
	s, err := conversationstore.NewStore(conversationstore.Config{
		Pool: w.Pool(w.t, "sceau_"+string(via)), Log: l, Recipients: w.recipients(via),
	})
	w.must(err)
	return s
}

// recipients believes Vault's key.
func (w *world) recipients(via audit.Via) *conversationstore.Recipients {
	w.t.Helper()
	public, err := w.vault.RecipientsPublicKey(context.Background())
	w.must(err)
	keys, err := seal.ParseRecipientKeys([]string{public})
	w.must(err)
	r, err := conversationstore.NewRecipients(w.Pool(w.t, "sceau_"+string(via)), keys, slog.New(slog.DiscardHandler))
	w.must(err)
	return r
}

// exec does as a superuser, with triggers off, what no role of the service may do.
func (w *world) exec(sql string, args ...any) {
	w.t.Helper()
	err := pgx.BeginFunc(context.Background(), w.Super, func(tx pgx.Tx) error {
		if _, err := tx.Exec(context.Background(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(context.Background(), sql, args...)
		return err
	})
	if err != nil {
		w.t.Fatalf("%s: %v", sql, err)
	}
}

// Policy ------------------------------------------------------------------------

func newSigners(t *testing.T) *devsigners.People {
	t.Helper()
	people, err := devsigners.New()
	if err != nil {
		t.Fatal(err)
	}
	return people
}

func (w *world) verification() policy.Verification {
	w.t.Helper()
	pinned, err := w.signers.Pin(pgtest.Origin)
	w.must(err)
	return pinned
}

func (w *world) activate(v policy.Variant) { w.t.Helper(); w.activateSignedBy(v, w.signers) }

func (w *world) activateSignedBy(v policy.Variant, people *devsigners.People) {
	w.t.Helper()
	_, err := people.Activate(context.Background(), w.log(audit.ViaOperator), v)
	w.must(err)
}

// Staff -------------------------------------------------------------------------

// issuer is an OpenID provider with one key.
type issuer struct {
	*httptest.Server
	key *ecdsa.PrivateKey
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{
			"issuer": i.URL, "jwks_uri": i.URL + "/keys", "authorization_endpoint": i.URL + "/a", "token_endpoint": i.URL + "/t",
			"id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	i.Server = httptest.NewServer(mux)
	t.Cleanup(i.Close)
	return i
}

// person is a member of staff who has signed in.
type person struct {
	audit.Actor
	claims map[string]any
	token  string
}

func (p person) caller() order.Caller {
	return order.Caller{StaffToken: order.Secret(p.token), Role: p.Role}
}

// hire makes an account of a person in a role, signs it in as the staff face
// does, and returns it with its token.
func (w *world) hire(name, human, role string) person {
	w.t.Helper()
	p := person{
		Actor: audit.Actor{ID: "s-" + name, Person: "p-" + human, Role: role, Unit: "u-one", Session: "x-" + name},
		claims: map[string]any{
			"iss": w.issuer.URL, "sub": name, "aud": []string{"sceau-staff", "sceau-custodian"}, "sid": "sid-of-" + name, "jti": "j1",
			"exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix(), "person": human, "groups": []string{role}, "unit": "one",
		},
	}
	p.token = w.issuer.sign(w.t, p.claims)
	claims := staff.Claims{Issuer: w.issuer.URL, Subject: name, Session: "sid-of-" + name, Person: human}
	sum := claims.SessionSum()
	_, err := w.staffLog.Do(context.Background(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		ref, err := turn.Append(pglog.Draft{Actor: p.Actor, Action: audit.ActionStaffSignedIn,
			Details: audit.Details{"bearer": claims.Binding()}})
		if err != nil {
			return nil, err
		}
		for _, sql := range []struct {
			text string
			args []any
		}{
			{`INSERT INTO sceau.persons VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, []any{p.Person, w.issuer.URL, human}},
			{`INSERT INTO sceau.units VALUES ('u-one', $1, 'one') ON CONFLICT DO NOTHING`, []any{w.issuer.URL}},
			{`INSERT INTO sceau.staff (staff_id, issuer, subject, person_id, unit_id) VALUES ($1, $2, $3, $4, 'u-one')`, []any{p.ID, w.issuer.URL, name, p.Person}},
			{`INSERT INTO sceau.staff_sessions (session_id, issuer, sid_sha256, staff_id, role, signed_in_seq) VALUES ($1, $2, $3, $4, $5, $6)`,
				[]any{p.Session, w.issuer.URL, sum[:], p.ID, role, ref.Seq}},
		} {
			if _, err := turn.Tx.Exec(ctx, sql.text, sql.args...); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	w.must(err)
	return p
}

func (i *issuer) sign(t *testing.T, claims map[string]any) string { return signWith(t, i.key, claims) }

func signWith(t *testing.T, key *ecdsa.PrivateKey, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "k1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := jwt.Signed(signer).Claims(claims).Serialize()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// changed is the person's token with claims changed.
func (w *world) changed(p person, change func(map[string]any)) order.Caller {
	w.t.Helper()
	claims := maps.Clone(p.claims)
	change(claims)
	return order.Caller{StaffToken: order.Secret(w.issuer.sign(w.t, claims)), Role: p.Role}
}

// Conversations -----------------------------------------------------------------

type talk struct {
	id, token string
	texts     []string // by position
}

func (k talk) caller() order.Caller { return order.Caller{MinorToken: order.Secret(k.token)} }

func key() string {
	b := make([]byte, 16)
	_, _ = rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// open opens a conversation with some messages and a name entrusted.
func (w *world) open(texts ...string) talk {
	w.t.Helper()
	ctx := context.Background()
	var opened conversationstore.Opened
	w.eventually("a case is ready", func() bool {
		var err error
		opened, err = w.public.Open(ctx, key(), conversationstore.Opening{
			PostalCode: "35000", Topic: conversation.TopicThreats,
			From: conversation.Connection{Address: netip.MustParseAddr("2001:db8::7"), Port: 40123},
		})
		if errors.Is(err, conversation.ErrNoReadyKey) {
			return false
		}
		w.must(err)
		return true
	})
	k := talk{id: opened.Case, token: opened.Token, texts: []string{"35000"}}
	for _, text := range texts {
		_, err := w.public.WriteAsMinor(ctx, k.id, key(), text)
		w.must(err)
		k.texts = append(k.texts, text)
	}
	w.must(w.public.Entrust(ctx, k.id, key(), conversation.FacetName, "Camille"))
	return k
}

func (w *world) join(p person, k talk) {
	w.t.Helper()
	w.must(w.staff.Join(context.Background(), p.Actor, k.id, key()))
}

var danger = policy.Assessment{
	Immediacy: "now", Violence: "ongoing", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
	AgeBand: "13_15", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
}

// request asks for an escalation that cites message 1.
func (w *world) request(p person, k talk, facets ...string) pgstore.Receipt {
	w.t.Helper()
	ctx := context.Background()
	messages, err := w.staff.MessagesAt(ctx, k.id, []int{1})
	w.must(err)
	r, err := w.escalations.Request(ctx, pglog.Idempotency{}, p.Actor, pgstore.Ask{
		Case: k.id, Ground: "imminent_danger", Danger: danger, Facets: facets,
		Evidence:  []pgstore.Citation{{Position: 1, Sum: sha256.Sum256(messages[0].Ciphertext)}},
		Narrative: "Le père est devant la porte.",
	})
	w.must(err)
	if r.State != "requested" {
		w.t.Fatalf("the request is %s: %v", r.State, r.Reasons)
	}
	return r
}

// reads lets a supervisor read the evidence of a request, through the gate.
func (w *world) reads(p person, r pgstore.Receipt) {
	w.t.Helper()
	_, err := w.client.Evidence(context.Background(), order.ReadEvidence{Caller: p.caller(), Escalation: r.ID})
	w.must(err)
}

func (w *world) approve(p person, r pgstore.Receipt, facets ...string) {
	w.t.Helper()
	w.reads(p, r)
	hash, err := audit.ParseHash(r.Request)
	w.must(err)
	got, err := w.escalations.Approve(context.Background(), pglog.Idempotency{}, p.Actor, r.ID, hash, facets)
	w.must(err)
	if got.State != "approved" {
		w.t.Fatalf("the approval left it %s", got.State)
	}
}

// granted is the beginning of most stories: an agent with an approved escalation.
func (w *world) granted(facets ...string) (agent, supervisor person, k talk, r pgstore.Receipt) {
	w.t.Helper()
	agent, supervisor = w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
	k = w.open("Il a dit qu'il allait me tuer ce soir.")
	w.join(agent, k)
	r = w.request(agent, k, facets...)
	w.approve(supervisor, r, facets...)
	return agent, supervisor, k, r
}

func (w *world) release(c order.Caller, id string, facets ...string) (order.Released, error) {
	return w.client.Release(context.Background(), order.Release{Caller: c, Escalation: id, Facets: facets, IdempotencyKey: order.Secret(key())})
}

// refused fails the test unless err is a refusal with this code.
func (w *world) refused(what string, err error, code string) {
	w.t.Helper()
	var r *order.Refusal
	if !errors.As(err, &r) || r.Code != code {
		w.t.Errorf("%s: got %v, want %s", what, err, code)
	}
}

// actions lists the actions of a case's entries, from an action on.
func (w *world) actions(k talk, from audit.Action) string {
	w.t.Helper()
	records, err := pglog.ByCase(context.Background(), w.Super, k.id, 0)
	w.must(err)
	var all []string
	for _, r := range records {
		if len(all) > 0 || r.Action == from {
			all = append(all, string(r.Action))
		}
	}
	return strings.Join(all, " ")
}

// vaultReads lists the correlation ids under which case keys of this case were
// read, according to Vault.
func (w *world) vaultReads(k talk) []string {
	w.t.Helper()
	var ids []string
	for _, a := range w.vault.Audit(w.t) {
		if a.Type == "request" && a.Request.Operation == "read" && strings.HasPrefix(a.Request.Path, "sceau-cases/data/"+k.id) {
			ids = append(ids, a.CorrelationID())
		}
	}
	return ids
}
