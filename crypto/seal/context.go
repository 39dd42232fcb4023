package seal

import (
	"fmt"
	"regexp"
	"strconv"
)

// The two classes of a case's content, each with a key of its own: who may
// read a conversation has no key to who wrote it.
const (
	Transcript = "transcript"
	Identity   = "identity"
)

// Context says which sealed file of which case a plaintext is.
type Context struct {
	Case  string // the case's id, a lower-case UUID
	Class string // Transcript or Identity
	Item  string // what it is within case and class
}

// Message is the context of the message at a position of the conversation.
func Message(caseID string, position int) Context {
	return Context{Case: caseID, Class: Transcript, Item: "message/" + strconv.Itoa(position)}
}

// Facet is the context of one sealed item of an identity facet.
func Facet(caseID, facet string, number int) Context {
	return Context{Case: caseID, Class: Identity, Item: "facet/" + facet + "/" + strconv.Itoa(number)}
}

// Narrative is the context of the free text that goes with an escalation.
func Narrative(caseID, escalation string) Context {
	return Context{Case: caseID, Class: Transcript, Item: "narrative/" + escalation}
}

// Consent is the context of the words in which a minor gave a consent.
func Consent(caseID, consent string) Context {
	return Context{Case: caseID, Class: Transcript, Item: "consent/" + consent}
}

// Opinion is the context of the note that goes with a psychologist's opinion.
func Opinion(caseID, opinion string) Context {
	return Context{Case: caseID, Class: Transcript, Item: "opinion/" + opinion}
}

// No field can hold a line feed, so two contexts never have the same prefix
// and none is the prefix of another.
var (
	caseForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$`)
	itemForm = regexp.MustCompile(`^[a-z]+(/[a-z0-9_-]+){1,2}$`)
)

func (c Context) check() error {
	if !caseForm.MatchString(c.Case) || (c.Class != Transcript && c.Class != Identity) ||
		len(c.Item) > 100 || !itemForm.MatchString(c.Item) {
		return fmt.Errorf("%q of class %q does not name sealed content", c.Item, c.Class)
	}
	return nil
}

func (c Context) prefix() []byte {
	p := make([]byte, 0, bucket)
	p = append(p, version...)
	for _, line := range []string{c.Case, c.Class, c.Item} {
		p = append(p, '\n')
		p = append(p, line...)
	}
	return append(p, '\n')
}
