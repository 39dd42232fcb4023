package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const publicYAML = `log:
  origin: sceau.example.org/2026
database:
  url: postgres://sceau_public:s3cr3t-pass@localhost/sceau
public:
  listen: 127.0.0.1:8080
  trusted_proxies: [127.0.0.0/8, "2001:db8::/32"]
  metrics: 127.0.0.1:9080
  shutdown_grace: 3s
seal: {recipients_public_keys: [UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw=]}
custodian:
  socket: /run/sceau/custodian.sock
`

const (
	keyOne = "policy-1+17a338d1+AQ2BMj1r+nB6Ze8V9A6DHli8c3Oy+r0Lk6OPpgJE6dj+"
	keyTwo = "policy-2+b6cbbcb2+AdHFOMnsnOHkPUUzZZ3znARTTJUknBRakuFhKPIU2pwi"

	signersYAML = "policy: {signers: [{person: p-1, key: " + keyOne + "}, {person: p-2, key: " + keyTwo + "}]}\n"
)

func TestParse(t *testing.T) {
	c, err := Parse("sceau.yaml", []byte(publicYAML), []string{"PATH=/bin", "SCEAU_LOGGING_LEVEL=debug", "SCEAU_LIMITS_RETURNS_PER_HOUR=7", "SCEAU_VAULT_BIN=/x"}, RolePublic)
	if err != nil {
		t.Fatal(err)
	}
	if c.Public.ShutdownGrace != 3*time.Second || c.Staff.ShutdownGrace != 10*time.Second {
		t.Errorf("shutdown_grace: got %v and %v", c.Public.ShutdownGrace, c.Staff.ShutdownGrace)
	}
	if len(c.Public.TrustedProxies) != 2 || c.Logging.Level != "debug" || c.Limits.ReturnsPerHour != 7 || c.OIDC.PersonClaim != "person" {
		t.Errorf("got %+v", c)
	}
}

