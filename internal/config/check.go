package config

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/policy"
)

// Role is the process that reads the configuration.
type Role string

// The processes and the sections each needs.
const (
	// RolePublic serves minors: log, database, public, custodian.socket, seal.
	RolePublic Role = "public"
	// RoleStaff serves staff: log, database, staff, custodian.socket, oidc,
	// policy, seal, notices.
	RoleStaff Role = "staff"
	// RoleCustodian holds the gate: log, database, custodian, vault, oidc,
	// policy.
	RoleCustodian Role = "custodian"
	// RoleOperator runs commands: log, database, policy.
	RoleOperator Role = "operator"
	// RoleOwner migrates: log, database.
	RoleOwner Role = "owner"
)

// Roles lists every Role.
var Roles = []Role{RolePublic, RoleStaff, RoleCustodian, RoleOperator, RoleOwner}

type checker struct {
	config   *Config
	places   places
	findings []string
}

func (c *checker) fail(key, format string, args ...any) {
	c.findings = append(c.findings, c.places.of(key)+": "+fmt.Sprintf(format, args...))
}

func (c *checker) run(role Role) {
	cfg := c.config
	if !slices.Contains(Roles, role) {
		c.findings = append(c.findings, fmt.Sprintf("no process is called %q", role))
		return
	}
	c.origin("log.origin", cfg.Log.Origin)
	c.databaseURL("database.url", cfg.Database.URL)
	within(c, "database.max_connections", cfg.Database.MaxConnections, 2, 200)
	c.oneOf("logging.level", cfg.Logging.Level, "debug", "info", "warn", "error")
	c.oneOf("logging.format", cfg.Logging.Format, "json", "text")

	face := role == RolePublic || role == RoleStaff
	if face || role == RoleCustodian {
		c.socket("custodian.socket", cfg.Custodian.Socket)
	}
	if face {
		section, f := "public", cfg.Public
		if role == RoleStaff {
			section, f = "staff", cfg.Staff
		}
		c.face(section, f)
		if utf8.RuneCountInString(f.DutyDesk) > 100 || !utf8.ValidString(f.DutyDesk) ||
			strings.ContainsFunc(f.DutyDesk, func(r rune) bool { return !unicode.IsPrint(r) }) {
			c.fail(section+".duty_desk", "must be one line of at most 100 printable characters")
		}
		if role == RolePublic && f.DutyDesk != "" {
			c.fail("public.duty_desk", "is for members of staff; remove it")
		}
		if f.URL != "" {
			c.site(section+".url", f.URL)
		}
		if f.ExitURL != "" {
			if u, err := url.Parse(f.ExitURL); err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil {
				c.fail(section+".exit_url", "must be an https address such as https://meteofrance.com/")
			}
			if role == RoleStaff {
				c.fail("staff.exit_url", "is of the minors' face; remove it")
			}
		}
		c.recipients("seal.recipients_public_keys", cfg.Seal.RecipientsPublicKeys)
		within(c, "limits.requests_per_minute", cfg.Limits.RequestsPerMinute, 10, 1_000_000)
		within(c, "limits.conversations_per_hour", cfg.Limits.ConversationsPerHour, 1, 1_000_000)
		within(c, "limits.returns_per_hour", cfg.Limits.ReturnsPerHour, 1, 1_000_000)
	}
	if role == RoleStaff || role == RoleCustodian {
		c.oidc(cfg.OIDC)
	}
	if role == RoleStaff || role == RoleCustodian || role == RoleOperator {
		c.signers("policy.signers", cfg.Policy, cfg.Log.Origin)
	}
	if role == RoleStaff {
		c.notices(cfg.Notices)
		c.pages(cfg.Staff, cfg.OIDC)
	}
	if role == RoleCustodian {
		c.custodian(cfg.Custodian)
		c.vault(cfg.Vault)
	} else if cfg.Vault.RoleIDFile != "" || cfg.Vault.SecretIDFile != "" {
		// One gate: a facing process that could speak to Vault is a second one.
		c.fail("vault", "only the custodian may have access to Vault; remove role_id_file and secret_id_file from this process's configuration")
	}
}

func (c *checker) required(key, value string) bool {
	if value == "" {
		c.fail(key, "is missing; set it, or %s", EnvName(key))
		return false
	}
	return true
}

// signers: what is wrong with one is told by its place in the list.
func (c *checker) signers(key string, p Policy, origin string) {
	if len(p.Signers) == 0 {
		c.required(key, "")
		return
	}
	if !audit.IsOrigin(origin) {
		return // told already
	}
	if _, err := p.Pinned(origin); err != nil {
		c.fail(key, "%v", err)
	}
}

// recipients: no value is repeated, public as it is, since it may be the wrong
// one in the wrong place.
func (c *checker) recipients(key string, values []string) {
	if !c.required(key, strings.Join(values, "")) {
		return
	}
	if _, err := seal.ParseRecipientKeys(values); err != nil {
		c.fail(key, "%v", err)
	}
}

func (c *checker) oneOf(key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		c.fail(key, "must be one of %s", strings.Join(allowed, ", "))
	}
}

func within[T cmp.Ordered](c *checker, key string, value, low, high T) {
	if value < low || value > high {
		c.fail(key, "must lie between %v and %v", low, high)
	}
}

func (c *checker) file(key, path string) {
	if !c.required(key, path) {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		reason := "cannot be opened"
		if os.IsNotExist(err) {
			reason = "does not exist"
		} else if os.IsPermission(err) {
			reason = "may not be read by this process"
		}
		c.fail(key, "the file %s %s", path, reason)
		return
	}
	file.Close()
}

