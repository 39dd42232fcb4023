// Package rig hands tests the whole service as an operator runs it: the
// custodian and the two faces as processes of their own, on a real PostgreSQL,
// a real Vault and an OpenID Connect issuer, with people who use it over HTTP.
// What stands between two of them can be replaced, for tests that break it.
//
// When the test ends, every reading of a case key in Vault's own record is held
// against the log, and the log against its chain.
package rig

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	mathrand "math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/devissuer"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/internal/devstack"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/internal/vaulttest"
	"github.com/sceau-project/sceau/policy"
)

// The processes of the service.
const (
	Custodian = "custodian"
	Public    = "public"
	Staff     = "staff"
)

// Recovery is how long after the end of its cause a fault may still be felt.
const Recovery = 10 * time.Second

// Config says what stands between the parts. A nil function leaves the address
// as it is.
type Config struct {
	DB           *pgtest.DB                              // nil: one in the cluster that tests share
	Database     func(process, url string) string        // connection string of a process
	Vault        func(address string) string             // Vault's URL, for the custodian
	Socket       func(face, socket string) string        // the custodian's socket, for a face
	AppRole      func(devstack.AppRole) devstack.AppRole // the custodian's credentials
	VaultTimeout time.Duration                           // of one request to Vault; 1 s when zero
	Issuer       func(staff string) (url, client string) // another issuer that knows the face at this URL as a client
	Policy       *policy.Sources                         // in force instead of the production policy
}

// Rig is a running service.
type Rig struct {
	testing.TB
	DB     *pgtest.DB
	Vault  *vaulttest.Vault
	Issuer *devissuer.Server
	Dir    string // configuration, logs, and the processes' own files
	Socket string // the custodian's

	binary    string
	addresses map[string]string // of faces, and of their metrics ("public metrics")
	processes map[string]*devstack.Process
	http      *http.Client // everybody's
	spoiled   bool
}

// Start starts a service and returns when every part says it is ready.
func Start(t testing.TB, cfg Config) *Rig {
	t.Helper()
	if testing.Short() {
		t.Skip("skipped: -short")
	}
	// The temporary directory's own name is long; a socket's may not be.
	dir, err := os.MkdirTemp("", "sceau-rig-")
	r := &Rig{TB: t, DB: cfg.DB, Vault: vaulttest.New(t), Dir: dir, processes: map[string]*devstack.Process{}}
	r.Must(err)
	if r.DB == nil {
		r.DB = pgtest.New(t)
	}
	t.Cleanup(func() { r.Must(os.RemoveAll(dir)) })
	built, err := binary()
	r.Must(err)
	// A process that is started again must be the same program, also when another test has built a newer one meanwhile.
	r.binary = r.path("sceau")
	r.Must(os.Link(built, r.binary)) // both lie in the temporary directory
	r.Issuer, err = devissuer.Start(devissuer.Config{Dir: r.path("issuer")})
	r.Must(err)
	t.Cleanup(func() { r.Must(r.Issuer.Close()) })
	r.addresses = free(t, Public, Staff, Public+" metrics", Staff+" metrics")
	r.Socket = r.path("gate", "custodian.sock")
	r.configure(cfg)
	transport := &http.Transport{MaxIdleConnsPerHost: 8}
	r.http = &http.Client{Transport: transport, Timeout: AnswerTime + 5*time.Second}
	t.Cleanup(transport.CloseIdleConnections)
	t.Cleanup(r.end)
	for _, name := range []string{Custodian, Public, Staff} {
		r.StartProcess(name)
	}
	for _, face := range []string{Public, Staff} {
		r.Eventually(30*time.Second, "the "+face+" face is ready", func() bool { return r.Down(face) == "" })
	}
	return r
}

// Must ends the test on an error.
func (r *Rig) Must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

