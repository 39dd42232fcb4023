// Package config reads the configuration of one Sceau process.
//
// Every process of the service (see Role) reads one YAML document of the same
// shape and uses the sections it needs; a process is given a file of its own,
// so that no secret lies in the file of a process that must not have it. Any
// key can be set from the environment instead: SCEAU_ followed by the key in
// capitals, its dots written as underscores (database.url is
// SCEAU_DATABASE_URL; lists are separated by commas). The environment wins; an
// empty variable counts as unset.
//
// Reading is strict: an unknown key, a second document, a duplicate, a value
// out of its range, or an unknown SCEAU_* variable of a known section stops
// the start with an error that names the key and its line. No error and no
// output repeats a value, since values may be secrets.
package config

import (
	"time"

	"github.com/sceau-project/sceau/policy"
)

// Config is everything that can be configured.
type Config struct {
	Log       Log       `yaml:"log"`
	Database  Database  `yaml:"database"`
	Public    Face      `yaml:"public"`
	Staff     Face      `yaml:"staff"`
	Custodian Custodian `yaml:"custodian"`
	Vault     Vault     `yaml:"vault"`
	OIDC      OIDC      `yaml:"oidc"`
	Seal      Seal      `yaml:"seal"`
	Policy    Policy    `yaml:"policy"`
	Limits    Limits    `yaml:"limits"`
	Notices   Notices   `yaml:"notices"`
	Logging   Logging   `yaml:"logging"`
}

// Log names the audit log.
type Log struct {
	// Origin is the log's name, fixed for ever when the log begins: it is
	// hashed into the first entry, and a process refuses a database whose log
	// has another. At most 200 printable ASCII characters without space, quote, backslash or plus, such
	// as "sceau.example.org/2026".
	Origin string `yaml:"origin"`
}

// Database is the process's own access to PostgreSQL.
type Database struct {
	// URL is a PostgreSQL connection string for the role of this process alone
	// (sceau_public, sceau_staff, sceau_custodian, sceau_operator, sceau_owner).
	URL string `yaml:"url"`
	// MaxConnections bounds the process's pool. 2 to 200; 16 when absent.
	MaxConnections int `yaml:"max_connections"`
}

// Face is one listener for people: the public one or that of the staff.
type Face struct {
	// Listen is the address and port to serve on, such as "127.0.0.1:8080".
	Listen string `yaml:"listen"`
	// TrustedProxies are the networks (CIDR) whose connections must begin with
	// a PROXY protocol v2 header that names the client's address and port. A
	// header from anywhere else refuses the connection. Empty: the peer is the
	// client.
	TrustedProxies []string `yaml:"trusted_proxies"`
	// TLSCertificate and TLSKey are PEM files; with both, the face speaks TLS
	// itself (1.2 or newer).
	TLSCertificate string `yaml:"tls_certificate"`
	TLSKey         string `yaml:"tls_key"`
	// Metrics is the loopback address of the Prometheus listener, such as
	// "127.0.0.1:9080". Empty: none.
	Metrics string `yaml:"metrics"`
	// Origins are further origins ("https://example.org") whose pages may
	// send state-changing requests. The face's own origin needs no mention.
	Origins []string `yaml:"origins"`
	// ShutdownGrace is how long requests under way may take to end after
	// SIGTERM. 0s to 5m; 10s when absent.
	ShutdownGrace time.Duration `yaml:"shutdown_grace"`
	// DutyDesk is whom members of staff call when nobody who may answer is on duty,
	// as it is shown to them: a number, with a name. At most 100 printable
	// characters; of the staff's face only. Empty: they are told to call whoever runs
	// the service.
	DutyDesk string `yaml:"duty_desk"`
	// ExitURL is where "leave quickly" leads from the pages of minors: a site that
	// tells nothing, such as "https://meteofrance.com/", which it is when absent.
	// https; of the public face only.
	ExitURL string `yaml:"exit_url"`
	// URL is how browsers reach the face, such as "https://staff.example.org": https, or
	// http on this machine. With https, cookies are bound to the host and never sent in
	// clear, also where TLS ends at a proxy. The staff's pages need it, with
	// oidc.client_id; without both, that face speaks JSON alone.
	URL string `yaml:"url"`
	// IdleTimeout signs a browser out in which nobody did anything for so long; what
	// a page asks for by itself does not count. 1m to 2h; 15m when absent. Of the staff's
	// face only, as what follows.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// SessionLimit signs a browser out after so long, whatever anybody does. 5m to
	// 24h; 10h when absent.
	SessionLimit time.Duration `yaml:"session_limit"`
}

