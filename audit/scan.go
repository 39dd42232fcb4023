package audit

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// A scanned leaf: slices of the leaf's own bytes, and nothing allocated when
// the struct is used again. [Parse] makes an Entry of it; the verifier reads it
// as it is, since it goes through millions.
type scanned struct {
	v, seq      int64
	at, prev    []byte
	via         []byte
	actor       [5][]byte // actorKeys
	action      []byte
	caseID      []byte
	subject     [2][]byte // subjectKeys
	ground      []byte
	decision    [6][]byte // decisionKeys
	hasDecision bool
	details     []scannedField
	commitments []scannedField
}

type scannedField struct {
	key     []byte
	kind    byte   // 's', 'b', 'i'
	text    []byte // 's': between the quotes, escapes and all
	escaped bool   // text holds an escape
	num     int64  // 'i' the integer, 'b' 0 or 1
}

// The keys of the inner objects, in order, as the scanner meets them.
var (
	actorKeys    = []string{`"id":"`, `"person":"`, `"role":"`, `"unit":"`, `"session":"`}
	subjectKeys  = []string{`"type":"`, `"id":"`}
	decisionKeys = []string{`"id":"`, `"path":"`, `"policy":"`, `"engine":"`, `"input":"`, `"result":"`}
)

const decisionInput = 4 // index in decisionKeys

// A scanner walks a leaf once, from left to right. The grammar has one spelling
// for every entry, so there is nothing to look up and nothing to repair: what
// does not stand where it must is refused.
type scanner struct {
	b   []byte
	i   int
	err error
}

func (s *scanner) fail(want string) bool {
	if s.err == nil {
		end := min(s.i+24, len(s.b))
		s.err = fmt.Errorf("byte %d: want %s, have %q", s.i, want, s.b[s.i:end])
	}
	return false
}

// peek reports whether lit comes next, and steps over it if so.
func (s *scanner) peek(lit string) bool {
	if len(s.b)-s.i >= len(lit) && string(s.b[s.i:s.i+len(lit)]) == lit {
		s.i += len(lit)
		return true
	}
	return false
}

func (s *scanner) lit(lit string) bool {
	return s.peek(lit) || s.fail("'"+lit+"'")
}

// word reads to the closing quote what needs no escape, and steps over it.
func (s *scanner) word(what string) []byte {
	start := s.i
	for s.i < len(s.b) && idByte[s.b[s.i]] {
		s.i++
	}
	w := s.b[start:s.i]
	if len(w) == 0 || len(w) > 256 || s.i == len(s.b) || s.b[s.i] != '"' {
		s.i = start
		s.fail(what)
		return nil
	}
	s.i++
	return w
}

// checked is word under a stricter test.
func (s *scanner) checked(what string, ok func([]byte) bool) []byte {
	start := s.i
	w := s.word(what)
	if w != nil && !ok(w) {
		s.i = start
		s.fail(what)
		return nil
	}
	return w
}

// fixed reads n bytes that pass ok, and the quote behind them.
func (s *scanner) fixed(what string, n int, ok func([]byte) bool) []byte {
	if len(s.b)-s.i <= n || s.b[s.i+n] != '"' || !ok(s.b[s.i:s.i+n]) {
		s.fail(what)
		return nil
	}
	w := s.b[s.i : s.i+n]
	s.i += n + 1
	return w
}

// integer reads a JSON integer as Go writes it: no sign on zero, no leading
// zero, no fraction, no exponent, |x| < 2⁵³.
func (s *scanner) integer() int64 {
	start, neg := s.i, false
	if s.i < len(s.b) && s.b[s.i] == '-' {
		neg = true
		s.i++
	}
	first := s.i
	var n int64
	for s.i < len(s.b) && s.b[s.i] >= '0' && s.b[s.i] <= '9' && s.i-first < 17 {
		n = n*10 + int64(s.b[s.i]-'0')
		s.i++
	}
	digits := s.i - first
	if digits == 0 || n >= MaxInt || s.b[first] == '0' && (digits > 1 || neg) {
		s.i = start
		s.fail("an integer below 2^53, written plainly")
		return 0
	}
	if neg {
		return -n
	}
	return n
}

// text reads a string to its closing quote, as encoding/json writes it with
// HTML escaping off, and returns what stands between the quotes.
func (s *scanner) text() (text []byte, escaped bool) {
	start := s.i
	for s.i < len(s.b) {
		c := s.b[s.i]
		switch {
		case c == '"':
			text = s.b[start:s.i]
			s.i++
			return text, escaped
		case c == '\\':
			escaped = true
			n := escapeLen(s.b[s.i:])
			if n == 0 {
				s.fail("the one escape that the writer would use")
				return nil, false
			}
			s.i += n
		case c < ' ':
			s.fail("an escaped control character")
			return nil, false
		case c < utf8.RuneSelf:
			s.i++
		default:
			r, n := utf8.DecodeRune(s.b[s.i:])
			if r == utf8.RuneError && n == 1 {
				s.fail("UTF-8")
				return nil, false
			}
			if r == '\u2028' || r == '\u2029' {
				s.fail("U+2028 and U+2029 escaped")
				return nil, false
			}
			s.i += n
		}
	}
	s.fail("a closing quote")
	return nil, false
}

