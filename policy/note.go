package policy

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// noteHeader begins the text that is signed: a signature of something else is
// none of a policy.
const noteHeader = "sceau policy v1"

// MaxSerial is the largest serial number: PostgreSQL lets no longer integer into a leaf.
const MaxSerial = 999_999_999_999_999

// A Statement is what people sign to change the policy of one log: four lines,
//
//	sceau policy v1
//	sceau.example.org/2026
//	7
//	sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
//
// which, with a blank line and the signatures, are a signed note as
// golang.org/x/mod/sumdb/note and C2SP specify it.
type Statement struct {
	Origin   string // of the log: signatures for one are none for another
	Serial   int64  // 1 to MaxSerial; rises with every activation, so that old signatures are spent
	Revision string // of the bundle
}

var revisionForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// check says whether the four lines can be written and read again.
func (s Statement) check() error {
	switch {
	case s.Origin == "" || strings.ContainsFunc(s.Origin, func(r rune) bool { return r <= ' ' || r > '~' }):
		return errors.New("the log's origin is missing or is none")
	case s.Serial < 1 || s.Serial > MaxSerial:
		return fmt.Errorf("the serial must lie between 1 and %d", int64(MaxSerial))
	case !revisionForm.MatchString(s.Revision):
		return errors.New("the revision is not sha256: and 64 hexadecimal digits")
	}
	return nil
}

func (s Statement) text() string {
	return fmt.Sprintf("%s\n%s\n%d\n%s\n", noteHeader, s.Origin, s.Serial, s.Revision)
}

// readStatement reads the text of a note, and refuses what text would not have
// written.
func readStatement(text string) (Statement, error) {
	lines := strings.Split(text, "\n")
	if len(lines) != 5 || lines[0] != noteHeader {
		return Statement{}, fmt.Errorf("not the four lines that begin with %q", noteHeader)
	}
	serial, err := strconv.ParseInt(lines[2], 10, 64)
	if err != nil {
		return Statement{}, errors.New("its third line is no serial number")
	}
	s := Statement{Origin: lines[1], Serial: serial, Revision: lines[3]}
	if err := s.check(); err != nil {
		return Statement{}, err
	}
	if s.text() != text {
		return Statement{}, errors.New("it is not spelled as it should be")
	}
	return s, nil
}

// keyName is what a key may be called: it stands in lists, in a leaf and in file
// names.
var keyName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// GenerateKey makes a key for one person: what they sign with, and what is pinned.
func GenerateKey(name string) (private, public string, err error) {
	if !keyName.MatchString(name) {
		return "", "", errors.New("a key's name has 1 to 64 letters, digits, dots, dashes, underscores or @, the first a letter or digit")
	}
	return note.GenerateKey(rand.Reader, name)
}

// Sign adds a signature to a note, or begins one when signed is empty. A note
// that says anything else than s is refused: who signs second signs what they
// checked themselves, never what the first one wrote.
func Sign(s Statement, signed []byte, private string) ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("signing a policy: %w", err)
	}
	signer, err := note.NewSigner(strings.TrimSpace(private))
	if err != nil || !keyName.MatchString(signer.Name()) {
		return nil, errors.New("signing a policy: the private key cannot be read") // never its bytes
	}
	n := &note.Note{Text: s.text()}
	if len(signed) > 0 {
		// Nobody is pinned here: the signatures that are there are carried over,
		// and judged by whoever pins keys.
		_, err := note.Open(signed, note.VerifierList())
		var there *note.UnverifiedNoteError
		if !errors.As(err, &there) {
			return nil, errors.New("signing a policy: the note that is there is malformed")
		}
		if there.Note.Text != n.Text {
			was, err := readStatement(there.Note.Text)
			if err != nil {
				return nil, fmt.Errorf("signing a policy: the note that is there: %w", err)
			}
			return nil, fmt.Errorf("signing a policy: the note that is there is for %s, serial %d, of %s", was.Revision, was.Serial, was.Origin)
		}
		n.UnverifiedSigs = there.Note.UnverifiedSigs
	}
	return note.Sign(n, signer)
}

// A Signature is one of a note's, as a leaf holds it: the key's name, and its
// short hash with the signature in base64.
type Signature struct {
	Key   string
	Value string
}

// Signatures are written as NAME=BASE64, sorted, separated by commas: ASCII without
// spaces, as everything in a leaf is.
type Signatures []Signature

func (s Signatures) String() string {
	items := make([]string, len(s))
	for i, one := range s {
		items[i] = one.Key + "=" + one.Value
	}
	slices.Sort(items)
	return strings.Join(items, ",")
}

// ParseSignatures reads what String wrote, and nothing else.
func ParseSignatures(text string) (Signatures, error) {
	var all Signatures
	for item := range strings.SplitSeq(text, ",") {
		key, value, ok := strings.Cut(item, "=")
		raw, err := base64.StdEncoding.DecodeString(value)
		if !ok || !keyName.MatchString(key) || err != nil || len(raw) < 5 {
			return nil, errors.New("the signatures are not NAME=BASE64, separated by commas")
		}
		all = append(all, Signature{Key: key, Value: value})
	}
	if all.String() != text {
		return nil, errors.New("the signatures are not sorted")
	}
	return all, nil
}

// Note is the signed note of a statement with these signatures: what a leaf
// holds, in the form that other tools verify.
func (s Signatures) Note(of Statement) []byte {
	var b strings.Builder
	b.WriteString(of.text() + "\n")
	for _, one := range s {
		fmt.Fprintf(&b, "— %s %s\n", one.Key, one.Value)
	}
	return []byte(b.String())
}