// Custodian is where the custodian listens and what it remembers.
type Custodian struct {
	// Socket is the path of the custodian's unix socket, at most 107 bytes.
	Socket string `yaml:"socket"`
	// StateDir is the custodian's own directory (mode 0700): it remembers the
	// highest head of the log it has seen there, outside PostgreSQL.
	StateDir string `yaml:"state_dir"`
	// ReadyKeys is how many cases with fresh keys are kept ready for new
	// conversations. 1 to 10,000; 32 when absent.
	ReadyKeys int `yaml:"ready_keys"`
	// IdleTimeout ends a reading session that unwrapped nothing for so long.
	// 1s to 1h; 15m when absent.
	IdleTimeout time.Duration `yaml:"idle_timeout"`
	// SessionLimit ends any reading session after so long. 1s to 24h; 8h when
	// absent.
	SessionLimit time.Duration `yaml:"session_limit"`
	// PhrasesPerSecond bounds how many recovery phrases are tried by everybody
	// together: phrases are too many to be found by guessing, and this keeps
	// guessing from loading Vault and PostgreSQL. As many may be issued. 1 to
	// 1,000; 10 when absent.
	PhrasesPerSecond int `yaml:"phrases_per_second"`
	// PhrasesAtOnce is how many may be tried at once, after a time without any.
	// It must be larger than limits.returns_per_hour of the public face, so that
	// no single address can use up what is there for everybody. 1 to 10,000; 50
	// when absent.
	PhrasesAtOnce int `yaml:"phrases_at_once"`
	// ErasureEvery is how often granted erasures are looked for, to destroy their
	// keys. 1s to 1m; 3s when absent.
	ErasureEvery time.Duration `yaml:"erasure_every"`
	// RetentionEvery is how often is looked for what was kept as long as policy
	// allows, and whether Vault still says that what is destroyed is. 1s to 24h; 1h
	// when absent.
	RetentionEvery time.Duration `yaml:"retention_every"`
	// Metrics is where Prometheus reads the custodian's metrics: a loopback address
	// such as "127.0.0.1:9083", or "unix:" and the path of a socket. Empty: none.
	Metrics string `yaml:"metrics"`
}

// Vault is the custodian's access to Vault. No other process may have it.
type Vault struct {
	// Address is Vault's URL, such as "https://vault.example.org:8200".
	Address string `yaml:"address"`
	// CACertificate is a PEM file of the authority that signed Vault's
	// certificate. Empty: the system's, which no variable may then replace.
	// VAULT_* variables are not used at all.
	CACertificate string `yaml:"ca_certificate"`
	// RoleIDFile and SecretIDFile hold the custodian's AppRole.
	RoleIDFile   string `yaml:"role_id_file"`
	SecretIDFile string `yaml:"secret_id_file"`
	// CasesMount is the KV v2 mount of case keys; "sceau-cases" when absent.
	CasesMount string `yaml:"cases_mount"`
	// TransitMount is the transit mount; "sceau-transit" when absent.
	TransitMount string `yaml:"transit_mount"`
	// PepperKey is the transit key of recovery phrases; "phrase-pepper" when
	// absent.
	PepperKey string `yaml:"pepper_key"`
	// RecipientsKey is the transit Ed25519 key that signs the recipients of
	// cases; "recipients" when absent.
	RecipientsKey string `yaml:"recipients_key"`
	// Timeout bounds one request to Vault. 100ms to 30s; 3s when absent.
	Timeout time.Duration `yaml:"timeout"`
}

// OIDC says whose tokens name the staff.
type OIDC struct {
	// Issuer is the provider's URL; its discovery document is read from there.
	Issuer string `yaml:"issuer"`
	// StaffAudience must be among a token's audiences at the staff face;
	// "sceau-staff" when absent.
	StaffAudience string `yaml:"staff_audience"`
	// CustodianAudience must be among them at the custodian;
	// "sceau-custodian" when absent.
	CustodianAudience string `yaml:"custodian_audience"`
	// PersonClaim names the claim that is the same for every account of one
	// human. A token without it is refused. "person" when absent.
	PersonClaim string `yaml:"person_claim"`
	// RolesClaim names the claim (a string or a list) with the account's
	// roles; "groups" when absent.
	RolesClaim string `yaml:"roles_claim"`
	// UnitClaim names the claim of the account's unit; "unit" when absent.
	UnitClaim string `yaml:"unit_claim"`
	// NameClaim names the claim with the name shown to colleagues; "name" when
	// absent.
	NameClaim string `yaml:"name_claim"`
	// Roles maps the provider's values of the roles claim to Sceau's roles
	// (agent, psychologist, supervisor, inspector, privacy_officer). Absent:
	// the provider uses Sceau's own names.
	Roles map[string]string `yaml:"roles"`

	// ClientID names the staff's pages to the provider, which must know the redirect
	// URI staff.url + "/signin/callback". Needed for pages; of the staff's face only, as
	// what follows.
	ClientID string `yaml:"client_id"`
	// ClientSecretFile holds the client's secret. Empty: a public client, which PKCE
	// alone protects.
	ClientSecretFile string `yaml:"client_secret_file"`
	// Scopes are asked for beside "openid". Many providers give a refresh token for
	// "offline_access" only; without one, staff sign in again when their token ends.
	Scopes []string `yaml:"scopes"`
	// Prompt is sent to the provider: "login", and what else it needs: "consent" or
	// "select_account", after a space. "login" when absent: a shared desk must never
	// sign the next person in as the last one.
	Prompt string `yaml:"prompt"`
	// Parameters are further ones of the request, each "name=value": what a provider
	// wants so that access tokens carry both audiences, such as
	// "resource=https://sceau.example.org" (RFC 8707; sent for tokens too) or
	// "audience=sceau-staff". A name may come several times.
	Parameters []string `yaml:"parameters"`
}

