package devstack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/hashicorp/vault/api"
)

// VaultConfig says where a private Vault lives.
type VaultConfig struct {
	Dir      string   // storage/, audit.log, vault.log and the development keys; created when absent
	Binary   string   // from VaultBinary; empty: VaultBinary is asked
	Progress Progress // of a first build; may be nil
}

// Vault is a running Vault on loopback, initialised and unsealed.
type Vault struct {
	Address   string // URL
	Dir       string
	AuditFile string      // every request and answer, values hashed by Vault
	Root      *api.Client // signed in with the root token: provisioning, attacks in tests

	cfg  VaultConfig
	proc *Process
	keys vaultKeys
}

// vaultKeys are what initialising Vault answered. A production Vault's keys are
// split among people and its root token is revoked; these lie in one file.
type vaultKeys struct {
	Warning string `json:"warning"`
	Unseal  string `json:"unseal_key"`
	Root    string `json:"root_token"`
}

const keysFile = "DEVELOPMENT-ONLY-vault-keys.json"

// StartVault starts the Vault in cfg.Dir, initialising it when it is new, and
// returns when it is unsealed and audited. The server ends with the calling
// process.
func StartVault(ctx context.Context, cfg VaultConfig) (*Vault, error) {
	var err error
	if cfg.Binary == "" {
		if cfg.Binary, err = VaultBinary(ctx, cfg.Progress); err != nil {
			return nil, err
		}
	}
	if cfg.Dir, err = filepath.Abs(cfg.Dir); err != nil {
		return nil, fmt.Errorf("start Vault: %w", err)
	}
	if err := privateDir(cfg.Dir, unprivileged{}); err != nil {
		return nil, err
	}
	v := &Vault{Dir: cfg.Dir, AuditFile: filepath.Join(cfg.Dir, "audit.log"), cfg: cfg}
	if err := v.start(ctx); err != nil {
		return nil, err
	}
	if err := v.open(ctx); err != nil {
		v.Kill()
		return nil, err
	}
	return v, nil
}

// start runs the server and returns when it answers, sealed or not. A port that
// somebody took between looking and listening costs another try.
func (v *Vault) start(ctx context.Context) error {
	for attempt := 0; ; attempt++ {
		addr := strings.TrimPrefix(v.Address, "http://")
		if addr == "" {
			var err error
			if addr, err = freeAddress(); err != nil {
				return err
			}
		}
		err := v.startOn(ctx, addr)
		if err == nil || v.Address != "" || attempt == 4 || !strings.Contains(err.Error(), "address already in use") {
			return err
		}
	}
}

func (v *Vault) startOn(ctx context.Context, addr string) error {
	args, err := v.arguments(addr)
	if err != nil {
		return err
	}
	proc, err := Start(Command{Name: "vault", Path: v.cfg.Binary, Args: args, Dir: v.Dir,
		Log: filepath.Join(v.Dir, "vault.log"), Env: vaultEnvironment()})
	if err != nil {
		return err
	}
	client, err := vaultClient("http://" + addr)
	if err != nil {
		proc.Kill()
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		_, err := client.Sys().HealthWithContext(ctx)
		if err == nil {
			break
		}
		select {
		case <-tick.C:
		case <-proc.Done():
			return proc.Err()
		case <-ctx.Done():
			proc.Kill()
			return fmt.Errorf("Vault does not answer: %w", err)
		}
	}
	v.proc, v.Root, v.Address = proc, client, "http://"+addr
	return nil
}

// arguments are flags for tools/devvault, and a configuration file for a stock
// binary.
func (v *Vault) arguments(addr string) ([]string, error) {
	storage := filepath.Join(v.Dir, "storage")
	name := filepath.Base(v.cfg.Binary)
	if strings.HasPrefix(name, "devvault") {
		return []string{"-listen", addr, "-storage", storage}, nil
	}
	hcl := fmt.Sprintf(`# Written by sceau-dev: development only, loopback only, no TLS.
storage "file" {
  path = %q
}
listener "tcp" {
  address     = %q
  tls_disable = true
}
api_addr      = "http://%s"
disable_mlock = true
ui            = false
log_level     = "warn"
`, storage, addr, addr)
	if strings.HasPrefix(name, "bao") {
		hcl += "unsafe_allow_api_audit_creation = true\n"
	}
	file := filepath.Join(v.Dir, "vault.hcl")
	if err := os.WriteFile(file, []byte(hcl), 0o600); err != nil {
		return nil, fmt.Errorf("write Vault's configuration: %w", err)
	}
	return []string{"server", "-config=" + file}, nil
}

