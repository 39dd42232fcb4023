package conversation

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/sceau-project/sceau/crypto/seal"
)

const (
	// MaxText is the longest message, in runes.
	MaxText = 4000

	// MaxFacet is the longest value of an entrusted facet, in runes.
	MaxFacet = 500

	// MaxWords is the longest that a consent's words can be, in runes.
	MaxWords = 500

	MaxConsents = 200     // of one conversation
	MaxMessages = 100_000 // of one conversation; years of talk
	MaxItems    = 1000    // of one facet of one conversation
)

// An Author is who wrote a message.
type Author struct {
	Role  string // RoleMinor, RoleAgent, RolePsychologist, or "service" for position 0
	Staff string // account, of agents and psychologists
}

// The authors that are no members of staff.
var (
	Minor   = Author{Role: RoleMinor}
	Service = Author{Role: "service"} // of position 0
)

// Byline is the first line of the sealed text. The row says who wrote it too, but a
// row can be changed: without the byline, whoever writes to the database could put
// the agent's words into the child's mouth.
func (a Author) Byline() string { return strings.TrimSpace(a.Role + " " + a.Staff) }

// A SealedMessage is one message as PostgreSQL has it.
type SealedMessage struct {
	Position   int
	Author     Author
	At         time.Time
	Ciphertext []byte
	Link       [32]byte // of the message chain
}

// A SealedFacet is one sealed item of a facet as PostgreSQL has it.
type SealedFacet struct {
	Facet      Facet
	Number     int
	Ciphertext []byte
	Seq        int64 // of its identity.sealed entry
}

// A Connection is where a minor wrote from. The port tells apart those who share
// one address.
type Connection struct {
	Address netip.Addr `json:"address"`
	Port    uint16     `json:"port"`
	At      time.Time  `json:"at"`
}

// SealMessage seals text as the message at position.
func SealMessage(recipient, caseID string, position int, by Author, text string) ([]byte, error) {
	content := []byte(by.Byline() + "\n" + text)
	defer clear(content)
	return seal.Seal(recipient, seal.Message(caseID, position), content)
}

// Open opens a message with its file key and checks that it is the message of that
// case, position and author. The text of position 0 is the postal code. The error
// wraps seal.ErrContext or seal.ErrDamaged.
func (m SealedMessage) Open(caseID string, fileKey []byte) (string, error) {
	content, err := seal.Open(m.Ciphertext, fileKey, seal.Message(caseID, m.Position))
	if err != nil {
		return "", err
	}
	byline, text, ok := strings.Cut(string(content), "\n")
	if !ok || byline != m.Author.Byline() {
		return "", fmt.Errorf("%w: message %d was written by somebody else", seal.ErrContext, m.Position)
	}
	return text, nil
}

// Open opens an entrusted facet with its file key. A connection is JSON: see
// [SealedFacet.OpenConnection]. The error wraps seal.ErrContext or seal.ErrDamaged.
func (f SealedFacet) Open(caseID string, fileKey []byte) (string, error) {
	content, err := seal.Open(f.Ciphertext, fileKey, seal.Facet(caseID, string(f.Facet), f.Number))
	return string(content), err
}

// OpenConnection opens a connection with its file key.
func (f SealedFacet) OpenConnection(caseID string, fileKey []byte) (Connection, error) {
	var c Connection
	if f.Facet != FacetConnection {
		return c, errors.New("this facet is no connection")
	}
	text, err := f.Open(caseID, fileKey)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return c, fmt.Errorf("%w: the connection is not as it was written", seal.ErrDamaged)
	}
	return c, nil
}

// SealConnection seals where a minor wrote from, as one more item of the facet.
func SealConnection(recipient, caseID string, number int, c Connection) ([]byte, error) {
	if !c.Address.IsValid() {
		return nil, errors.New("sealing a connection: no address")
	}
	c.Address, c.At = c.Address.Unmap().WithZone(""), c.At.UTC()
	content, err := json.Marshal(c)
	if err != nil {
		return nil, fmt.Errorf("sealing a connection: %w", err)
	}
	return seal.Seal(recipient, seal.Facet(caseID, string(FacetConnection), number), content)
}

// CheckText refuses what is no message: empty, longer than [MaxText] runes, or not
// plain text.
func CheckText(text string) error {
	return check(text, MaxText, ErrMessageEmpty, ErrMessageTooLong, ErrMessageNotText)
}

// CheckFacet refuses what is no value of an entrusted facet.
func CheckFacet(value string) error {
	return check(value, MaxFacet, ErrFacetEmpty, ErrFacetTooLong, ErrFacetNotText)
}

// CheckWords refuses what are no words of a consent.
func CheckWords(words string) error {
	return check(words, MaxWords, ErrWordsEmpty, ErrWordsTooLong, ErrWordsNotText)
}

func check(s string, longest int, empty, tooLong, notText *Refusal) error {
	switch {
	case len(s) > utf8.UTFMax*longest:
		return tooLong // before anything that reads all of it
	case !utf8.ValidString(s) || strings.ContainsFunc(s, isControl):
		return notText
	case strings.TrimSpace(s) == "":
		return empty
	case utf8.RuneCountInString(s) > longest:
		return tooLong
	}
	return nil
}

// isControl: NUL and its like end strings elsewhere and drive terminals; lines and
// tabs are writing.
func isControl(r rune) bool {
	return unicode.IsControl(r) && r != '\n' && r != '\r' && r != '\t'
}
