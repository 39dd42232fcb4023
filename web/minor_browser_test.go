package web_test

import (
	"compress/gzip"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/html"

	"github.com/sceau-project/sceau/audit"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/web"
	"github.com/sceau-project/sceau/web/minor"
	"github.com/sceau-project/sceau/web/page"
)

// servePages starts a public face that has pages, beside the world's.
func (w *world) servePages() string {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var behind sync.WaitGroup
	logger := slog.New(slog.NewTextHandler(w.logs, nil))
	public, err := w.vault.RecipientsPublicKey(ctx)
	w.must(err)
	pinned, err := seal.ParseRecipientKeys([]string{public})
	w.must(err)
	pool := w.db.Pool(w.t, "sceau_public")
	recipients, err := conversationstore.NewRecipients(pool, pinned, logger)
	w.must(err)
	store, err := conversationstore.NewStore(conversationstore.Config{Pool: pool, Log: w.log(audit.ViaPublic), Recipients: recipients})
	w.must(err)
	listener := conversationstore.NewListener(pool, time.Second)
	behind.Go(func() { _ = listener.Run(ctx) })
	custodian := order.NewClient(w.socket)
	face, err := web.NewPublic(web.PublicConfig{
		Config: web.Config{
			Logger: logger, Limits: generous,
			Session: page.Bearer(page.Chat, false), Pages: minor.Pages(minor.Config{}),
		},
		Conversations: store, Listener: listener, Custodian: custodian, Stop: ctx.Done(),
	})
	w.must(err)
	server := httptest.NewServer(face)
	w.t.Cleanup(func() {
		cancel()
		server.CloseClientConnections()
		server.Close()
		face.Close(context.Background())
		behind.Wait()
		custodian.Close()
	})
	return server.URL
}

// reader is somebody at a browser without scripts.
type reader struct {
	t    *testing.T
	base string
	http *http.Client

	at     string // path and query of the page on the screen
	status int
	header http.Header
	raw    string
	bytes  int // as it was transferred
	doc    *html.Node
}

func newReader(t *testing.T, base string) *reader {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &reader{t: t, base: base, http: &http.Client{Jar: jar, Timeout: 30 * time.Second, Transport: &http.Transport{DisableCompression: true}}}
}

// do asks and follows redirections, as a browser does.
func (b *reader) do(method, path string, form url.Values) *reader {
	b.t.Helper()
	body := strings.NewReader(form.Encode())
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	req.Header.Set("Accept-Language", "fr")
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.Header.Set("Origin", b.base)
		req.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.bytes = len(raw)
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(strings.NewReader(string(raw)))
		if err != nil {
			b.t.Fatal(err)
		}
		if raw, err = io.ReadAll(z); err != nil {
			b.t.Fatal(err)
		}
	}
	b.status, b.header, b.raw, b.at = res.StatusCode, res.Header, string(raw), res.Request.URL.RequestURI()
	if b.doc, err = html.Parse(strings.NewReader(b.raw)); err != nil {
		b.t.Fatal(err)
	}
	return b
}

func (b *reader) open(path string) *reader { b.t.Helper(); return b.do(http.MethodGet, path, nil) }

// send fills the form with that action and sends it.
func (b *reader) send(action string, fill url.Values) *reader {
	b.t.Helper()
	form := url.Values{}
	found := false
	for _, f := range b.all("form") {
		if attr(f, "action") != action {
			continue
		}
		found = true
		for _, in := range within(f, "input") {
			if attr(in, "type") == "hidden" {
				form.Set(attr(in, "name"), attr(in, "value"))
			}
		}
		break
	}
	if !found {
		b.t.Fatalf("%s has no form for %s", b.at, action)
	}
	for name, values := range fill {
		form[name] = values
	}
	return b.do(http.MethodPost, action, form)
}

// is fails the test unless the page on the screen is that one.
func (b *reader) is(status int, at string) *reader {
	b.t.Helper()
	if b.status != status || b.at != at {
		b.t.Fatalf("at %s with %d, not at %s with %d:\n%s", b.at, b.status, at, status, b.text())
	}
	return b
}

func (b *reader) says(texts ...string) *reader {
	b.t.Helper()
	for _, text := range texts {
		if !strings.Contains(b.text(), text) {
			b.t.Fatalf("%s does not say %q:\n%s", b.at, text, b.text())
		}
	}
	return b
}

func (b *reader) saysNot(text string) *reader {
	b.t.Helper()
	if strings.Contains(b.text(), text) {
		b.t.Fatalf("%s says %q:\n%s", b.at, text, b.text())
	}
	return b
}

// text is what the main part says, with plain spaces.
func (b *reader) text() string {
	for _, m := range b.all("main") {
		return strings.ReplaceAll(strings.Join(strings.Fields(textOf(m)), " "), "\u00a0", " ")
	}
	return ""
}

func (b *reader) cookie() string {
	at, err := url.Parse(b.base)
	if err != nil {
		b.t.Fatal(err)
	}
	for _, c := range b.http.Jar.Cookies(at) {
		if c.Name == page.Chat {
			return c.Value
		}
	}
	return ""
}

func (b *reader) all(tag string) []*html.Node { return within(b.doc, tag) }

func within(n *html.Node, tag string) []*html.Node {
	var found []*html.Node
	for d := range n.Descendants() {
		if d.Type == html.ElementNode && (tag == "*" || d.Data == tag) {
			found = append(found, d)
		}
	}
	return found
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func textOf(n *html.Node) string {
	var out strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			out.WriteString(d.Data)
			out.WriteByte(' ')
		}
	}
	return out.String()
}