// escapeLen returns the length of the escape that b begins with, 0 when the
// writer would not have written it.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) < 6 {
			return 0
		}
		h := b[2:6]
		if string(h) == "2028" || string(h) == "2029" {
			return 6
		}
		if h[0] != '0' || h[1] != '0' || h[2] != '0' && h[2] != '1' || !hexByte[h[3]] {
			return 0
		}
		if h[2] == '0' {
			switch h[3] {
			case '8', '9', 'a', 'c', 'd': // \b \t \n \f \r
				return 0
			}
		}
		return 6
	}
	return 0
}

// object reads the words of an inner object whose opening brace was read: at
// least one of keys, in their order.
func (s *scanner) object(keys []string, into [][]byte) {
	n := 0
	for k, key := range keys {
		into[k] = nil
		if s.err != nil {
			continue
		}
		at := s.i
		if n > 0 && !s.peek(",") {
			continue
		}
		if !s.peek(key) {
			s.i = at
			continue
		}
		into[k] = s.word("an id")
		n++
	}
	if n == 0 {
		s.fail("the first key of the object")
	}
	s.lit("}")
}

// fields reads the pairs of details or commitments, whose opening brace was
// read: at least one, keys ascending.
func (s *scanner) fields(into []scannedField, commitments bool) []scannedField {
	var last []byte
	for s.err == nil {
		start := s.i
		if !s.lit(`"`) {
			break
		}
		f := scannedField{key: s.checked("a lower-case key", isKey)}
		if f.key == nil || bytes.Compare(f.key, last) <= 0 {
			s.i = start
			s.fail("keys sorted, each once")
			break
		}
		last = f.key
		if !s.lit(":") {
			break
		}
		switch {
		case commitments:
			if s.lit(`"`) {
				f.kind, f.text = 's', s.fixed("a commitment", hashLen, isHash)
			}
		case s.peek(`"`):
			f.kind = 's'
			f.text, f.escaped = s.text()
		case s.peek("true"):
			f.kind, f.num = 'b', 1
		case s.peek("false"):
			f.kind = 'b'
		default:
			f.kind, f.num = 'i', s.integer()
		}
		into = append(into, f)
		if !s.peek(",") {
			break
		}
	}
	s.lit("}")
	return into
}

// head reads the part that every version keeps: `v`, `seq`, `at`, `prev`.
func (s *scanner) head(e *scanned) {
	s.lit(`{"v":`)
	e.v = s.integer()
	if s.err == nil && e.v < 1 {
		s.fail("a version of 1 or more")
	}
	s.lit(`,"seq":`)
	e.seq = s.integer()
	if s.err == nil && e.seq < 0 {
		s.fail("a seq of 0 or more")
	}
	s.lit(`,"at":"`)
	e.at = s.fixed("a time like "+timeLayout, len(timeLayout), isTime)
	s.lit(`,"prev":"`)
	e.prev = s.fixed("a hash in padded base64", hashLen, isHash)
}

// scan reads leaf strictly into e. The slices of e stay those of leaf.
func scan(leaf []byte, e *scanned) error {
	*e = scanned{details: e.details[:0], commitments: e.commitments[:0]}
	if len(leaf) > MaxLeaf {
		return ErrTooLong
	}
	s := scanner{b: leaf}
	s.head(e)
	if s.err == nil && e.v != Version {
		return scanUnknown(leaf, e.v)
	}
	s.lit(`,"via":"`)
	e.via = s.checked("a known writer", isVia)
	s.lit(`,"actor":{`)
	s.object(actorKeys, e.actor[:])
	if s.err == nil && e.actor[0] == nil {
		s.fail("actor.id before")
	}
	s.lit(`,"action":"`)
	e.action = s.checked("an action", isAction)
	if s.peek(`,"case":"`) {
		e.caseID = s.fixed("a lower-case UUID", uuidLen, IsUUID[[]byte])
	}
	if s.peek(`,"subject":{`) {
		s.object(subjectKeys, e.subject[:])
	}
	if s.peek(`,"ground":"`) {
		e.ground = s.word("an id")
	}
	if s.peek(`,"decision":{`) {
		e.hasDecision = true
		s.object(decisionKeys, e.decision[:])
		if in := e.decision[decisionInput]; in != nil && !isHash(in) {
			s.fail("a commitment as decision.input before")
		}
	}
	if s.peek(`,"details":{`) {
		e.details = s.fields(e.details, false)
	}
	if s.peek(`,"commitments":{`) {
		e.commitments = s.fields(e.commitments, true)
	}
	s.lit("}")
	if s.err == nil && s.i != len(s.b) {
		s.fail("the end")
	}
	return s.err
}