// Seal chooses how content is sealed, and whose recipients are believed.
type Seal struct {
	// RecipientsPublicKeys are the Ed25519 keys, 32 bytes in standard base64,
	// of which one must have signed whatever a face seals to: the public half
	// of Vault's key (see Vault.RecipientsKey), and while keys change that of its
	// successor too. Both faces need it.
	RecipientsPublicKeys []string `yaml:"recipients_public_keys"`

	// Classical gives new cases X25519 keys instead of the post-quantum hybrid
	// (ML-KEM-768 with X25519), for tools that lack the hybrid. What is
	// already sealed stays as it is.
	Classical bool `yaml:"classical"`
}

// Policy pins the people who change policy.
type Policy struct {
	// Signers are those whose keys are believed: policy is changed by any two
	// different persons of them. Pin three or more, so that one who leaves does not
	// have to be there. In the environment: person=key, separated by commas.
	Signers []Signer `yaml:"signers"`
}

// Signer is one person's key.
type Signer struct {
	// Person is the same for every key of one human, who counts once; an id, since
	// it stands in the log.
	Person string `yaml:"person"`
	// Key is the verifier key, NAME+HASH+BASE64, as `sceau policy keygen` prints
	// it.
	Key string `yaml:"key"`
}

// Pinned believes what two of the signers have signed for the log of this origin.
func (p Policy) Pinned(origin string) (policy.Verification, error) {
	signers := make([]policy.Signer, len(p.Signers))
	for i, s := range p.Signers {
		signers[i] = policy.Signer(s)
	}
	return policy.Pin(origin, signers)
}

// Limits bound what one client may ask, per network prefix (an IPv4 address
// or an IPv6 /64, kept in memory only) or per staff session.
type Limits struct {
	// RequestsPerMinute bounds all requests of a prefix or session. 10 to
	// 1,000,000; 600 when absent.
	RequestsPerMinute int `yaml:"requests_per_minute"`
	// ConversationsPerHour bounds new conversations of a prefix. 1 to
	// 1,000,000; 20 when absent.
	ConversationsPerHour int `yaml:"conversations_per_hour"`
	// ReturnsPerHour bounds tries of a recovery phrase from a prefix. Keep it
	// below custodian.phrases_at_once. 1 to 1,000,000; 20 when absent.
	ReturnsPerHour int `yaml:"returns_per_hour"`
}

// Logging is the process's own log on standard error: never a client's
// address, never a text.
type Logging struct {
	// Level is debug, info, warn or error; info when absent.
	Level string `yaml:"level"`
	// Format is json or text; json when absent.
	Format string `yaml:"format"`
}

// defaults fills what was left out.
func (c *Config) defaults() {
	set(&c.Database.MaxConnections, 16)
	for _, face := range []*Face{&c.Public, &c.Staff} {
		set(&face.ShutdownGrace, 10*time.Second)
		set(&face.IdleTimeout, 15*time.Minute)
		set(&face.SessionLimit, 10*time.Hour)
	}
	set(&c.Custodian.ReadyKeys, 32)
	set(&c.Custodian.IdleTimeout, 15*time.Minute)
	set(&c.Custodian.SessionLimit, 8*time.Hour)
	set(&c.Custodian.PhrasesPerSecond, 10)
	set(&c.Custodian.PhrasesAtOnce, 50)
	set(&c.Custodian.ErasureEvery, 3*time.Second)
	set(&c.Custodian.RetentionEvery, time.Hour)
	set(&c.Vault.CasesMount, "sceau-cases")
	set(&c.Vault.TransitMount, "sceau-transit")
	set(&c.Vault.PepperKey, "phrase-pepper")
	set(&c.Vault.RecipientsKey, "recipients")
	set(&c.Vault.Timeout, 3*time.Second)
	set(&c.OIDC.StaffAudience, "sceau-staff")
	set(&c.OIDC.CustodianAudience, "sceau-custodian")
	set(&c.OIDC.PersonClaim, "person")
	set(&c.OIDC.RolesClaim, "groups")
	set(&c.OIDC.UnitClaim, "unit")
	set(&c.OIDC.NameClaim, "name")
	set(&c.OIDC.Prompt, "login")
	set(&c.Limits.RequestsPerMinute, 600)
	set(&c.Limits.ConversationsPerHour, 20)
	set(&c.Limits.ReturnsPerHour, 20)
	c.Notices.defaults()
	set(&c.Logging.Level, "info")
	set(&c.Logging.Format, "json")
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}