// open initialises a new Vault, unseals it, and switches its audit device on.
func (v *Vault) open(ctx context.Context) error {
	path := filepath.Join(v.Dir, keysFile)
	ready, err := v.Root.Sys().InitStatusWithContext(ctx)
	if err != nil {
		return fmt.Errorf("ask whether Vault is initialised: %w", err)
	}
	if !ready {
		res, err := v.Root.Sys().InitWithContext(ctx, &api.InitRequest{SecretShares: 1, SecretThreshold: 1})
		if err != nil {
			return fmt.Errorf("initialise Vault: %w", err)
		}
		v.keys = vaultKeys{Warning: "DEVELOPMENT ONLY: whoever reads this file reads every case key of this stack",
			Unseal: res.KeysB64[0], Root: res.RootToken}
		b, err := json.MarshalIndent(v.keys, "", "  ")
		if err != nil {
			return fmt.Errorf("encode the development keys: %w", err)
		}
		if err := os.WriteFile(path, append(b, '\n'), 0o600); err != nil {
			return fmt.Errorf("keep the development keys: %w", err)
		}
	} else if v.keys.Root == "" {
		b, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read the development keys: %w", err)
		}
		if err := json.Unmarshal(b, &v.keys); err != nil {
			return fmt.Errorf("read the development keys: %w", err)
		}
	}
	v.Root.SetToken(v.keys.Root)
	if err := v.Unseal(ctx); err != nil {
		return err
	}
	return v.audit(ctx)
}

// Unseal unseals with the kept key and returns when Vault serves.
func (v *Vault) Unseal(ctx context.Context) error {
	if _, err := v.Root.Sys().UnsealWithContext(ctx, v.keys.Unseal); err != nil {
		return fmt.Errorf("unseal Vault: %w", err)
	}
	return v.poll(ctx, "Vault does not become active", func() error {
		health, err := v.Root.Sys().HealthWithContext(ctx)
		switch {
		case err != nil:
			return err
		case health.Sealed || health.Standby || !health.Initialized:
			return errors.New("still sealed or in standby")
		}
		return nil
	})
}

// Seal seals Vault: it keeps running and refuses everything until Unseal.
func (v *Vault) Seal(ctx context.Context) error {
	if err := v.Root.Sys().SealWithContext(ctx); err != nil {
		return fmt.Errorf("seal Vault: %w", err)
	}
	return nil
}

// audit writes every request to AuditFile. X-Correlation-Id, which carries the
// hash of the entry that a key is read under, is shown in clear, so that
// Vault's own record can be reconciled with the log.
func (v *Vault) audit(ctx context.Context) error {
	devices, err := v.Root.Sys().ListAuditWithContext(ctx)
	if err != nil {
		return fmt.Errorf("list Vault's audit devices: %w", err)
	}
	if _, on := devices["file/"]; !on {
		err := v.Root.Sys().EnableAuditWithOptionsWithContext(ctx, "file", &api.EnableAuditOptions{
			Type: "file", Options: map[string]string{"file_path": v.AuditFile, "mode": "0600"},
		})
		if err != nil {
			return fmt.Errorf("switch Vault's audit on: %w", err)
		}
	}
	_, err = v.Root.Logical().WriteWithContext(ctx, "sys/config/auditing/request-headers/x-correlation-id",
		map[string]any{"hmac": false})
	if err != nil {
		return fmt.Errorf("show the correlation id in Vault's audit: %w", err)
	}
	return nil
}

// Process is the running server.
func (v *Vault) Process() *Process { return v.proc }

// Stop ends the server; its storage stays.
func (v *Vault) Stop(ctx context.Context) error { return v.proc.Stop(ctx) }

// Kill ends the server as a crash would.
func (v *Vault) Kill() {
	if v.proc != nil {
		v.proc.Kill()
	}
}

// Restart starts the server again after Stop or Kill, at the same address, and
// unseals it.
func (v *Vault) Restart(ctx context.Context) error {
	if err := v.start(ctx); err != nil {
		return err
	}
	return v.open(ctx)
}

// poll repeats try until it succeeds, for at most 30 s.
func (v *Vault) poll(ctx context.Context, failure string, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-v.proc.Done():
			return v.proc.Err()
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", failure, err)
		}
	}
}

// vaultClient is a client that nothing in the environment redirects.
func vaultClient(address string) (*api.Client, error) {
	cfg := api.DefaultConfig()
	if cfg.Error != nil {
		return nil, fmt.Errorf("set up the Vault client: %w", cfg.Error)
	}
	cfg.Address, cfg.AgentAddress = address, ""
	cfg.MaxRetries = 0
	cfg.Timeout = 10 * time.Second
	if t, ok := cfg.HttpClient.Transport.(*http.Transport); ok {
		t.Proxy = nil
	}
	client, err := api.NewClient(cfg)
	if err != nil {
		return nil, fmt.Errorf("set up the Vault client: %w", err)
	}
	client.ClearToken()
	client.ClearNamespace()
	return client, nil
}

// vaultEnvironment is the parent's without what would configure a stock server.
func vaultEnvironment() []string {
	var env []string
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "VAULT_") && !strings.HasPrefix(kv, "BAO_") {
			env = append(env, kv)
		}
	}
	return env
}

// freeAddress is a loopback address nobody listens on at the moment.
func freeAddress() (string, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	defer ln.Close()
	return ln.Addr().String(), nil
}
