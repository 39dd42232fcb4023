package story

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// minor is somebody who writes: an address, and a token once the conversation
// is open.
type minor struct {
	client
	line *line
}

// newMinor gives a minor an address of 2001:db8::/32, where no real one is.
// Every minor has a /64 of their own, as homes do.
func (s *stage) newMinor() *minor {
	var b [12]byte
	rand.Read(b[:])
	x := hex.EncodeToString(b[:])
	// No group begins with a zero: the address then has one way to be written,
	// and is long enough to be searched for.
	ip := netip.MustParseAddr(fmt.Sprintf("2001:db8:1%s:1%s:1%s:1%s:1%s:1%s",
		x[0:3], x[3:6], x[6:9], x[9:12], x[12:15], x[15:18]))
	port := 1024 + (uint16(b[9])<<8|uint16(b[10]))%60000
	l := &line{from: netip.AddrPortFrom(ip, port), via: s.cfg.ProxyFrom}
	s.plant(ip.String())
	t := l.transport()
	s.closers.add(t.CloseIdleConnections)
	return &minor{client: client{base: s.cfg.Public, http: &http.Client{Transport: t}}, line: l}
}

// open opens a conversation.
func (m *minor) open(ctx context.Context, postalCode, topic string) error {
	var out struct {
		Token string `json:"token"`
	}
	err := m.do(ctx, http.MethodPost, "/conversations", map[string]string{"postal_code": postalCode, "topic": topic}, &out)
	if err != nil {
		return err
	}
	m.bearer = out.Token
	return nil
}

func (m *minor) entrust(ctx context.Context, facet, value string) error {
	return m.do(ctx, http.MethodPut, "/conversation/facets/"+facet, map[string]string{"value": value}, nil)
}

func (m *minor) phrase(ctx context.Context) (string, error) {
	var out struct {
		Phrase string `json:"phrase"`
	}
	err := m.do(ctx, http.MethodPost, "/conversation/phrase", nil, &out)
	return out.Phrase, err
}

// comeBack is another browser, elsewhere, with the phrase alone.
func (s *stage) comeBack(ctx context.Context, phrase string) (*minor, error) {
	m := s.newMinor()
	var out struct {
		Token string `json:"token"`
	}
	if err := m.do(ctx, http.MethodPost, "/conversation/return", map[string]string{"phrase": phrase}, &out); err != nil {
		return nil, err
	}
	m.bearer = out.Token
	return m, nil
}

func (m *minor) close(ctx context.Context) error {
	return m.do(ctx, http.MethodPost, "/conversation/close", nil, nil)
}

// messages reads the transcript from a position on.
func (m *minor) messages(ctx context.Context, from int) ([]message, error) {
	return readMessages(ctx, &m.client, "/conversation", from)
}

// plain drops the accents of the words a phrase is made of, as somebody in a
// hurry would.
var plain = strings.NewReplacer("é", "e", "è", "e", "ê", "e", "ë", "e", "à", "a", "â", "a",
	"î", "i", "ï", "i", "ô", "o", "û", "u", "ù", "u", "ü", "u", "ç", "c", "œ", "oe", "æ", "ae",
	"e\u0301", "e", "e\u0300", "e", "e\u0302", "e", "a\u0302", "a", "i\u0302", "i", "o\u0302", "o", "u\u0302", "u", "c\u0327", "c")
