package mail_test

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/mail"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var broken = notice.Notice{
	Kind: notice.GlassBroken, ID: "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11", At: time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC),
}

func (s *server) ours() mail.Server {
	return mail.Server{
		Host: "127.0.0.1", Port: s.port(), TLS: mail.StartTLS, Roots: s.roots,
		From: "sceau@example.org", Link: "https://staff.example.org",
	}
}

func send(t *testing.T, ours mail.Server) error {
	t.Helper()
	sender, err := mail.New(ours, "astreinte@example.org")
	if err != nil {
		t.Fatal(err)
	}
	return sender.Send(t.Context(), broken)
}

func code(err error) string {
	var f *notice.Failure
	if errors.As(err, &f) {
		return f.Error()
	}
	return fmt.Sprintf("%v", err)
}

func TestAMail(t *testing.T) {
	s := newServer(t, nil)
	if err := send(t, s.ours()); err != nil {
		t.Fatal(err)
	}
	if err := send(t, s.ours()); err != nil {
		t.Fatal(err)
	}
	mails := s.taken()
	if len(mails) != 2 || !mails[0].encrypted || !strings.Contains(mails[0].to, "astreinte@example.org") {
		t.Fatalf("%+v", mails)
	}
	read := func(text string) (netmail.Header, string) {
		t.Helper()
		m, err := netmail.ReadMessage(strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(m.Body))
		if err != nil {
			t.Fatal(err)
		}
		return m.Header, string(body)
	}
	header, body := read(mails[0].text)
	letter, err := broken.Letter("https://staff.example.org")
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(body) != strings.TrimSpace(letter.Body) {
		t.Errorf("body\n%s\nwant\n%s", body, letter.Body)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || subject != letter.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	// The same id at every try, nothing that answers, and no header that we did not mean.
	again, _ := read(mails[1].text)
	if id := header.Get("Message-ID"); id != "<"+broken.MessageID()+"@example.org>" || again.Get("Message-ID") != id {
		t.Errorf("message id %q, then %q", id, again.Get("Message-ID"))
	}
	meant := map[string]bool{"Date": true, "Mime-Version": true, "Message-Id": true, "Auto-Submitted": true, "Subject": true,
		"From": true, "To": true, "Content-Transfer-Encoding": true, "Content-Type": true}
	for name := range header {
		if !meant[name] {
			t.Errorf("header %s: %s", name, header.Get(name))
		}
	}
	if header.Get("Auto-Submitted") != "auto-generated" {
		t.Error("absence notes will answer")
	}
}

func TestImplicitTLSAndAnAccount(t *testing.T) {
	s := newServer(t, func(s *server) { s.implicit, s.account = true, "sceau\x00s3cr3t" })
	ours := s.ours()
	ours.TLS, ours.Username, ours.Password = mail.Implicit, "sceau", "s3cr3t"
	if err := send(t, ours); err != nil {
		t.Fatal(err)
	}
	if mails := s.taken(); len(mails) != 1 || !mails[0].encrypted {
		t.Fatalf("%+v", mails)
	}
	ours.Password = "wrong"
	if got := code(send(t, ours)); got != "refused 535" {
		t.Errorf("with a wrong password: %s", got)
	}
}

// Nothing leaves in clear, whatever the server, or whoever is between, says.
func TestNoClearText(t *testing.T) {
	bare := newServer(t, func(s *server) { s.startTLS = false })
	stranger := newServer(t, nil)
	strange := stranger.ours()
	strange.Roots = x509.NewCertPool()
	for name, tt := range map[string]struct {
		server *server
		ours   mail.Server
		want   string
	}{
		"no TLS offered":            {bare, bare.ours(), "unreachable"},
		"a stranger's certificate":  {stranger, strange, "certificate"},
		"implicit, and it is clear": {bare, func() mail.Server { o := bare.ours(); o.TLS = mail.Implicit; return o }(), "unreachable"},
	} {
		if got := code(send(t, tt.ours)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
		if mails := tt.server.taken(); len(mails) != 0 {
			t.Errorf("%s: sent %+v", name, mails)
		}
	}
	clear := bare.ours()
	clear.TLS = mail.None
	if err := send(t, clear); err != nil {
		t.Errorf("to this machine, as configured: %v", err)
	}
	for _, host := range []string{"mail.example.org", "192.0.2.1", "localhost"} {
		clear.Host = host
		if _, err := mail.New(clear, "a@example.org"); err == nil {
			t.Errorf("clear text to %s was accepted", host)
		}
	}
}

// What a server says is neither kept nor repeated.
func TestWhatServersSay(t *testing.T) {
	for name, tt := range map[string]struct{ verb, answer, want string }{
		"the reader is unknown": {"RCPT", "550 5.1.1 PLANTED astreinte@example.org", "refused 550"},
		"come back later":       {"MAIL", "451 4.7.1 PLANTED", "refused 451"},
		"the mail is refused":   {"DATA", "554 PLANTED", "refused 554"},
		"it hangs up":           {"MAIL", "", "refused"},
	} {
		s := newServer(t, func(s *server) { s.answers[tt.verb] = tt.answer })
		err := send(t, s.ours())
		if got := code(err); !strings.HasPrefix(got, tt.want) || strings.Contains(got, "PLANTED") || strings.Contains(got, "@") {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// The library's time-outs are per step; the context bounds all of them.
func TestAServerThatHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	ours := newServer(t, nil).ours()
	ours.Port = newSilent(t)
	sender, err := mail.New(ours, "astreinte@example.org")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if got := code(sender.Send(ctx, broken)); got != "timeout" {
		t.Error(got)
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("gave up after %v", took)
	}
}
