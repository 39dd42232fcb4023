package audit

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// An UnknownVersionError is what [Parse] returns for a leaf of another version:
// its place in the chain can be checked, its content cannot be read.
type UnknownVersionError struct{ V int64 }

func (e *UnknownVersionError) Error() string {
	return fmt.Sprintf("entry of unknown version %d", e.V)
}

// Parse reads a leaf strictly: it refuses every text that [Marshal] would not
// have written, so Marshal(Parse(leaf)) is leaf. A repaired reading would let
// two readers of the same hash see two histories.
func Parse(leaf []byte) (Entry, error) {
	var s scanned
	if err := scan(leaf, &s); err != nil {
		return Entry{}, fmt.Errorf("parse entry: %w", err)
	}
	return s.entry()
}

func (s *scanned) entry() (Entry, error) {
	at, err := time.Parse(timeLayout, string(s.at))
	if err != nil {
		return Entry{}, fmt.Errorf("parse entry: at: %w", err)
	}
	e := Entry{
		V: int(s.v), Seq: s.seq, At: at, Via: Via(s.via), Action: Action(s.action),
		Actor: Actor{
			ID: string(s.actor[0]), Person: string(s.actor[1]), Role: string(s.actor[2]),
			Unit: string(s.actor[3]), Session: string(s.actor[4]),
		},
		Case:    string(s.caseID),
		Subject: Subject{Type: string(s.subject[0]), ID: string(s.subject[1])},
		Ground:  string(s.ground),
	}
	e.Prev = decodeHash(s.prev)
	if s.hasDecision {
		e.Decision = &Decision{
			ID: string(s.decision[0]), Path: string(s.decision[1]), Policy: string(s.decision[2]),
			Engine: string(s.decision[3]), Input: string(s.decision[4]), Result: string(s.decision[5]),
		}
	}
	if len(s.details) > 0 {
		e.Details = make(Details, len(s.details))
		for i := range s.details {
			e.Details[string(s.details[i].key)] = s.details[i].value()
		}
	}
	if len(s.commitments) > 0 {
		e.Commitments = make(Commitments, len(s.commitments))
		for i := range s.commitments {
			e.Commitments[string(s.commitments[i].key)] = string(s.commitments[i].text)
		}
	}
	return e, nil
}

func (f *scannedField) value() any {
	switch f.kind {
	case 's':
		if f.escaped {
			return unescape(f.text)
		}
		return string(f.text)
	case 'b':
		return f.num == 1
	}
	return f.num
}

// unescape decodes what scanner.text accepted, and only that.
func unescape(text []byte) string {
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '\\' {
			out.WriteByte(text[i])
			continue
		}
		i++
		switch text[i] {
		case 'b':
			out.WriteByte('\b')
		case 'f':
			out.WriteByte('\f')
		case 'n':
			out.WriteByte('\n')
		case 'r':
			out.WriteByte('\r')
		case 't':
			out.WriteByte('\t')
		case 'u':
			r := rune(0)
			for _, c := range text[i+1 : i+5] {
				r = r<<4 | rune(strings.IndexByte("0123456789abcdef", c))
			}
			out.WriteRune(r)
			i += 4
		default: // quote, backslash
			out.WriteByte(text[i])
		}
	}
	return out.String()
}

// decodeHash decodes what isHash accepted.
func decodeHash(b []byte) Hash {
	var buf [33]byte // base64 wants room for the padded byte
	n, err := base64.StdEncoding.Decode(buf[:], b)
	if err != nil || n != len(Hash{}) {
		panic("audit: isHash accepted what base64 refuses")
	}
	return Hash(buf[:32])
}

var errUnknownLeaf = errors.New("entry of an unknown version is not one line of JSON in UTF-8")

// scanUnknown answers for a leaf whose version this package cannot read: the
// part that every version keeps was read, and the rest must at least be one
// line of JSON.
func scanUnknown(leaf []byte, v int64) error {
	if !utf8.Valid(leaf) || !json.Valid(leaf) {
		return errUnknownLeaf
	}
	for _, c := range leaf {
		if c < ' ' {
			return errUnknownLeaf
		}
	}
	return &UnknownVersionError{V: v}
}
