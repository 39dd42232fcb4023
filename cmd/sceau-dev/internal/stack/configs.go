package stack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/internal/devissuer"
)

const socketsPrefix = "sceau-dev-"

// section is a part of a configuration file.
type section = map[string]any

func (s *Stack) config(process string) string { return s.path("config", process+".yaml") }

// writeConfigs writes one file per process, each with what that process may
// know. Addresses change from start to start, so they are written every time.
func (s *Stack) writeConfigs(ctx context.Context) error {
	// A socket's path has at most 107 bytes, so it cannot lie below cfg.Dir.
	base := os.TempDir()
	if len(base) > 60 {
		base = "/tmp"
	}
	// What a killed stack left. The state is this user's own file, yet only what
	// such a directory is called is removed.
	if old := s.state.Sockets; strings.HasPrefix(filepath.Base(old), socketsPrefix) {
		if err := os.RemoveAll(old); err != nil {
			return fmt.Errorf("removing the directory of an earlier socket: %w", err)
		}
	}
	var err error
	if s.sockets, err = os.MkdirTemp(base, socketsPrefix); err != nil {
		return fmt.Errorf("making the directory of the custodian's socket: %w", err)
	}
	s.state.Sockets = s.sockets
	s.Socket = filepath.Join(s.sockets, "custodian.sock")
	credentials, err := s.Vault.Credentials(ctx, "custodian", s.path("secrets", "custodian"))
	if err != nil {
		return err
	}
	var signers []section
	for _, one := range s.state.Signers {
		signers = append(signers, section{"person": one.Name, "key": one.Public})
		if err := writeFile(s.signingKey(one), []byte(one.Private+"\n")); err != nil {
			return err
		}
	}
	vouching, err := s.Vault.RecipientsPublicKey(ctx)
	if err != nil {
		return err
	}
	vouched := section{"recipients_public_keys": []string{vouching}}
	pinned := section{"signers": signers}
	oidc := section{"issuer": s.Issuer.URL}
	limits := section{}
	if s.cfg.Busy {
		limits = section{"requests_per_minute": 1_000_000, "conversations_per_hour": 1_000_000, "returns_per_hour": 1_000_000}
	}
	calls := section{}
	if s.cfg.Pager != nil {
		secret := s.path("secrets", "pager.secret")
		if err := writeFile(secret, []byte(s.cfg.Pager.Secret+"\n")); err != nil {
			return err
		}
		calls["webhooks"] = []section{{"name": "pager", "url": s.cfg.Pager.URL, "secret_file": secret,
			"roles": []string{"agent", "supervisor", "inspector", "privacy_officer"}}}
	}
	s.state.Issuer = s.Issuer.URL
	for process, doc := range map[string]section{
		"public": {
			"public":    section{"listen": s.cfg.Public, "trusted_proxies": []string{ProxyAddress + "/32"}},
			"custodian": section{"socket": s.Socket}, "limits": limits, "seal": vouched,
		},
		"staff": {
			"staff": section{"listen": s.cfg.Staff, "url": "http://" + s.cfg.Staff}, "custodian": section{"socket": s.Socket},
			"oidc": section{"issuer": s.Issuer.URL, "client_id": devissuer.ClientID, "scopes": []string{"offline_access"}}, "policy": pinned, "limits": limits, "seal": vouched, "notices": calls,
		},
		"custodian": {
			"custodian": section{"socket": s.Socket, "state_dir": s.path("custodian")},
			"vault":     section{"address": s.Vault.Address, "role_id_file": credentials.RoleIDFile, "secret_id_file": credentials.SecretIDFile},
			"oidc":      oidc, "policy": pinned,
		},
		"operator": {"policy": pinned},
		"owner":    {},
	} {
		doc["log"] = section{"origin": s.state.Origin}
		doc["database"] = section{"url": s.URL("sceau_" + process)}
		doc["logging"] = section{"level": s.cfg.Level}
		text, err := yaml.Marshal(doc)
		if err != nil {
			return fmt.Errorf("writing the configuration of %s: %w", process, err)
		}
		if err := writeFile(s.config(process), append([]byte("# Written by sceau-dev at every start.\n"), text...)); err != nil {
			return err
		}
	}
	return nil
}
