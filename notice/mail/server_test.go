package mail_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"math/big"
	"net"
	"net/textproto"
	"strings"
	"sync"
	"testing"
	"time"
)

// server speaks as much SMTP (RFC 5321) as a delivery needs, on loopback.
type server struct {
	t        *testing.T
	listener net.Listener
	roots    *x509.CertPool
	tls      *tls.Config

	startTLS bool              // offered
	implicit bool              // from the first byte
	account  string            // "user\x00password", wanted before a mail; empty: none
	answers  map[string]string // to a verb, instead of the usual

	mu    sync.Mutex
	mails []taken
	wg    sync.WaitGroup
}

// taken is a mail as it came in.
type taken struct {
	from, to  string
	text      string
	encrypted bool
}

func newServer(t *testing.T, change func(*server)) *server {
	t.Helper()
	s := &server{t: t, startTLS: true, answers: map[string]string{}}
	s.certificate()
	if change != nil {
		change(s)
	}
	var err error
	if s.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.wg.Go(func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			s.wg.Go(func() { s.serve(conn) })
		}
	})
	t.Cleanup(func() { s.listener.Close(); s.wg.Wait() })
	return s
}

func (s *server) port() int { return s.listener.Addr().(*net.TCPAddr).Port }

func (s *server) taken() []taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]taken(nil), s.mails...)
}

func (s *server) certificate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		s.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		s.t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		s.t.Fatal(err)
	}
	s.roots = x509.NewCertPool()
	s.roots.AddCert(parsed)
	s.tls = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}
}

// serve is one conversation. It ends when the client leaves, or does not keep
// to the protocol.
func (s *server) serve(conn net.Conn) {
	defer func() { conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	encrypted := s.implicit
	if s.implicit {
		conn = tls.Server(conn, s.tls)
	}
	text := textproto.NewConn(conn)
	say := func(line string) { _ = text.PrintfLine("%s", line) }
	say("220 mail.test ESMTP")
	var mail taken
	signedIn := s.account == ""
	for {
		line, err := text.ReadLine()
		if err != nil {
			return
		}
		verb, rest, _ := strings.Cut(line, " ")
		verb = strings.ToUpper(verb)
		if answer, is := s.answers[verb]; is {
			if answer == "" {
				return // hangs up
			}
			say(answer)
			continue
		}
		switch verb {
		case "EHLO", "HELO":
			if rest != "localhost" {
				s.t.Errorf("the client calls itself %q", rest)
			}
			say("250-mail.test")
			if s.startTLS && !encrypted {
				say("250-STARTTLS")
			}
			if s.account != "" && encrypted {
				say("250-AUTH PLAIN")
			}
			say("250 8BITMIME")
		case "STARTTLS":
			say("220 go on")
			conn = tls.Server(conn, s.tls)
			text, encrypted = textproto.NewConn(conn), true
		case "AUTH":
			given, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(rest, "PLAIN "))
			if err != nil || string(given) != "\x00"+s.account || !encrypted {
				say("535 no")
				continue
			}
			signedIn = true
			say("235 welcome")
		case "MAIL":
			if !signedIn {
				say("530 who are you")
				continue
			}
			mail = taken{from: rest, encrypted: encrypted}
			say("250 ok")
		case "RCPT":
			mail.to += rest
			say("250 ok")
		case "DATA":
			say("354 go on")
			data, err := readData(text.R)
			if err != nil {
				return
			}
			mail.text = data
			s.mu.Lock()
			s.mails = append(s.mails, mail)
			s.mu.Unlock()
			say("250 taken")
		case "RSET", "NOOP":
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 what")
		}
	}
}

func readData(r *bufio.Reader) (string, error) {
	lines, err := textproto.NewReader(r).ReadDotLines()
	return strings.Join(lines, "\n"), err
}

// newSilent accepts and says nothing, until the test ends.
func newSilent(t *testing.T) (port int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var held []net.Conn
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			held = append(held, conn)
			mu.Unlock()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		wg.Wait()
		for _, conn := range held {
			conn.Close()
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}
