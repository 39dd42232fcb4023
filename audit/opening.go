package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// MaxOpening is the longest line of openings.jsonl in bytes, its newline not
// counted.
const MaxOpening = 1 << 20

// An Opening is a value that inspectors may see, with the salt of its
// commitment. Erasing it leaves the chain whole and the value unknowable.
type Opening struct {
	Seq   int64  // the entry that holds the commitment
	Field string // "input" for decision.input, else the key in commitments
	Case  string // of the entry; empty when it has none
	Salt  []byte // SaltSize bytes
	Value []byte // UTF-8
}

type openingJSON struct {
	Seq   int64  `json:"seq"`
	Field string `json:"field"`
	Case  string `json:"case"`
	Salt  []byte `json:"salt"`
	Value string `json:"value"`
}

func marshalOpening(o Opening) ([]byte, error) {
	switch {
	case o.Seq < 0 || o.Seq >= MaxInt:
		return nil, fmt.Errorf("opening: seq %d is out of range", o.Seq)
	case !isKey([]byte(o.Field)):
		return nil, fmt.Errorf("opening of entry %d: field %.40q is not a lower-case word", o.Seq, o.Field)
	case o.Case != "" && !IsUUID(o.Case):
		return nil, fmt.Errorf("opening of entry %d: case is not a lower-case UUID", o.Seq)
	case len(o.Salt) != SaltSize:
		return nil, fmt.Errorf("opening of entry %d: salt of %d bytes, not %d", o.Seq, len(o.Salt), SaltSize)
	case !utf8.Valid(o.Value):
		return nil, fmt.Errorf("opening of entry %d: value of %s is not UTF-8", o.Seq, o.Field)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	err := enc.Encode(openingJSON{o.Seq, o.Field, o.Case, o.Salt, string(o.Value)})
	if err != nil {
		return nil, fmt.Errorf("opening of entry %d: %w", o.Seq, err)
	}
	if buf.Len()-1 > MaxOpening {
		return nil, fmt.Errorf("opening of entry %d: longer than %d bytes", o.Seq, MaxOpening)
	}
	return buf.Bytes(), nil
}

// Line is the opening's line of openings.jsonl, its newline included.
func (o Opening) Line() ([]byte, error) { return marshalOpening(o) }

// parseOpening reads one line of openings.jsonl as strictly as a leaf.
func parseOpening(line []byte) (Opening, error) {
	s := scanner{b: line}
	var o Opening
	s.lit(`{"seq":`)
	o.Seq = s.integer()
	if s.err == nil && o.Seq < 0 {
		s.fail("a seq of 0 or more")
	}
	s.lit(`,"field":"`)
	o.Field = string(s.checked("a lower-case word", isKey))
	s.lit(`,"case":"`)
	if !s.peek(`"`) {
		o.Case = string(s.fixed("a lower-case UUID", uuidLen, IsUUID[[]byte]))
	}
	s.lit(`,"salt":"`)
	salt := s.fixed("32 bytes in padded base64", hashLen, isHash)
	s.lit(`,"value":"`)
	var value []byte
	var escaped bool
	if s.err == nil {
		value, escaped = s.text()
	}
	s.lit("}")
	if s.err == nil && s.i != len(line) {
		s.fail("the end")
	}
	if s.err != nil {
		return Opening{}, s.err
	}
	h := decodeHash(salt)
	o.Salt, o.Value = h[:], bytes.Clone(value)
	if escaped {
		o.Value = []byte(unescape(value))
	}
	return o, nil
}

var errNotCommitted = errors.New("the entry holds no such commitment")

// opens checks that o is what e committed to.
func (o *Opening) opens(e *scanned) error {
	if o.Case != string(e.caseID) {
		return errors.New("its case is not the entry's")
	}
	var want []byte
	if o.Field == "input" {
		want = e.decision[decisionInput]
	}
	for i := 0; want == nil && i < len(e.commitments); i++ {
		if string(e.commitments[i].key) == o.Field {
			want = e.commitments[i].text
		}
	}
	if want == nil {
		return errNotCommitted
	}
	if Commit(o.Salt, o.Field, o.Case, o.Value) != string(want) {
		return errors.New("salt and value do not give the commitment")
	}
	return nil
}

// Verify checks one opening against the entry's leaf.
func (o *Opening) Verify(leaf []byte) error {
	var e scanned
	if err := scan(leaf, &e); err != nil {
		return fmt.Errorf("opening %q of entry %d: %w", o.Field, o.Seq, err)
	}
	if e.seq != o.Seq {
		return fmt.Errorf("opening %q of entry %d: this is entry %d", o.Field, o.Seq, e.seq)
	}
	if err := o.opens(&e); err != nil {
		return fmt.Errorf("opening %q of entry %d: %w", o.Field, o.Seq, err)
	}
	return nil
}
