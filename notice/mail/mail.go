// Package mail hands notices to a reader by mail, through one server. Connections
// are encrypted, or refused: nothing falls back to clear text. A mail holds a fixed
// sentence, an id and the staff face's address.
package mail

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/textproto"
	"slices"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"github.com/sceau-project/sceau/notice"
)

// timeout bounds one try, all of its steps.
const timeout = 10 * time.Second

// How a connection is encrypted.
const (
	StartTLS = "starttls" // required: a server that does not offer it gets no mail
	Implicit = "implicit"
	None     = "none" // a server on this machine
)

// A Server takes our mail.
type Server struct {
	Host string
	Port int
	TLS  string // StartTLS, Implicit or None
	// Username and Password sign in, unless both are empty.
	Username, Password string
	// Roots are whose certificates are believed; nil: the system's.
	Roots *x509.CertPool
	// From is our address.
	From string
	// Link is the staff face's address, for the reader.
	Link string
}

// A Sender hands notices to one reader.
type Sender struct {
	server  Server
	to      string
	tls     *tls.Config
	options []gomail.Option
}

// New makes a Sender to the address to. It connects to nothing.
func New(server Server, to string) (*Sender, error) {
	s := &Sender{server: server, to: to, tls: &tls.Config{ServerName: server.Host, RootCAs: server.Roots, MinVersion: tls.VersionTLS12}}
	s.options = []gomail.Option{
		gomail.WithPort(server.Port), gomail.WithTimeout(timeout), gomail.WithoutNoop(), gomail.WithTLSConfig(s.tls),
		// The machine's own name is nobody's to know.
		gomail.WithHELO("localhost"),
	}
	policy := gomail.NoTLS
	switch server.TLS {
	case StartTLS:
		policy = gomail.TLSMandatory
	case Implicit:
		// The connection is encrypted before the library has it (see dial): it has
		// only to notice that, so that it may sign in.
		policy = gomail.TLSOpportunistic
	case None:
		if ip, err := netip.ParseAddr(server.Host); err != nil || !ip.IsLoopback() {
			return nil, errors.New("mail without TLS is for a server on this machine, named by its loopback address")
		}
	default:
		return nil, errors.New("mail needs to know how to encrypt: starttls, implicit or none")
	}
	s.options = append(s.options, gomail.WithTLSPolicy(policy))
	if server.Username != "" {
		s.options = append(s.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover),
			gomail.WithUsername(server.Username), gomail.WithPassword(server.Password))
	}
	if _, err := gomail.NewClient(server.Host, s.options...); err != nil {
		return nil, fmt.Errorf("prepare mail: %w", err)
	}
	if err := s.address(gomail.NewMsg()); err != nil {
		return nil, errors.New("mail needs addresses such as on-call@example.org")
	}
	return s, nil
}

func (s *Sender) address(m *gomail.Msg) error {
	return errors.Join(m.From(s.server.From), m.To(s.to))
}

// Send hands the notice to the server once.
func (s *Sender) Send(ctx context.Context, n notice.Notice) error {
	letter, err := n.Letter(s.server.Link)
	if err != nil {
		return err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if err := s.address(m); err != nil {
		return &notice.Failure{Code: "address"}
	}
	m.Subject(letter.Subject)
	m.SetBodyString(gomail.TypeTextPlain, letter.Body)
	// The same at every try: a reader's server may drop repetitions.
	domain := s.server.From[strings.LastIndexByte(s.server.From, '@')+1:]
	m.SetMessageIDWithValue(n.MessageID() + "@" + domain)
	m.SetDate()
	// No absence note shall answer (RFC 3834).
	m.SetGenHeader("Auto-Submitted", "auto-generated")

	return s.hand(ctx, m)
}

// hand gives m to the server, on a connection that ends when this does: the
// library leaves it open when the server is not to its taking, and its time-out
// is each step's.
func (s *Sender) hand(ctx context.Context, m *gomail.Msg) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	end := func() {}
	defer func() { end() }()
	dial := func(dialing context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dial(dialing, network, address)
		if err != nil {
			return nil, err
		}
		cut := context.AfterFunc(ctx, func() { conn.Close() })
		end = func() { cut(); conn.Close() }
		return conn, nil
	}
	client, err := gomail.NewClient(s.server.Host, append(slices.Clip(s.options), gomail.WithDialContextFunc(dial))...)
	if err != nil {
		return &notice.Failure{Code: "server"}
	}
	session, err := client.DialToSMTPClientWithContext(ctx)
	if err == nil {
		if err = client.SendWithSMTPClient(session, m); err == nil {
			// Taken. A server that then does not say goodbye has it all the same.
			_ = client.CloseWithSMTPClient(session)
			return nil
		}
	}
	if ctx.Err() != nil {
		return &notice.Failure{Code: "timeout"}
	}
	return failure(err)
}

func (s *Sender) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if s.server.TLS == Implicit {
		return (&tls.Dialer{Config: s.tls}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// failure: an error of the library repeats addresses and what the server said.
func failure(err error) error {
	var certificate *tls.CertificateVerificationError
	var refused *gomail.SendError
	var answered *textproto.Error
	var timed net.Error
	switch {
	case errors.As(err, &certificate):
		return &notice.Failure{Code: "certificate"}
	case errors.As(err, &refused):
		return &notice.Failure{Code: "refused", Status: refused.ErrorCode()}
	case errors.As(err, &answered):
		return &notice.Failure{Code: "refused", Status: answered.Code}
	case errors.As(err, &timed) && timed.Timeout():
		return &notice.Failure{Code: "timeout"}
	default:
		return &notice.Failure{Code: "unreachable"}
	}
}
