package policy

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// peopleNeeded is how many different people change policy.
const peopleNeeded = 2

// A Signer is a key that is pinned, and the human who holds it.
type Signer struct {
	Person string // the same for every key of one human; an id, for it stands in the log
	Key    string // the verifier key, NAME+HASH+BASE64, as GenerateKey gives it
}

// Verification pins whose signatures put a policy in force, and in which log. The
// zero value believes nothing.
type Verification struct {
	origin string
	known  note.Verifiers
	people map[string]string // by name of key
}

// personForm keeps the lists of persons in leaves readable.
var personForm = regexp.MustCompile(`^[!#-+\--<>-[\]-~]{1,128}$`)

// Pin makes a Verification for the log of this origin. It wants at least two
// people, one person for a key, and one name for it. Its errors say which signer
// is at fault by its place in the list, and repeat nothing of it: it may be a
// secret in the wrong place.
func Pin(origin string, signers []Signer) (Verification, error) {
	if origin == "" {
		return Verification{}, errors.New("the signers of policy are pinned for a log, and its origin is missing")
	}
	v := Verification{origin: origin, people: map[string]string{}}
	var (
		verifiers []note.Verifier
		persons   []string
		keys      = map[string]bool{}
	)
	for i, s := range signers {
		fail := func(why string) (Verification, error) {
			return Verification{}, fmt.Errorf("signer %d: %s", i+1, why)
		}
		if strings.HasPrefix(s.Key, "PRIVATE+KEY+") {
			return fail("this is a private key: it is known to too many now; make another and pin what sceau policy keygen prints")
		}
		verifier, err := note.NewVerifier(s.Key)
		_, material, _ := strings.Cut(s.Key, "+")
		_, material, _ = strings.Cut(material, "+")
		switch {
		case !personForm.MatchString(s.Person):
			return fail("person is missing, or is not 1 to 128 printable ASCII characters without space, quote, backslash, comma or =")
		case err != nil || !keyName.MatchString(verifier.Name()):
			return fail("key is not a verifier key, NAME+HASH+BASE64, as sceau policy keygen prints it")
		case v.people[verifier.Name()] != "":
			return fail("its key's name is another's already")
		case keys[material]:
			// Under two names one key would sign for two people.
			return fail("its key is another's already")
		}
		v.people[verifier.Name()], keys[material] = s.Person, true
		verifiers, persons = append(verifiers, verifier), append(persons, s.Person)
	}
	slices.Sort(persons)
	if len(slices.Compact(persons)) < peopleNeeded {
		return Verification{}, fmt.Errorf("policy is changed by %d people: pin the keys of at least %d different persons", peopleNeeded, peopleNeeded)
	}
	v.known = note.VerifierList(verifiers...)
	return v, nil
}

// Pinned says whether anybody is pinned: without, nothing is ever in force.
func (v Verification) Pinned() bool { return v.known != nil }

// A Signed is a statement that enough pinned people have signed.
type Signed struct {
	Statement
	Persons    []string   // who, sorted
	Signatures Signatures // theirs alone, sorted by key
}

// Signers are the persons, as an entry lists them.
func (s Signed) Signers() string { return strings.Join(s.Persons, ",") }

// Open verifies a note: for this log, in the spelling of a [Statement], signed by
// two different people at least. Two keys of one person count once, and what is
// signed by keys that are not pinned counts for nothing and is left out.
func (v Verification) Open(signed []byte) (Signed, error) {
	if !v.Pinned() {
		return Signed{}, errors.New("no signers of policy are pinned")
	}
	n, err := note.Open(signed, v.known)
	var nobody *note.UnverifiedNoteError
	var forged *note.InvalidSignatureError
	switch {
	case errors.As(err, &nobody):
		n = nobody.Note
	case errors.As(err, &forged):
		return Signed{}, fmt.Errorf("the signature of %s is not of this text", forged.Name)
	case err != nil:
		return Signed{}, errors.New("not a signed note")
	}
	s := Signed{}
	if s.Statement, err = readStatement(n.Text); err != nil {
		return Signed{}, err
	}
	if s.Origin != v.origin {
		return Signed{}, fmt.Errorf("it was signed for the log %s, and this is %s", s.Origin, v.origin)
	}
	for _, sig := range n.Sigs {
		s.Signatures = append(s.Signatures, Signature{Key: sig.Name, Value: sig.Base64})
		s.Persons = append(s.Persons, v.people[sig.Name])
	}
	slices.SortFunc(s.Signatures, func(a, b Signature) int { return strings.Compare(a.Key, b.Key) })
	slices.Sort(s.Persons)
	if s.Persons = slices.Compact(s.Persons); len(s.Persons) < peopleNeeded {
		return Signed{}, fmt.Errorf("%d of %d different persons have signed with keys that are pinned here", len(s.Persons), peopleNeeded)
	}
	return s, nil
}

// Check verifies what an entry of this log says of itself: its own origin is the
// one that is pinned, so s.Origin is not looked at.
func (v Verification) Check(s Statement, signatures Signatures) (Signed, error) {
	s.Origin = v.origin
	if err := s.check(); err != nil {
		return Signed{}, err
	}
	return v.Open(signatures.Note(s))
}

// ParseSigners reads signers from a text: one on a line, the person, spaces and
// the key. Empty lines and those that begin with # are left out.
func ParseSigners(text string) ([]Signer, error) {
	var all []Signer
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		fields := strings.Fields(line)
		if len(fields) != 2 {
			return nil, fmt.Errorf("line %d is not a person and a key", i+1)
		}
		all = append(all, Signer{Person: fields[0], Key: fields[1]})
	}
	return all, nil
}
