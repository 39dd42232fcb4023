package audit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// ErrTooLong is returned for an entry whose leaf would exceed [MaxLeaf] bytes.
var ErrTooLong = errors.New("entry is longer than 65535 bytes")

// Marshal returns e's leaf. It refuses what [Parse] would refuse, so that
// nothing enters a log that its own verifier calls damaged.
func Marshal(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, err)
	}
	leaf, err := e.append(make([]byte, 0, 512))
	if err != nil {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, err)
	}
	if len(leaf) > MaxLeaf {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, ErrTooLong)
	}
	return leaf, nil
}

// append writes the leaf: the one spelling of the entry, in the order of the
// fields, what is empty left out. Ids, hashes and words were checked to need no
// escaping; only the strings in details may, and encoding/json does it.
func (e *Entry) append(b []byte) ([]byte, error) {
	b = append(b, `{"v":`...)
	b = strconv.AppendInt(b, int64(e.V), 10)
	b = append(b, `,"seq":`...)
	b = strconv.AppendInt(b, e.Seq, 10)
	b = append(b, `,"at":"`...)
	b = e.At.UTC().AppendFormat(b, timeLayout)
	b = append(b, `","prev":"`...)
	b = base64.StdEncoding.AppendEncode(b, e.Prev[:])
	b = appendField(append(b, '"'), ',', "via", string(e.Via))

	a := &e.Actor
	b = appendField(append(b, `,"actor":`...), '{', "id", a.ID)
	b = appendField(b, ',', "person", a.Person)
	b = appendField(b, ',', "role", a.Role)
	b = appendField(b, ',', "unit", a.Unit)
	b = append(appendField(b, ',', "session", a.Session), '}')

	b = appendField(b, ',', "action", string(e.Action))
	b = appendField(b, ',', "case", e.Case)
	b = appendObject(b, "subject", "type", e.Subject.Type, "id", e.Subject.ID)
	b = appendField(b, ',', "ground", e.Ground)
	if d := e.Decision; d != nil {
		b = appendObject(b, "decision", "id", d.ID, "path", d.Path, "policy", d.Policy,
			"engine", d.Engine, "input", d.Input, "result", d.Result)
	}

	sep := byte('{')
	for i, k := range sortedKeys(e.Details) {
		if i == 0 {
			b = append(b, `,"details":`...)
		}
		b = append(append(append(b, sep, '"'), k...), '"', ':')
		sep = ','
		switch v := e.Details[k].(type) {
		case string:
			var err error
			if b, err = appendText(b, v); err != nil {
				return nil, fmt.Errorf("details.%s: %w", k, err)
			}
		case bool:
			b = strconv.AppendBool(b, v)
		case int64:
			b = strconv.AppendInt(b, v, 10)
		}
	}
	if len(e.Details) > 0 {
		b = append(b, '}')
	}
	if len(e.Commitments) > 0 {
		pairs := make([]string, 0, 2*len(e.Commitments))
		for _, k := range sortedKeys(e.Commitments) {
			pairs = append(pairs, k, e.Commitments[k])
		}
		b = appendObject(b, "commitments", pairs...)
	}
	return append(b, '}'), nil
}

// appendField writes a string that needs no escaping, unless it is empty.
func appendField(b []byte, sep byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, sep, '"'), key...), `":"`...)
	return append(append(b, value...), '"')
}

// appendObject writes an object of such strings, unless all are empty.
func appendObject(b []byte, key string, pairs ...string) []byte {
	start := len(b)
	b = append(append(append(b, ',', '"'), key...), `":`...)
	sep := byte('{')
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			b = appendField(b, sep, pairs[i], pairs[i+1])
			sep = ','
		}
	}
	if sep == '{' {
		return b[:start]
	}
	return append(b, '}')
}

// appendText writes a string as encoding/json does with HTML escaping off.
func appendText(b []byte, s string) ([]byte, error) {
	plain := true
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			plain = false
			break
		}
	}
	if plain {
		return append(append(append(b, '"'), s...), '"'), nil
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		return nil, err
	}
	return append(b, bytes.TrimSuffix(buf.Bytes(), []byte("\n"))...), nil
}

func sortedKeys[V any](m map[string]V) []string {
	if len(m) == 0 {
		return nil
	}
	return slices.Sorted(maps.Keys(m))
}

func (e *Entry) check() error {
	switch {
	case e.V != Version:
		return fmt.Errorf("v is %d, this package writes %d", e.V, Version)
	case e.Seq < 0 || e.Seq >= MaxInt:
		return fmt.Errorf("seq %d is out of range", e.Seq)
	case e.At.Nanosecond()%int(time.Microsecond) != 0:
		return errors.New("at has parts of a microsecond, which a leaf cannot hold")
	case e.At.UTC().Year() < 0 || e.At.UTC().Year() > 9999:
		return errors.New("at is outside the years 0000 to 9999")
	case !isVia([]byte(e.Via)):
		return fmt.Errorf("via %.40q is no writer", e.Via)
	case !isAction([]byte(e.Action)):
		return errors.New("action is not two dotted lower-case words")
	case e.Actor.ID == "":
		return errors.New("actor has no id")
	case e.Case != "" && !IsUUID(e.Case):
		return fmt.Errorf("case %.40q is not a lower-case UUID", e.Case)
	case e.Decision != nil && *e.Decision == (Decision{}):
		return errors.New("decision is empty")
	case e.Decision != nil && e.Decision.Input != "" && !isHash([]byte(e.Decision.Input)):
		return errors.New("decision.input is not a commitment")
	}
	ids := []string{
		e.Actor.ID, e.Actor.Person, e.Actor.Role, e.Actor.Unit, e.Actor.Session,
		e.Subject.Type, e.Subject.ID, e.Ground,
	}
	if d := e.Decision; d != nil {
		ids = append(ids, d.ID, d.Path, d.Policy, d.Engine, d.Result)
	}
	for _, id := range ids {
		if id != "" && !isID([]byte(id)) {
			return fmt.Errorf("%.40q is not an id: 1 to 256 printable ASCII characters without space, quote or backslash", id)
		}
	}
	for k, v := range e.Details {
		if !isKey([]byte(k)) {
			return fmt.Errorf("details: key %.40q is not a lower-case word", k)
		}
		switch v := v.(type) {
		case string:
			if !utf8.ValidString(v) {
				return fmt.Errorf("details.%s is not UTF-8", k)
			}
		case bool:
		case int64:
			if v <= -MaxInt || v >= MaxInt {
				return fmt.Errorf("details.%s = %d is out of range", k, v)
			}
		default:
			return fmt.Errorf("details.%s is a %T: only string, bool and int64 may be", k, v)
		}
	}
	for k, v := range e.Commitments {
		if !isKey([]byte(k)) {
			return fmt.Errorf("commitments: key %.40q is not a lower-case word", k)
		}
		if !isHash([]byte(v)) {
			return fmt.Errorf("commitments.%s is not a commitment", k)
		}
	}
	return nil
}