// Eventually waits until something is so, and ends the test when it never is.
func (r *Rig) Eventually(limit time.Duration, what string, is func() bool) time.Duration {
	r.Helper()
	began := time.Now()
	for !is() {
		if time.Since(began) > limit {
			r.Fatalf("not so after %v: %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(began)
}

// Spoiled says that the test reads case keys by itself, as no process does: the
// comparison with Vault's record is left out.
func (r *Rig) Spoiled() { r.spoiled = true }

func (r *Rig) path(elem ...string) string { return filepath.Join(append([]string{r.Dir}, elem...)...) }

func (r *Rig) file(name string, content []byte) string {
	r.Helper()
	r.Must(os.WriteFile(r.path(name), content, 0o600))
	return r.path(name)
}

// section is a part of a configuration file.
type section = map[string]any

// configure activates the policy, and writes the configuration of each process and of
// the operator's commands.
func (r *Rig) configure(cfg Config) {
	r.Helper()
	people, err := devsigners.New()
	r.Must(err)
	var signers []section
	for _, one := range people.Signers() {
		signers = append(signers, section{"person": one.Person, "key": one.Key})
	}
	pinned := section{"signers": signers}
	r.activate(people, cfg.Policy)
	vouching, err := r.Vault.RecipientsPublicKey(r.Context())
	r.Must(err)
	role, address := r.Vault.Custodian, r.Vault.Address
	if cfg.AppRole != nil {
		role = cfg.AppRole(role)
	}
	if cfg.Vault != nil {
		address = cfg.Vault(address)
	}
	if cfg.VaultTimeout == 0 {
		cfg.VaultTimeout = time.Second
	}
	limits := section{"requests_per_minute": 1_000_000, "conversations_per_hour": 1_000_000, "returns_per_hour": 1_000}
	issuer, client := r.Issuer.URL, devissuer.ClientID
	pages := "http://" + r.addresses[Staff]
	if cfg.Issuer != nil {
		issuer, client = cfg.Issuer(pages)
	}
	oidc, vouched := section{"issuer": issuer}, section{"recipients_public_keys": []string{vouching}}
	face := func(name string) section {
		socket := r.Socket
		if cfg.Socket != nil {
			socket = cfg.Socket(name, socket)
		}
		return section{
			name: section{"listen": r.addresses[name], "metrics": r.addresses[name+" metrics"], "shutdown_grace": "2s"}, "limits": limits,
			"custodian": section{"socket": socket}, "seal": vouched,
		}
	}
	docs := map[string]section{
		Public: face(Public), Staff: face(Staff),
		Custodian: {
			"custodian": section{"socket": r.Socket, "state_dir": r.path("state"), "ready_keys": 24, "phrases_per_second": 1000, "phrases_at_once": 10_000,
				"metrics": "unix:" + r.path("custodian-metrics.sock")},
			"vault": section{"address": address, "role_id_file": role.RoleIDFile, "secret_id_file": role.SecretIDFile,
				"timeout": cfg.VaultTimeout.String()},
			"oidc": oidc, "policy": pinned,
		},
		// Of commands, not of processes.
		"operator": {"policy": pinned}, "owner": {},
	}
	docs[Staff]["oidc"], docs[Staff]["policy"] = section{"issuer": issuer, "client_id": client, "scopes": []string{"offline_access"}}, pinned
	docs[Staff][Staff].(section)["url"] = pages
	for process, doc := range docs {
		url := r.DB.URL("sceau_" + process)
		if cfg.Database != nil {
			url = cfg.Database(process, url)
		}
		doc["log"], doc["database"] = section{"origin": pgtest.Origin}, section{"url": url}
		doc["logging"] = section{"level": "debug"}
		text, err := yaml.Marshal(doc)
		r.Must(err)
		r.file(process+".yaml", text)
	}
}

func (r *Rig) activate(people *devsigners.People, sources *policy.Sources) {
	r.Helper()
	if sources == nil {
		production, err := policy.Embedded(policy.Production)
		r.Must(err)
		sources = &production
	}
	log, err := pglog.Open(r.Context(), pglog.Config{Pool: r.DB.Pool(r.TB, "sceau_operator"), Via: audit.ViaOperator})
	r.Must(err)
	defer log.Close()
	_, err = people.ActivateSources(r.Context(), log, *sources)
	r.Must(err)
}

// StartProcess starts a process, again when it has ended.
func (r *Rig) StartProcess(name string) {
	r.Helper()
	args := []string{"serve", "--face", name}
	if name == Custodian {
		args = []string{Custodian}
	}
	// A temporary directory and a working directory of its own: what it leaves there is found.
	for _, d := range []string{"tmp-" + name, "work-" + name} {
		r.Must(os.MkdirAll(r.path(d), 0o700))
	}
	p, err := devstack.Start(devstack.Command{
		Name: name, Path: r.binary, Args: append(args, "--config", r.path(name+".yaml")), Dir: r.path("work-" + name),
		Env: []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + r.path("tmp-"+name), "GOTRACEBACK=crash"}, Log: r.path(name + ".log"),
	})
	r.Must(err)
	r.processes[name] = p
}

// Process is a process as it was started last.
func (r *Rig) Process(name string) *devstack.Process { return r.processes[name] }

// Logged is what a process has logged so far.
func (r *Rig) Logged(name string) string {
	text, err := os.ReadFile(r.path(name + ".log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Error(err)
	}
	return string(text)
}

// Address is "host:port" of a face, or of its metrics ("public metrics").
func (r *Rig) Address(of string) string { return r.addresses[of] }

// Down is what a face says is down, "" when it is ready, "no answer" without one.
func (r *Rig) Down(face string) string {
	client := &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + r.addresses[face] + "/readyz")
	if err != nil {
		return "no answer"
	}
	defer res.Body.Close()
	var said struct{ Down []string }
	if err := json.NewDecoder(res.Body).Decode(&said); err != nil {
		return "no answer"
	}
	slices.Sort(said.Down)
	if res.StatusCode != http.StatusOK && len(said.Down) == 0 {
		return "something"
	}
	return join(said.Down)
}

// end stops the processes, each of which must end well and in time: one that
// hangs has leaked what it waits for.
func (r *Rig) end() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, name := range []string{Staff, Public, Custodian} {
		p := r.processes[name]
		if p == nil {
			continue
		}
		select {
		case <-p.Done():
			continue // the test ended it
		default:
		}
		began := time.Now()
		if err := p.Stop(ctx); err != nil {
			r.Errorf("%s did not stop: %v", name, err)
		} else if took := time.Since(began); took > 10*time.Second {
			r.Errorf("%s took %v to stop", name, took)
		}
	}
	if !r.spoiled {
		r.everyReadHasItsEntry()
	}
	if r.Failed() {
		for _, name := range []string{Custodian, Public, Staff} {
			r.TB.Logf("%s:\n%s", name, tail(r.Logged(name), 20))
		}
	}
}

// free are loopback addresses that nobody listens on. They lie below the ports that
// systems give to whoever asks for any: until a process listens on its own, nothing
// that starts meanwhile is given it.
func free(t testing.TB, names ...string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, name := range names {
		var listener net.Listener
		err := errors.New("no port was tried")
		for tries := 0; err != nil && tries < 100; tries++ {
			listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(15_000+mathrand.IntN(15_000))))
		}
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close() // when all are found, so that none is found twice
		found[name] = listener.Addr().String()
	}
	return found
}

// Metric is a figure that a face publishes.
func (r *Rig) Metric(face, name string) float64 {
	r.Helper()
	for line := range strings.Lines(r.Metrics(face)) {
		if text, is := strings.CutPrefix(line, name+" "); is {
			n, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			r.Must(err)
			return n
		}
	}
	r.Fatalf("the %s face publishes no %s", face, name)
	return 0
}

// Metrics is everything that a face publishes.
func (r *Rig) Metrics(face string) string {
	r.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := client.Get("http://" + r.addresses[face+" metrics"] + "/metrics")
	r.Must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	r.Must(err)
	return string(text)
}
