// Command devvault is a Vault server for development and tests, built from the
// published modules of HashiCorp Vault: the real core, HTTP API, seal, policies
// and audit, with only the backends Sceau uses (KV v2, transit, AppRole, file
// audit; storage in a folder or in memory).
//
// It is a module of its own, so that none of Vault's dependencies reach the
// service. Vault is licensed under the Business Source License 1.1: free for
// development and tests. This program is never shipped; operators bring their
// own Vault. The modules under stub/ replace cloud integrations that a server
// on loopback never uses and that would more than double the build.
//
// It starts sealed and, on an empty folder, uninitialised: callers initialise
// and unseal it through its API, as they would any Vault. SIGTERM or SIGINT
// ends it cleanly.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	log "github.com/hashicorp/go-hclog"
	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/audit"
	"github.com/hashicorp/vault/builtin/credential/approle"
	"github.com/hashicorp/vault/builtin/logical/transit"
	vaulthttp "github.com/hashicorp/vault/http"
	"github.com/hashicorp/vault/internalshared/configutil"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
	"github.com/hashicorp/vault/sdk/physical"
	"github.com/hashicorp/vault/sdk/physical/file"
	"github.com/hashicorp/vault/sdk/physical/inmem"
	"github.com/hashicorp/vault/vault"
)

var (
	secrets = map[string]logical.Factory{"kv": kv.Factory, "transit": transit.Factory}
	auths   = map[string]logical.Factory{"approle": approle.Factory}
)

func main() {
	addr := flag.String("listen", "127.0.0.1:8200", "loopback address to listen on")
	dir := flag.String("storage", "", "storage folder, created when absent; empty: in memory")
	level := flag.String("log-level", "warn", "log level")
	flag.Parse()
	if err := run(*addr, *dir, *level); err != nil {
		fmt.Fprintln(os.Stderr, "devvault:", err)
		os.Exit(1)
	}
}

func run(addr, dir, level string) error {
	logger := log.New(&log.LoggerOptions{Name: "devvault", Level: log.LevelFromString(level), Output: os.Stderr})
	// Bound before the core exists: two servers on one port must not both open
	// the same storage.
	ln, err := listen(addr)
	if err != nil {
		return err
	}
	core, err := newCore(dir, logger)
	if err != nil {
		return err
	}
	srv := &http.Server{ReadHeaderTimeout: 10 * time.Second, Handler: vaulthttp.Handler.Handler(&vault.HandlerProperties{
		Core: core,
		ListenerConfig: &configutil.Listener{
			Type: "tcp", Address: addr, MaxRequestSize: 1 << 20, MaxRequestDuration: 30 * time.Second,
		},
	})}
	stop, done := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer done()
	go func() {
		<-stop.Done()
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		// A request that does not end is cut off: the core's own shutdown is
		// what leaves the storage in order.
		_ = srv.Shutdown(ctx)
	}()
	fmt.Println("listening on", ln.Addr())
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	if err := core.Shutdown(); err != nil { // seals, and returns when sealed
		return fmt.Errorf("shut down: %w", err)
	}
	return nil
}

// listen refuses any address that another machine could reach: there is no TLS.
func listen(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return nil, fmt.Errorf("address %q is not a loopback address", addr)
	}
	return net.Listen("tcp", addr)
}

func newCore(dir string, logger log.Logger) (*vault.Core, error) {
	var (
		phys  physical.Backend
		err   error
		stype = "inmem"
	)
	if dir == "" {
		phys, err = inmem.NewInmem(nil, logger)
	} else {
		stype = "file"
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, fmt.Errorf("storage: %w", err)
		}
		phys, err = file.NewFileBackend(map[string]string{"path": dir}, logger)
	}
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	core, err := vault.NewCore(&vault.CoreConfig{
		Physical: phys, StorageType: stype, Logger: logger, DisableMlock: true,
		LogicalBackends: secrets, CredentialBackends: auths,
		AuditBackends:   map[string]audit.Factory{"file": audit.NewFileBackend},
		BuiltinRegistry: registry{}, DefaultLeaseTTL: time.Hour, MaxLeaseTTL: 768 * time.Hour,
		DisablePerformanceStandby: true,
	})
	if err != nil {
		return nil, fmt.Errorf("core: %w", err)
	}
	return core, nil
}

// registry tells the core which backends are built in.
type registry struct{}

func (registry) factories(t consts.PluginType) map[string]logical.Factory {
	switch t {
	case consts.PluginTypeSecrets:
		return secrets
	case consts.PluginTypeCredential:
		return auths
	}
	return nil
}

func (r registry) Contains(name string, t consts.PluginType) bool {
	_, ok := r.factories(t)[name]
	return ok
}

func (r registry) Get(name string, t consts.PluginType) (func() (any, error), bool) {
	f, ok := r.factories(t)[name]
	return func() (any, error) { return f, nil }, ok
}

func (r registry) Keys(t consts.PluginType) []string {
	var names []string
	for name := range r.factories(t) {
		names = append(names, name)
	}
	return names
}

func (r registry) DeprecationStatus(name string, t consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, r.Contains(name, t)
}

func (registry) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