// TestRefusals: each fault is found, its key and place are named, and no
// value is repeated, because any value may be a secret.
func TestRefusals(t *testing.T) {
	tests := []struct {
		name, yaml string
		env        []string
		role       Role
		want       string
	}{
		{"unknown key", publicYAML + "  sockett: /x\n", nil, RolePublic, "sceau.yaml:13: unknown key sockett"},
		{"unknown section", publicYAML + "s3cr3t-section: 1\n", nil, RolePublic, "sceau.yaml:13: unknown key"},
		{"second document", publicYAML + "---\nlog: {}\n", nil, RolePublic, "a second document"},
		{"duplicate key", publicYAML + "log:\n  origin: s3cr3t-other\n", nil, RolePublic, "key log is set twice, first at line 1"},
		{"wrong type", strings.Replace(publicYAML, "3s", "s3cr3t-duration", 1), nil, RolePublic, "sceau.yaml:9: expected a duration"},
		{"not yaml", "log: [s3cr3t-", nil, RolePublic, "not valid YAML"},
		{"metrics for all", strings.Replace(publicYAML, "127.0.0.1:9080", "0.0.0.0:9080", 1), nil, RolePublic, "sceau.yaml:8: public.metrics: must be a loopback address"},
		{"trusted Internet", strings.Replace(publicYAML, "127.0.0.0/8", "0.0.0.0/0", 1), nil, RolePublic, "sceau.yaml:7: public.trusted_proxies"},
		{"bad origin", publicYAML, []string{"SCEAU_LOG_ORIGIN=s3cr3t name"}, RolePublic, "log.origin (SCEAU_LOG_ORIGIN): must be"},
		{"bad number in the environment", publicYAML, []string{"SCEAU_DATABASE_MAX_CONNECTIONS=s3cr3t"}, RolePublic, "expected a whole number"},
		{"misspelt variable", publicYAML, []string{"SCEAU_DATABASE_ULR=s3cr3t"}, RolePublic, "SCEAU_DATABASE_ULR: no such key"},
		{"long origin", publicYAML, []string{"SCEAU_LOG_ORIGIN=" + strings.Repeat("s3cr3t", 34)}, RolePublic, "log.origin (SCEAU_LOG_ORIGIN): must be at most 200"},
		{"no database", "log: {origin: a}\n", nil, RoleOwner, "database.url: is missing; set it, or SCEAU_DATABASE_URL"},
		{"not a database URL", "log: {origin: a}\ndatabase: {url: 's3cr3t dsn'}\n", nil, RoleOwner, "sceau.yaml:2: database.url: must be a URL"},
		{"Vault for a face", publicYAML + "vault:\n  role_id_file: /s3cr3t\n", nil, RolePublic, "only the custodian"},
		{"plain http to a provider elsewhere", publicYAML + "oidc: {issuer: 'http://s3cr3t.example.org'}\n", []string{"SCEAU_STAFF_LISTEN=127.0.0.1:1"}, RoleStaff, "oidc.issuer: plain http"},
		{"one audience for both", publicYAML + "oidc: {issuer: 'https://a.example', staff_audience: s3cr3t, custodian_audience: s3cr3t}\n", nil, RoleStaff, "oidc.custodian_audience: must differ"},
		{"a duty desk of two lines", publicYAML, []string{"SCEAU_STAFF_DUTY_DESK=s3cr3t\nline"}, RoleStaff, "staff.duty_desk (SCEAU_STAFF_DUTY_DESK): must be one line"},
		{"a long duty desk", publicYAML, []string{"SCEAU_STAFF_DUTY_DESK=" + strings.Repeat("s3cr3t", 17)}, RoleStaff, "at most 100 printable"},
		{"a duty desk for minors", publicYAML, []string{"SCEAU_PUBLIC_DUTY_DESK=s3cr3t"}, RolePublic, "is for members of staff"},
		{"an exit that is no address", publicYAML, []string{"SCEAU_PUBLIC_EXIT_URL=http://s3cr3t.example"}, RolePublic, "public.exit_url (SCEAU_PUBLIC_EXIT_URL): must be an https address"},
		{"an exit for staff", publicYAML, []string{"SCEAU_STAFF_EXIT_URL=https://s3cr3t.example"}, RoleStaff, "is of the minors' face"},
		{"pages without a client", publicYAML, []string{"SCEAU_STAFF_URL=https://s3cr3t.example"}, RoleStaff, "oidc.client_id: is missing"},
		{"a client without pages", publicYAML, []string{"SCEAU_OIDC_CLIENT_ID=s3cr3t"}, RoleStaff, "staff.url: is missing"},
		{"a secret without a client", publicYAML, []string{"SCEAU_OIDC_CLIENT_SECRET_FILE=/s3cr3t"}, RoleStaff, "oidc.client_id: is missing"},
		{"a secret that is not there", publicYAML, []string{"SCEAU_STAFF_URL=https://a.example", "SCEAU_OIDC_CLIENT_ID=a", "SCEAU_OIDC_CLIENT_SECRET_FILE=/nowhere"}, RoleStaff, "oidc.client_secret_file (SCEAU_OIDC_CLIENT_SECRET_FILE): the file /nowhere does not exist"},
		{"pages without TLS", publicYAML, []string{"SCEAU_STAFF_URL=http://s3cr3t.example", "SCEAU_OIDC_CLIENT_ID=a"}, RoleStaff, "staff.url (SCEAU_STAFF_URL): plain http"},
		{"pages below a path", publicYAML, []string{"SCEAU_STAFF_URL=https://a.example/s3cr3t", "SCEAU_OIDC_CLIENT_ID=a"}, RoleStaff, "must be an origin"},
		{"a site with a path", publicYAML, []string{"SCEAU_PUBLIC_URL=https://s3cr3t.example/chat"}, RolePublic, "public.url (SCEAU_PUBLIC_URL): must be an origin"},
		{"a site in clear", publicYAML, []string{"SCEAU_PUBLIC_URL=http://s3cr3t.example"}, RolePublic, "public.url (SCEAU_PUBLIC_URL): plain http"},
		{"sign-ins without a login", publicYAML, []string{"SCEAU_STAFF_URL=https://a.example", "SCEAU_OIDC_CLIENT_ID=a", "SCEAU_OIDC_PROMPT=none"}, RoleStaff, "oidc.prompt (SCEAU_OIDC_PROMPT): must hold login"},
		{"a parameter of one's own", publicYAML, []string{"SCEAU_STAFF_URL=https://a.example", "SCEAU_OIDC_CLIENT_ID=a", "SCEAU_OIDC_PARAMETERS=redirect_uri=s3cr3t"}, RoleStaff, "redirect_uri is set by the service itself"},
		{"a parameter without a name", publicYAML, []string{"SCEAU_STAFF_URL=https://a.example", "SCEAU_OIDC_CLIENT_ID=a", "SCEAU_OIDC_PARAMETERS=s3cr3t"}, RoleStaff, "must be name=value"},
		{"two scopes in one", publicYAML + "oidc: {issuer: 'https://a.example', client_id: a, scopes: ['a s3cr3t']}\n", []string{"SCEAU_STAFF_URL=https://a.example"}, RoleStaff, "oidc.scopes: every item must be one scope"},
		{"a session of seconds", publicYAML, []string{"SCEAU_STAFF_IDLE_TIMEOUT=1s"}, RoleStaff, "staff.idle_timeout (SCEAU_STAFF_IDLE_TIMEOUT): must lie between 1m0s and 2h0m0s"},
		{"a session of days", publicYAML, []string{"SCEAU_STAFF_SESSION_LIMIT=48h"}, RoleStaff, "staff.session_limit (SCEAU_STAFF_SESSION_LIMIT): must lie between"},
		{"unknown role name", publicYAML + "oidc: {issuer: 'https://a.example', roles: {a: s3cr3t}}\n", nil, RoleStaff, "oidc.roles: every value"},
		{"nobody changes policy", publicYAML, nil, RoleStaff, "policy.signers: is missing; set it, or SCEAU_POLICY_SIGNERS"},
		{"one person changes policy", publicYAML + "policy: {signers: [{person: s3cr3t, key: " + keyOne + "}, {person: s3cr3t, key: " + keyTwo + "}]}\n", nil, RoleStaff,
			"sceau.yaml:13: policy.signers: policy is changed by 2 people"},
		{"one key for two", publicYAML, []string{"SCEAU_POLICY_SIGNERS=p-1=" + keyOne + ",p-2=" + keyOne}, RoleCustodian, "policy.signers (SCEAU_POLICY_SIGNERS): signer 2: its key's name is another's"},
		{"a private key pinned", publicYAML, []string{"SCEAU_POLICY_SIGNERS=p-1=" + keyOne + ",p-2=PRIVATE+KEY+s3cr3t"}, RoleOperator, "signer 2: this is a private key"},
		{"a key that is none", publicYAML, []string{"SCEAU_POLICY_SIGNERS=p-1=s3cr3t"}, RoleOperator, "signer 1: key is not a verifier key"},
		{"a key without its person", publicYAML, []string{"SCEAU_POLICY_SIGNERS=s3cr3t"}, RoleOperator, "expected pairs such as"},
		{"an unknown key of a signer", publicYAML + "policy: {signers: [{name: s3cr3t}]}\n", nil, RoleOperator, "unknown key name"},
		{"half of TLS", publicYAML, []string{"SCEAU_PUBLIC_TLS_KEY=/s3cr3t"}, RolePublic, "public.tls_certificate: needs tls_key"},
		{"no key of recipients", strings.Replace(publicYAML, "[UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw=]", "[]", 1), nil, RolePublic, "seal.recipients_public_keys: is missing"},
		{"no key of recipients for staff", strings.Replace(publicYAML, "[UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw=]", "[]", 1), nil, RoleStaff, "seal.recipients_public_keys: is missing"},
		{"a key of recipients that is none", publicYAML, []string{"SCEAU_SEAL_RECIPIENTS_PUBLIC_KEYS=s3cr3t"}, RolePublic, "seal.recipients_public_keys (SCEAU_SEAL_RECIPIENTS_PUBLIC_KEYS): a key that signs recipients is 32 bytes"},
		{"a key of recipients twice", strings.Replace(publicYAML, "[UNh", "[UNhY4JhezH9gQYqvDMWrWH9CwlcKiECVqejMrND2VFw=, UNh", 1), nil, RolePublic, "listed twice"},
		{"long socket", publicYAML, []string{"SCEAU_CUSTODIAN_SOCKET=/" + strings.Repeat("s3cr3t", 20)}, RolePublic, "107 bytes"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("sceau.yaml", []byte(tt.yaml), tt.env, tt.role)
			var fault *Error
			if !errors.As(err, &fault) {
				t.Fatalf("got %v, want an *Error", err)
			}
			if !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %q, want it to contain %q", err, tt.want)
			}
			if strings.Contains(strings.ReplaceAll(err.Error(), "s3cr3t-section", ""), "s3cr3t") {
				t.Errorf("the error repeats a value: %q", err)
			}
		})
	}
}

