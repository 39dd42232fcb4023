package story

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Conversation is one script: who writes what, in order.
type Conversation struct {
	ID       any       `json:"id"` // a string or a number; names the script in messages only
	Topic    string    `json:"topic"`
	Messages []Message `json:"messages"`
}

// Message is one line of a script.
type Message struct {
	From string `json:"from"` // fromMinor or fromAgent
	Text string `json:"text"`
}

const (
	fromMinor = "minor"
	fromAgent = "agent"
)

//go:embed conversations.json
var defaultScript []byte

// Default is the project's own script, in French.
func Default() []Conversation {
	cs, err := Read(bytes.NewReader(defaultScript))
	if err != nil {
		panic("story: the embedded script is unreadable: " + err.Error()) // a test reads it
	}
	return cs
}

// Read reads a script: a JSON array of conversations.
func Read(r io.Reader) ([]Conversation, error) {
	dec := json.NewDecoder(r)
	dec.DisallowUnknownFields()
	var cs []Conversation
	if err := dec.Decode(&cs); err != nil {
		return nil, fmt.Errorf("reading the conversations: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("reading the conversations: something follows the array")
	}
	if len(cs) == 0 {
		return nil, errors.New("reading the conversations: the array is empty")
	}
	for i, c := range cs {
		if len(c.Messages) == 0 {
			return nil, fmt.Errorf("conversation %d (%v) has no message", i+1, c.ID)
		}
		for j, m := range c.Messages {
			if (m.From != fromMinor && m.From != fromAgent) || m.Text == "" {
				return nil, fmt.Errorf("conversation %d (%v), message %d: wants a text from %q or %q", i+1, c.ID, j+1, fromMinor, fromAgent)
			}
		}
	}
	return cs, nil
}

// Cast picks n conversations (all when n is 0) and fills up with the project's
// own until every role of the plot is filled.
func Cast(cs []Conversation, n int) []Conversation {
	if n > 0 && n < len(cs) {
		cs = cs[:n]
	}
	cast := append([]Conversation(nil), cs...)
	for own := Default(); len(cast) < minCast; own = own[1:] {
		cast = append(cast, own[0])
	}
	return cast
}
