package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// staffYAML is a staff face's configuration, with these notices.
func staffYAML(notices string) string {
	return publicYAML + "staff: {listen: '127.0.0.1:8081'}\noidc: {issuer: 'https://id.example.org'}\n" + signersYAML + notices
}

func TestNotices(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("sceau.yaml", []byte(staffYAML(`notices:
  link: https://staff.example.org
  webhooks: [{name: pager, url: "https://pager.example.org/x", secret_file: `+secret+`, roles: [supervisor]}]
  mail: {host: smtp.example.org, tls: implicit, from: s@example.org, to: [{name: m, address: a@example.org, roles: [agent]}]}
`)), nil, RoleStaff)
	if err != nil {
		t.Fatal(err)
	}
	if c.Notices.Mail.Port != 465 || c.Notices.Webhooks[0].Roles[0] != "supervisor" {
		t.Errorf("got %+v", c.Notices)
	}
	// The same from the environment.
	c, err = Parse("sceau.yaml", []byte(staffYAML("")), []string{
		"SCEAU_NOTICES_WEBHOOKS=[{name: pager, url: 'http://127.0.0.1:1/x', secret_file: " + secret + ", roles: [supervisor]}]",
	}, RoleStaff)
	if err != nil || len(c.Notices.Webhooks) != 1 || c.Notices.Mail.Port != 587 {
		t.Errorf("got %+v, %v", c, err)
	}
}

// Each fault is found, and neither a URL, an address nor a name is repeated.
func TestNoticesRefused(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	hook := func(fields string) string {
		return "notices: {webhooks: [{secret_file: " + secret + ", " + fields + "}]}\n"
	}
	mail := func(fields string) string {
		return "notices: {link: 'https://staff.example.org', mail: {" + fields + "}}\n"
	}
	const reader = "to: [{name: a, address: s3cr3t@example.org, roles: [agent]}]"
	for _, tt := range []struct{ name, notices, want string }{
		{"plain http elsewhere", hook("name: a, url: 'http://s3cr3t.example.org', roles: [agent]"), "plain http is allowed towards this machine only"},
		{"a password in a URL", hook("name: a, url: 'https://s3cr3t:x@a.example.org', roles: [agent]"), "notices.webhooks: must be a URL"},
		{"no name", hook("url: 'https://a.example.org', roles: [agent]"), "needs a name"},
		{"a name with an address", hook("name: s3cr3t@example.org, url: 'https://a.example.org', roles: [agent]"), "needs a name"},
		{"no roles", hook("name: a, url: 'https://a.example.org'"), "needs roles"},
		{"an unknown role", hook("name: a, url: 'https://a.example.org', roles: [s3cr3t]"), "needs roles"},
		{"no secret", "notices: {webhooks: [{name: a, url: 'https://a.example.org', roles: [agent]}]}\n", "notices.webhooks: is missing"},
		{"an unknown key of a webhook", hook("name: a, secret: s3cr3t"), "unknown key secret"},
		{"two of one name", mail("host: h, from: a@example.org, to: [{name: a, address: a@example.org, roles: [agent]}, {name: a, address: b@example.org, roles: [agent]}]"), "a name of its own"},
		{"clear text elsewhere", mail("host: s3cr3t.example.org, tls: none, from: a@example.org, " + reader), "notices.mail.tls: none is for a server on this machine only"},
		{"clear text if need be", mail("host: h, tls: opportunistic, from: a@example.org, " + reader), "notices.mail.tls: must be one of"},
		{"a name in an address", mail("host: h, from: 'S3cr3t s3cr3t <a@example.org>', " + reader), "notices.mail.from: must be a mail address"},
		{"readers and no server", mail(reader), "notices.mail.host: is missing"},
		{"half an account", mail("host: h, from: a@example.org, password_file: " + secret + ", " + reader), "username_file: needs password_file"},
		{"no link", "notices: {mail: {host: h, from: a@example.org, " + reader + "}}\n", "notices.link: must be"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("sceau.yaml", []byte(staffYAML(tt.notices)), nil, RoleStaff)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if strings.Contains(err.Error(), "s3cr3t") {
				t.Errorf("the error repeats a value: %v", err)
			}
		})
	}
	_, err := Parse("sceau.yaml", []byte(staffYAML("")), []string{"SCEAU_NOTICES_WEBHOOKS=[{nam: s3cr3t}]"}, RoleStaff)
	if err == nil || strings.Contains(err.Error(), "s3cr3t") {
		t.Errorf("a misspelt key in the environment: %v", err)
	}
}
