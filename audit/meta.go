package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// Meta says which part of which log an export holds. It proves nothing alone:
// whoever made the export wrote it. Compare Head with one that was seen before.
type Meta struct {
	V      int    `json:"v"`
	Origin string `json:"origin"`
	First  int64  `json:"first"` // seq of the first line; above 0 after pruning
	Prev   Hash   `json:"prev"`  // `prev` of that line; Genesis(Origin) at First 0
	Count  int64  `json:"count"` // lines in log.jsonl
	Head   Hash   `json:"head"`  // hash of the last line; Prev when there is none
}

// MarshalText and UnmarshalText make hashes read in JSON as they do in leaves.
func (h Hash) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// UnmarshalText reads what MarshalText writes.
func (h *Hash) UnmarshalText(b []byte) (err error) {
	*h, err = ParseHash(string(b))
	return err
}

// MaxOrigin bounds the name of a log in bytes.
const MaxOrigin = 200

// IsOrigin reports whether s can name a log: an id of at most MaxOrigin bytes
// without '+', which signed checkpoints reserve.
func IsOrigin(s string) bool {
	return len(s) <= MaxOrigin && isID([]byte(s)) && !strings.Contains(s, "+")
}

func (m Meta) check() error {
	switch {
	case m.V != Version:
		return fmt.Errorf("v is %d, this program reads %d", m.V, Version)
	case !IsOrigin(m.Origin):
		return fmt.Errorf("origin %.80q cannot name a log", m.Origin)
	case m.First < 0 || m.Count < 0 || m.First >= MaxInt-m.Count:
		return fmt.Errorf("first %d or count %d is out of range", m.First, m.Count)
	case m.First == 0 && m.Prev != Genesis(m.Origin):
		return errors.New("prev is not the hash of the origin")
	case m.Count == 0 && m.Head != m.Prev:
		return errors.New("count is 0, but head is not prev")
	}
	return nil
}

func marshalMeta(m Meta) ([]byte, error) {
	if err := m.check(); err != nil {
		return nil, fmt.Errorf("meta.json: %w", err)
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(m); err != nil {
		return nil, fmt.Errorf("meta.json: %w", err)
	}
	return buf.Bytes(), nil
}

// Text is meta.json, as an export holds it.
func (m Meta) Text() ([]byte, error) { return marshalMeta(m) }

// parseMeta is as strict as the leaves are: one spelling, but for the final
// newline, which may be missing.
func parseMeta(b []byte) (Meta, error) {
	var m Meta
	if err := json.Unmarshal(b, &m); err != nil {
		return Meta{}, err
	}
	again, err := marshalMeta(m)
	if err != nil {
		return Meta{}, err
	}
	if !bytes.Equal(bytes.TrimSuffix(b, []byte("\n")), bytes.TrimSuffix(again, []byte("\n"))) {
		return Meta{}, errors.New("not spelled as the format says: keys v, origin, first, prev, count, head, no white space")
	}
	return m, nil
}
