package seal

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// A Text is what somebody says in their own words where a leaf may only commit to it:
// a narrative, the words of a consent, the note of an opinion. The salt that opens
// the commitment is sealed with the words, so that erasing one erases the other.
type Text struct {
	Salt []byte `json:"salt"`
	Text string `json:"text"`
}

// NewText draws a salt for text.
func NewText(text string) Text {
	salt := make([]byte, 32)
	rand.Read(salt) // never fails
	return Text{Salt: salt, Text: text}
}

// Seal seals the text in its context. It returns the file, and the sum of its header
// for the leaf.
func (t Text) Seal(recipient string, c Context) (ciphertext []byte, header string, err error) {
	content, err := json.Marshal(t)
	if err != nil {
		return nil, "", fmt.Errorf("sealing %s: %w", c.Item, err)
	}
	defer clear(content)
	if ciphertext, err = Seal(recipient, c, content); err != nil {
		return nil, "", err
	}
	h, err := Header(ciphertext)
	if err != nil {
		return nil, "", err
	}
	return ciphertext, HeaderSum(h), nil
}

// OpenText opens what [Text.Seal] sealed. The error is ErrContext or ErrDamaged.
func OpenText(ciphertext, fileKey []byte, c Context) (Text, error) {
	content, err := Open(ciphertext, fileKey, c)
	if err != nil {
		return Text{}, err
	}
	defer clear(content)
	var t Text
	if err := json.Unmarshal(content, &t); err != nil {
		return Text{}, fmt.Errorf("%w: %s is no text with its salt", ErrDamaged, c.Item)
	}
	return t, nil
}
