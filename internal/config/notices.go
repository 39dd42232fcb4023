package config

import (
	"bytes"
	"cmp"
	"net/mail"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/policy"
)

// Notices say how staff are called to look at what waits. The staff face sends
// them. Empty: nobody is called, and only the queues tell.
type Notices struct {
	// Link is where a mail sends its reader: the staff face's address, such as
	// "https://staff.example.org". Needed with mail.
	Link string `yaml:"link"`
	// CACertificate is a PEM file of the authority that signed the receivers'
	// certificates. Empty: the system's.
	CACertificate string `yaml:"ca_certificate"`
	// Webhooks are what is called by HTTP: pagers, message services. In the
	// environment, a list in YAML's flow style.
	Webhooks []Webhook `yaml:"webhooks"`
	// Mail is how mail leaves, and to whom.
	Mail Mail `yaml:"mail"`
}

// A Webhook is one receiver of signed notices (standardwebhooks.com).
type Webhook struct {
	// Name is what the log and the queue call it: up to 32 of a-z, 0-9, - and _.
	Name string `yaml:"name"`
	// URL is https, or http on this machine. It may be secret: it is not stored.
	URL string `yaml:"url"`
	// SecretFile holds the secret shared with the receiver: "whsec_" and 24 to
	// 64 bytes in standard base64.
	SecretFile string `yaml:"secret_file"`
	// Roles are those whose people it reaches.
	Roles []string `yaml:"roles"`
}

// Mail is the server that takes our mail, and who reads it.
type Mail struct {
	// Host and Port of the server. Host empty: no mail.
	Host string `yaml:"host"`
	// Port: 465 for tls implicit, else 587, when absent.
	Port int `yaml:"port"`
	// TLS is starttls (required, never merely tried), implicit, or none, which
	// is for a server on this machine only. starttls when absent.
	TLS string `yaml:"tls"`
	// UsernameFile and PasswordFile hold the account, if the server wants one.
	UsernameFile string `yaml:"username_file"`
	PasswordFile string `yaml:"password_file"`
	// From is the sender's address.
	From string `yaml:"from"`
	// To are the readers. In the environment, a list in YAML's flow style.
	To []Reader `yaml:"to"`
}

// A Reader is one address: a shared mailbox of people on call rather than
// somebody's own.
type Reader struct {
	// Name is what the log and the queue call it, as for webhooks. The address
	// is not stored.
	Name    string `yaml:"name"`
	Address string `yaml:"address"`
	// Roles are those whose people read it.
	Roles []string `yaml:"roles"`
}

func (n *Notices) defaults() {
	set(&n.Mail.TLS, "starttls")
	set(&n.Mail.Port, map[string]int{"implicit": 465}[n.Mail.TLS])
	n.Mail.Port = cmp.Or(n.Mail.Port, 587)
}

var channelName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

func (c *checker) notices(n Notices) {
	if n.CACertificate != "" {
		c.file("notices.ca_certificate", n.CACertificate)
	}
	names := map[string]bool{}
	channel := func(key, name string, roles []string) {
		if !channelName.MatchString(name) || names[name] {
			c.fail(key, "every item needs a name of its own: up to 32 of a-z, 0-9, - and _, a letter first")
		}
		names[name] = true
		if len(roles) == 0 || slices.ContainsFunc(roles, func(r string) bool { return !slices.Contains(policy.StaffRoles, r) }) {
			c.fail(key, "every item needs roles: some of %s", strings.Join(policy.StaffRoles, ", "))
		}
	}
	for _, w := range n.Webhooks {
		channel("notices.webhooks", w.Name, w.Roles)
		c.httpURL("notices.webhooks", w.URL)
		c.file("notices.webhooks", w.SecretFile)
	}
	if n.Mail.Host == "" {
		if len(n.Mail.To) > 0 {
			c.fail("notices.mail.host", "is missing, and there are readers")
		}
		return
	}
	c.mail(n, channel)
}

func (c *checker) mail(n Notices, channel func(key, name string, roles []string)) {
	m := n.Mail
	c.oneOf("notices.mail.tls", m.TLS, "starttls", "implicit", "none")
	if ip, err := netip.ParseAddr(m.Host); m.TLS == "none" && (err != nil || !ip.IsLoopback()) {
		c.fail("notices.mail.tls", "none is for a server on this machine only, named by its loopback address")
	}
	within(c, "notices.mail.port", m.Port, 1, 65535)
	c.mailbox("notices.mail.from", m.From)
	if (m.UsernameFile == "") != (m.PasswordFile == "") {
		c.fail("notices.mail.username_file", "needs password_file beside it, and the other way round")
	} else if m.UsernameFile != "" {
		c.file("notices.mail.username_file", m.UsernameFile)
		c.file("notices.mail.password_file", m.PasswordFile)
	}
	for _, r := range m.To {
		channel("notices.mail.to", r.Name, r.Roles)
		c.mailbox("notices.mail.to", r.Address)
	}
	if u, err := url.Parse(n.Link); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
		c.fail("notices.link", "must be the staff face's address, such as https://staff.example.org")
	}
}

// mailbox wants the bare address: a name beside it would go out with each mail.
func (c *checker) mailbox(key, value string) {
	if a, err := mail.ParseAddress(value); err != nil || a.Name != "" || a.Address != value {
		c.fail(key, "must be a mail address such as on-call@example.org")
	}
}

// assignList reads a list of mappings from an environment variable: YAML, as
// strict as the file.
func assignList(field reflect.Value, value string) string {
	decoder := yaml.NewDecoder(bytes.NewReader([]byte(value)))
	decoder.KnownFields(true)
	if decoder.Decode(field.Addr().Interface()) != nil {
		return "a list such as [{name: a, …}]"
	}
	return ""
}