func TestEveryRoleHasASufficientExample(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"key.pem", "role-id", "secret-id"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, role := range Roles {
		source := publicYAML + `staff: {listen: "127.0.0.1:8081"}
oidc: {issuer: "https://id.example.org"}
` + signersYAML
		if role == RoleCustodian {
			source = strings.Replace(source, "custodian:\n", "custodian:\n  state_dir: /var/lib/sceau\n", 1) +
				"vault: {address: 'http://127.0.0.1:8200', role_id_file: " + filepath.Join(dir, "role-id") + ", secret_id_file: " + filepath.Join(dir, "secret-id") + "}\n"
		}
		if _, err := Parse("sceau.yaml", []byte(source), nil, role); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// TestTheCustodiansMetricsStayOnThisMachine: on loopback or on a socket, nowhere else.
func TestTheCustodiansMetricsStayOnThisMachine(t *testing.T) {
	for value, good := range map[string]bool{
		"": true, "127.0.0.1:9083": true, "[::1]:9083": true, "unix:/run/sceau/metrics.sock": true,
		"0.0.0.0:9083": false, "10.0.0.1:9083": false, ":9083": false, "unix:": false,
		"unix:/" + strings.Repeat("x", 200): false, "/run/sceau/metrics.sock": false,
	} {
		_, err := Parse("sceau.yaml", []byte(publicYAML), []string{"SCEAU_CUSTODIAN_METRICS=" + value}, RoleCustodian)
		if err == nil {
			t.Fatal("a configuration without Vault was taken")
		}
		if found := strings.Contains(err.Error(), "custodian.metrics"); found == good {
			t.Errorf("%q: %v", value, err)
		}
	}
}

// TestOneAddressCannotUseUpEverybodysPhrases: what one address may try is less
// than what the custodian accepts at once from all.
func TestOneAddressCannotUseUpEverybodysPhrases(t *testing.T) {
	c, err := Parse("sceau.yaml", []byte(publicYAML), nil, RolePublic)
	if err != nil {
		t.Fatal(err)
	}
	if c.Limits.ReturnsPerHour >= c.Custodian.PhrasesAtOnce {
		t.Errorf("by default one address may try %d phrases, all together %d at once", c.Limits.ReturnsPerHour, c.Custodian.PhrasesAtOnce)
	}
}

// TestExamples: the files under deploy/config are complete, but for the keys and
// certificates that only an operator has.
func TestExamples(t *testing.T) {
	for _, role := range Roles {
		name := filepath.Join("..", "..", "deploy", "config", string(role)+".yaml")
		_, err := Load(name, nil, role)
		var fault *Error
		if err != nil && !errors.As(err, &fault) {
			t.Fatal(err)
		}
		if fault == nil {
			continue
		}
		for _, finding := range fault.Findings {
			if !strings.HasSuffix(finding, "does not exist") {
				t.Error(finding)
			}
		}
	}
}

// TestEnvironmentReachesEveryKey: no key can be set in the file alone.
func TestEnvironmentReachesEveryKey(t *testing.T) {
	seen := map[string]string{}
	for _, key := range Keys() {
		name := EnvName(key)
		if other, taken := seen[name]; taken {
			t.Errorf("%s and %s share %s", key, other, name)
		}
		seen[name] = key
		var c Config
		p := places{lines: map[string]int{}, env: map[string]string{}}
		for _, finding := range overlay(&c, &p, []string{name + "=1"}) {
			if strings.Contains(finding, "another kind") || strings.Contains(finding, "no such key") {
				t.Errorf("%s: %s", key, finding)
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(publicYAML), "SCEAU_LOGGING_LEVEL=info")
	f.Add([]byte("log: &a {origin: x}\ndatabase: *a\n"), "SCEAU_OIDC_ROLES=a=agent")
	f.Fuzz(func(t *testing.T, source []byte, env string) {
		for _, role := range Roles {
			c, err := Parse("f", source, []string{env}, role)
			if (c == nil) == (err == nil) {
				t.Fatal("exactly one of configuration and error must be given")
			}
		}
	})
}
