package devstack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/vault/api"

	policies "github.com/sceau-project/sceau/deploy/vault"
)

// Names that the policies under deploy/vault refer to.
const (
	CasesMount    = "sceau-cases"   // KV v2, one path per case and class
	TransitMount  = "sceau-transit" // transit
	PepperKey     = "phrase-pepper" // HMAC of recovery phrases
	CheckpointKey = "checkpoint"    // Ed25519, signs checkpoints of the log
	RecipientsKey = "recipients"    // Ed25519, signs the recipients of cases
)

// AppRole is what a process signs in to Vault with: two files of mode 0600.
type AppRole struct{ RoleIDFile, SecretIDFile string }

// Provision mounts, configures and grants what a Sceau installation needs
// (deploy/vault/README.md says the same in commands). It may be repeated: what
// is there stays, policies and roles are brought up to date.
func (v *Vault) Provision(ctx context.Context) error {
	if err := v.mount(ctx, CasesMount, &api.MountInput{Type: "kv", Options: map[string]string{"version": "2"},
		Description: "Sceau's case keys, written once"}); err != nil {
		return err
	}
	if err := v.mount(ctx, TransitMount, &api.MountInput{Type: "transit",
		Description: "Sceau's pepper and signing keys"}); err != nil {
		return err
	}
	// A fresh KV v2 mount answers 400 while it upgrades itself in the background.
	err := v.poll(ctx, "require check-and-set for case keys", func() error {
		_, err := v.Root.Logical().WriteWithContext(ctx, CasesMount+"/config", map[string]any{"cas_required": true})
		return err
	})
	if err != nil {
		return err
	}
	// "hmac" keys are for HMAC only; none can be exported or deleted.
	for name, kind := range map[string]string{PepperKey: "hmac", CheckpointKey: "ed25519", RecipientsKey: "ed25519"} {
		input := map[string]any{"type": kind}
		if kind == "hmac" {
			input["key_size"] = 32
		}
		if err := v.write(ctx, TransitMount+"/keys/"+name, input); err != nil {
			return err
		}
	}
	for name, text := range map[string]string{"sceau-custodian": policies.Custodian, "sceau-publisher": policies.Publisher} {
		if err := v.Root.Sys().PutPolicyWithContext(ctx, name, text); err != nil {
			return fmt.Errorf("write policy %s: %w", name, err)
		}
	}
	auths, err := v.Root.Sys().ListAuthWithContext(ctx)
	if err != nil {
		return fmt.Errorf("list Vault's sign-in methods: %w", err)
	}
	if _, on := auths["approle/"]; !on {
		if err := v.Root.Sys().EnableAuthWithOptionsWithContext(ctx, "approle", &api.EnableAuthOptions{Type: "approle"}); err != nil {
			return fmt.Errorf("switch AppRole on: %w", err)
		}
	}
	for _, name := range []string{"sceau-custodian", "sceau-publisher"} {
		err := v.write(ctx, "auth/approle/role/"+name, map[string]any{
			"token_policies": name, "token_no_default_policy": true, "token_ttl": "20m", "token_max_ttl": "12h",
			"token_bound_cidrs": "127.0.0.1/32", "secret_id_bound_cidrs": "127.0.0.1/32",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Credentials writes the AppRole files of a process ("custodian" or
// "publisher") into dir, which is made. A secret id that Vault still knows is
// kept, so that a second start adds none.
func (v *Vault) Credentials(ctx context.Context, process, dir string) (AppRole, error) {
	role := "auth/approle/role/sceau-" + process
	files := AppRole{RoleIDFile: filepath.Join(dir, "role-id"), SecretIDFile: filepath.Join(dir, "secret-id")}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return files, fmt.Errorf("make %s: %w", dir, err)
	}
	id, err := v.Root.Logical().ReadWithContext(ctx, role+"/role-id")
	if err != nil || id == nil {
		return files, fmt.Errorf("read the role id of %s: %w", process, errors.Join(err, errNoAnswer(id)))
	}
	if err := writeSecret(files.RoleIDFile, id.Data["role_id"]); err != nil {
		return files, err
	}
	if old, err := os.ReadFile(files.SecretIDFile); err == nil {
		known, err := v.Root.Logical().WriteWithContext(ctx, role+"/secret-id/lookup",
			map[string]any{"secret_id": strings.TrimSpace(string(old))})
		if err == nil && known != nil {
			return files, nil
		}
	}
	secret, err := v.Root.Logical().WriteWithContext(ctx, role+"/secret-id", nil)
	if err != nil || secret == nil {
		return files, fmt.Errorf("issue a secret id for %s: %w", process, errors.Join(err, errNoAnswer(secret)))
	}
	return files, writeSecret(files.SecretIDFile, secret.Data["secret_id"])
}

// RecipientsPublicKey is the public half of the key that signs recipients, as a
// face's configuration wants it: 32 bytes in standard base64.
func (v *Vault) RecipientsPublicKey(ctx context.Context) (string, error) {
	secret, err := v.Root.Logical().ReadWithContext(ctx, TransitMount+"/keys/"+RecipientsKey)
	if err != nil || secret == nil {
		return "", fmt.Errorf("read the key that signs recipients: %w", errors.Join(err, errNoAnswer(secret)))
	}
	versions, _ := secret.Data["keys"].(map[string]any)
	first, _ := versions["1"].(map[string]any)
	public, _ := first["public_key"].(string)
	if public == "" {
		return "", errors.New("read the key that signs recipients: it has no public half")
	}
	return public, nil
}

// Login signs in as a process would, with its two files.
func (v *Vault) Login(ctx context.Context, files AppRole) (*api.Client, error) {
	role, err := os.ReadFile(files.RoleIDFile)
	if err != nil {
		return nil, fmt.Errorf("read role id: %w", err)
	}
	secret, err := os.ReadFile(files.SecretIDFile)
	if err != nil {
		return nil, fmt.Errorf("read secret id: %w", err)
	}
	client, err := vaultClient(v.Address)
	if err != nil {
		return nil, err
	}
	answer, err := client.Logical().WriteWithContext(ctx, "auth/approle/login", map[string]any{
		"role_id": strings.TrimSpace(string(role)), "secret_id": strings.TrimSpace(string(secret)),
	})
	if err != nil {
		return nil, fmt.Errorf("sign in to Vault: %w", err)
	}
	if answer == nil || answer.Auth == nil {
		return nil, errors.New("sign in to Vault: no token in the answer")
	}
	client.SetToken(answer.Auth.ClientToken)
	return client, nil
}

func (v *Vault) mount(ctx context.Context, path string, in *api.MountInput) error {
	mounts, err := v.Root.Sys().ListMountsWithContext(ctx)
	if err != nil {
		return fmt.Errorf("list Vault's mounts: %w", err)
	}
	if _, there := mounts[path+"/"]; there {
		return nil
	}
	err = v.Root.Sys().MountWithContext(ctx, path, in)
	var answer *api.ResponseError
	if errors.As(err, &answer) && answer.StatusCode == http.StatusBadRequest &&
		strings.Contains(err.Error(), "path is already in use") {
		return nil // another provisioner was faster
	}
	if err != nil {
		return fmt.Errorf("mount %s: %w", path, err)
	}
	return nil
}

func (v *Vault) write(ctx context.Context, path string, data map[string]any) error {
	if _, err := v.Root.Logical().WriteWithContext(ctx, path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func writeSecret(path string, value any) error {
	s, ok := value.(string)
	if !ok || s == "" {
		return fmt.Errorf("write %s: Vault answered no value", path)
	}
	if err := os.WriteFile(path, []byte(s+"\n"), 0o600); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func errNoAnswer(s *api.Secret) error {
	if s == nil {
		return errors.New("no answer")
	}
	return nil
}
