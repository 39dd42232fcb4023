package audit

import (
	"bytes"
	"encoding/json"
)

// The mirror of a leaf: what encoding/json writes of it is what Marshal must
// write. Field order here is field order there.
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

// marshalSlowly is Marshal by encoding/json.
func marshalSlowly(e Entry) ([]byte, error) {
	if err := e.check(); err != nil {
		return nil, err
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
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(l); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}
