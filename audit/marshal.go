package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"
	"unicode/utf8"
)

// The mirror of a leaf: field order here is field order there, and everything
// that may be absent is absent when empty.
type leafJSON struct {
	V           int               `json:"v"`
	Seq         int64             `json:"seq"`
	At          string            `json:"at"`
	Prev        string            `json:"prev"`
	Via         Via               `json:"via"`
	Actor       actorJSON         `json:"actor"`
	Action      Action            `json:"action"`
	Case        string            `json:"case,omitempty"`
	Subject     *subjectJSON      `json:"subject,omitempty"`
	Ground      string            `json:"ground,omitempty"`
	Decision    *decisionJSON     `json:"decision,omitempty"`
	Details     map[string]any    `json:"details,omitempty"`
	Commitments map[string]string `json:"commitments,omitempty"`
}

type actorJSON struct {
	ID      string `json:"id"`
	Person  string `json:"person,omitempty"`
	Role    string `json:"role,omitempty"`
	Unit    string `json:"unit,omitempty"`
	Session string `json:"session,omitempty"`
}

type subjectJSON struct {
	Type string `json:"type,omitempty"`
	ID   string `json:"id,omitempty"`
}

type decisionJSON struct {
	ID     string `json:"id,omitempty"`
	Path   string `json:"path,omitempty"`
	Policy string `json:"policy,omitempty"`
	Engine string `json:"engine,omitempty"`
	Input  string `json:"input,omitempty"`
	Result string `json:"result,omitempty"`
}

// ErrTooLong is returned for an entry whose leaf would exceed [MaxLeaf] bytes.
var ErrTooLong = errors.New("entry is longer than 65535 bytes")

// Marshal returns e's leaf. It refuses what [Parse] would refuse, so that
// nothing enters a log that its own verifier calls damaged.
func Marshal(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, err)
	}
	l := leafJSON{
		V: e.V, Seq: e.Seq, At: FormatTime(e.At), Prev: e.Prev.String(),
		Via: e.Via, Actor: actorJSON(e.Actor), Action: e.Action, Case: e.Case,
		Ground: e.Ground, Details: e.Details, Commitments: e.Commitments,
	}
	if e.Subject != (Subject{}) {
		l.Subject = (*subjectJSON)(&e.Subject)
	}
	if e.Decision != nil {
		l.Decision = (*decisionJSON)(e.Decision)
	}
	var buf bytes.Buffer
	buf.Grow(512)
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, err)
	}
	leaf := bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
	if len(leaf) > MaxLeaf {
		return nil, fmt.Errorf("marshal %.40q entry: %w", e.Action, ErrTooLong)
	}
	return leaf, nil
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
	case e.Case != "" && !isUUID([]byte(e.Case)):
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
