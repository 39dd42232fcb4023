package story

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// atTheDoors: whoever comes without a right to, or with something broken.
func (s *stage) atTheDoors(ctx context.Context) error {
	if err := s.staffDoor(ctx); err != nil {
		return err
	}
	m := s.newMinor()
	post := func(body string) error {
		return m.send(ctx, rand.Text(), http.MethodPost, "/conversations", []byte(body), nil)
	}
	s.report.refused("a postal code that does not exist", post(`{"postal_code":"00000","topic":"other"}`), "postal_code.unknown", "request.invalid")
	s.report.refused("a topic that does not exist", post(`{"postal_code":"35000","topic":"gossip"}`), "topic.unknown", "request.invalid")
	s.report.refused("a field that does not exist", post(`{"postal_code":"35000","topic":"other","name":"x"}`), "request.invalid")
	s.report.refused("JSON that breaks off", post(`{"postal_code":"35000","to`), "request.malformed")
	s.report.refused("text that is not UTF-8", post("{\"postal_code\":\"35000\",\"topic\":\"\xff\xfe\"}"), "request.malformed")
	s.report.refused("a NUL", post(`{"postal_code":"35000","topic":"other\u0000"}`), "request.malformed", "request.invalid", "topic.unknown")
	s.report.refused("a body of 80 kB", post(`{"postal_code":"35000","topic":"`+strings.Repeat("a", 80_000)+`"}`), "request.too_large")
	s.report.refused("no Idempotency-Key", m.send(ctx, "", http.MethodPost, "/conversations", []byte(`{"postal_code":"35000","topic":"other"}`), nil), "idempotency.key_missing")
	_, err := m.messages(ctx, 0)
	s.report.refused("a minor without a token", err, "token.missing", "token.invalid")
	return nil
}

func (s *stage) staffDoor(ctx context.Context) error {
	enter := func(token, role string) error {
		c := client{base: s.cfg.Staff, bearer: token, http: s.staffHTTP, header: http.Header{}}
		if role != "" {
			c.header.Set("Sceau-Role", role)
		}
		return c.do(ctx, http.MethodGet, "/conversations", nil, nil)
	}
	s.report.refused("staff without a token", enter("", ""), "token.missing")
	s.report.refused("staff with a token they made up", enter("eyJhbGciOiJub25lIn0.e30.", ""), "token.invalid")
	narrow, err := s.cfg.Login(ctx, "amal", "sceau-custodian")
	if err != nil {
		return fmt.Errorf("signing in for one audience: %w", err)
	}
	s.report.refused("a token that is for another service", enter(narrow, ""), "token.invalid")
	good, err := s.cfg.Login(ctx, "bruno")
	if err != nil {
		return err
	}
	s.report.refused("a token whose signature was changed", enter(tamper(good), ""), "token.invalid")
	s.report.refused("an agent who says supervisor", enter(good, "supervisor"), "role.invalid")
	none, err := s.cfg.Login(ctx, "jules")
	if err != nil {
		return err
	}
	s.report.refused("an account without any role", enter(none, ""), "role.invalid", "role.not_allowed")
	two, err := s.cfg.Login(ctx, "ines")
	if err != nil {
		return err
	}
	s.report.refused("an account with two roles that chooses none", enter(two, ""), "role.ambiguous")
	return nil
}

// tamper changes one bit in the middle of a token's signature.
func tamper(token string) string {
	b := []byte(token)
	i := len(b) - 20
	if b[i] == 'A' {
		b[i] = 'B'
	} else {
		b[i] = 'A'
	}
	return string(b)
}

// inspect: the inspector searches the log; others may not.
func (s *stage) inspect(ctx context.Context) error {
	var deaf error
	if s.heard.Load() == 0 {
		deaf = errors.New("nobody heard anything")
	}
	s.report.held("both sides heard that something was written", deaf, fmt.Sprintf("%d live events", s.heard.Load()))
	for _, c := range []*colleague{s.cast.amal, s.cast.diane, s.cast.hana} {
		err := c.do(ctx, http.MethodGet, "/log/entries?limit=10", nil, nil)
		s.report.refused(c.account+", no inspector, searches the log", err, "role.not_allowed")
	}
	var out struct {
		Entries []struct {
			Seq int64 `json:"seq"`
		} `json:"entries"`
	}
	err := s.cast.gilles.do(ctx, http.MethodGet, "/log/entries?action=identity.released&limit=100", nil, &out)
	if err == nil && len(out.Entries) == 0 {
		err = fmt.Errorf("no opening is in the log, although there were some")
	}
	s.report.held("the inspector finds every opening in the log", err, fmt.Sprintf("%d entries", len(out.Entries)))
	return nil
}