func (c *checker) origin(key, value string) {
	if !c.required(key, value) {
		return
	}
	if !audit.IsOrigin(value) {
		c.fail(key, "must be at most %d printable ASCII characters without space, quote, backslash or plus", audit.MaxOrigin)
	}
}

func (c *checker) databaseURL(key, value string) {
	if !c.required(key, value) {
		return
	}
	u, err := url.Parse(value)
	if err != nil || (u.Scheme != "postgres" && u.Scheme != "postgresql") {
		c.fail(key, "must be a URL such as postgres://role:password@host/sceau")
	}
}

func (c *checker) socket(key, path string) {
	if c.required(key, path) && len(path) > 107 {
		c.fail(key, "is longer than the 107 bytes a unix socket's path may have")
	}
}

func (c *checker) address(key, value string) (netip.AddrPort, bool) {
	host, port, err := net.SplitHostPort(value)
	if err != nil || port == "" {
		c.fail(key, "must be an address and a port such as 127.0.0.1:8080")
		return netip.AddrPort{}, false
	}
	parsed, err := netip.ParseAddrPort(net.JoinHostPort(cmp.Or(host, "::"), port))
	if err != nil {
		c.fail(key, "must be a numeric address and port such as 127.0.0.1:8080")
		return netip.AddrPort{}, false
	}
	return parsed, true
}

func (c *checker) face(section string, f Face) {
	if c.required(section+".listen", f.Listen) {
		c.address(section+".listen", f.Listen)
	}
	c.metrics(section+".metrics", f.Metrics)
	for _, network := range f.TrustedProxies {
		if prefix, err := netip.ParsePrefix(network); err != nil {
			c.fail(section+".trusted_proxies", "every item must be a network such as 10.0.0.0/8")
		} else if prefix.Bits() == 0 {
			c.fail(section+".trusted_proxies", "the whole Internet cannot be a trusted proxy")
		}
	}
	if (f.TLSCertificate == "") != (f.TLSKey == "") {
		c.fail(section+".tls_certificate", "needs tls_key beside it, and the other way round")
	} else if f.TLSCertificate != "" {
		c.file(section+".tls_certificate", f.TLSCertificate)
		c.file(section+".tls_key", f.TLSKey)
	}
	for _, origin := range f.Origins {
		if u, err := url.Parse(origin); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || u.Path != "" || u.RawQuery != "" {
			c.fail(section+".origins", "every item must be an origin such as https://example.org")
		}
	}
	within(c, section+".shutdown_grace", f.ShutdownGrace, 0, 5*time.Minute)
}

func (c *checker) metrics(key, value string) {
	if value == "" {
		return
	}
	if at, ok := c.address(key, value); ok && !at.Addr().IsLoopback() {
		c.fail(key, "must be a loopback address; let a local collector read it")
	}
}

func (c *checker) custodian(k Custodian) {
	c.required("custodian.state_dir", k.StateDir)
	within(c, "custodian.ready_keys", k.ReadyKeys, 1, 10_000)
	within(c, "custodian.idle_timeout", k.IdleTimeout, time.Second, time.Hour)
	within(c, "custodian.session_limit", k.SessionLimit, time.Second, 24*time.Hour)
	within(c, "custodian.phrases_per_second", k.PhrasesPerSecond, 1, 1000)
	within(c, "custodian.phrases_at_once", k.PhrasesAtOnce, 1, 10_000)
	within(c, "custodian.erasure_every", k.ErasureEvery, time.Second, time.Minute)
	within(c, "custodian.retention_every", k.RetentionEvery, time.Second, 24*time.Hour)
	if path, unix := strings.CutPrefix(k.Metrics, "unix:"); unix {
		c.socket("custodian.metrics", path)
	} else {
		c.metrics("custodian.metrics", k.Metrics)
	}
}

func (c *checker) vault(v Vault) {
	if c.required("vault.address", v.Address) {
		c.httpURL("vault.address", v.Address)
	}
	if v.CACertificate != "" {
		c.file("vault.ca_certificate", v.CACertificate)
	}
	c.file("vault.role_id_file", v.RoleIDFile)
	c.file("vault.secret_id_file", v.SecretIDFile)
	within(c, "vault.timeout", v.Timeout, 100*time.Millisecond, 30*time.Second)
}

// httpURL wants https, or http towards this machine only: what goes over it
// are keys and the tokens that fetch them.
func (c *checker) httpURL(key, value string) {
	u, err := url.Parse(value)
	if err != nil || u.Host == "" || u.User != nil || (u.Scheme != "https" && u.Scheme != "http") {
		c.fail(key, "must be a URL such as https://host:port")
		return
	}
	if u.Scheme == "http" {
		if ip, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback()) {
			c.fail(key, "plain http is allowed towards this machine only; use https")
		}
	}
}

func (c *checker) oidc(o OIDC) {
	if c.required("oidc.issuer", o.Issuer) {
		c.httpURL("oidc.issuer", o.Issuer)
	}
	if o.StaffAudience == o.CustodianAudience {
		c.fail("oidc.custodian_audience", "must differ from oidc.staff_audience")
	}
	for _, role := range o.Roles {
		if !slices.Contains(policy.StaffRoles, role) {
			c.fail("oidc.roles", "every value must be one of %s", strings.Join(policy.StaffRoles, ", "))
			return
		}
	}
}
