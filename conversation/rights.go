package conversation

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// A Consent is the minor's, to the opening of these facets, until it is withdrawn.
type Consent struct {
	ID           string
	Facets       []string // sorted
	Words        string   // "sha256:" and hexadecimal, of the header of the sealed words
	GivenSeq     int64
	GivenAt      time.Time
	WithdrawnSeq int64     // 0 while it stands: giving it comes before
	WithdrawnAt  time.Time // zero while it stands
}

// Stands tells whether the consent was not withdrawn.
func (c Consent) Stands() bool { return c.WithdrawnSeq == 0 }

// An Opinion is what a psychologist of the conversation thought at that moment.
type Opinion struct {
	ID      string
	By      string // account
	Person  string
	Opinion string // OpinionDanger or OpinionNoDanger
	Note    string // "sha256:" and hexadecimal, of the header of the sealed note
	Seq     int64
	At      time.Time
}

// The opinions.
const (
	OpinionDanger   = "danger"
	OpinionNoDanger = "no_danger"
)

// Opinions lists what an opinion may be.
var Opinions = []string{OpinionDanger, OpinionNoDanger}

// consentGiven: the words are sealed, so what is checked of them is that there are
// some; which facets they are about is what the leaf says.
func (c *Conversation) consentGiven(e audit.Entry) error {
	text, _ := e.Details["facets"].(string)
	facets, err := ParseFacets(text)
	words, _ := e.Details["words"].(string)
	switch {
	case err != nil:
		return err
	case e.Actor.Role != RoleMinor:
		return errors.New("was not done by the minor")
	case !named(e, "consent") || c.Consent(e.Subject.ID) != nil:
		return errors.New("is of no consent, or of one that was given")
	case !sumForm.MatchString(words):
		return errors.New("has no hash of a header")
	}
	c.Consents = append(c.Consents, Consent{ID: e.Subject.ID, Facets: facets, Words: words, GivenSeq: e.Seq, GivenAt: e.At})
	return nil
}

func (c *Conversation) consentWithdrawn(e audit.Entry) error {
	i := slices.IndexFunc(c.Consents, func(g Consent) bool { return g.ID == e.Subject.ID })
	switch {
	case e.Actor.Role != RoleMinor:
		return errors.New("was not done by the minor")
	case e.Subject.Type != "consent" || i < 0 || !c.Consents[i].Stands():
		return errors.New("is of no consent that stands")
	}
	// In a copy: who keeps the Conversation of before an entry keeps it as it was.
	c.Consents = slices.Clone(c.Consents)
	c.Consents[i].WithdrawnSeq, c.Consents[i].WithdrawnAt = e.Seq, e.At
	return nil
}

func (c *Conversation) opinionRecorded(e audit.Entry) error {
	opinion, _ := e.Details["opinion"].(string)
	note, _ := e.Details["note"].(string)
	switch {
	case e.Actor.Role != RolePsychologist || !c.TakesPart(e.Actor):
		return errors.New("is of no psychologist of the conversation")
	case !named(e, "opinion") || slices.ContainsFunc(c.Opinions, func(o Opinion) bool { return o.ID == e.Subject.ID }):
		return errors.New("is of no opinion, or of one that was recorded")
	case !slices.Contains(Opinions, opinion):
		return errors.New("says neither danger nor no_danger")
	case !sumForm.MatchString(note):
		return errors.New("has no hash of a header")
	}
	c.Opinions = append(c.Opinions, Opinion{ID: e.Subject.ID, By: e.Actor.ID, Person: e.Actor.Person,
		Opinion: opinion, Note: note, Seq: e.Seq, At: e.At})
	return nil
}

// Consent returns the consent with this id, or nil. The pointer is into c.
func (c *Conversation) Consent(id string) *Consent {
	for i, g := range c.Consents {
		if g.ID == id {
			return &c.Consents[i]
		}
	}
	return nil
}

// Opinion is the latest opinion recorded, as the danger assessment names it: "none"
// without any.
func (c *Conversation) Opinion() string {
	if len(c.Opinions) == 0 {
		return "none"
	}
	return c.Opinions[len(c.Opinions)-1].Opinion
}

// FormatFacets writes a list of facets as entries and rows do: sorted, each once.
func FormatFacets(facets []Facet) string {
	names := make([]string, len(facets))
	for i, f := range facets {
		names[i] = string(f)
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ",")
}

// ParseFacets reads what [FormatFacets] writes of at least one known facet, and
// nothing else.
func ParseFacets(text string) ([]string, error) {
	names := strings.Split(text, ",")
	facets := make([]Facet, len(names))
	for i, n := range names {
		if facets[i] = Facet(n); !facets[i].Known() {
			return nil, fmt.Errorf("facets %.80q are not all known", text)
		}
	}
	if FormatFacets(facets) != text {
		return nil, fmt.Errorf("facets %.80q are not sorted, each once", text)
	}
	return names, nil
}

// named tells whether the entry is about something of that type with an id as this
// service makes them: rows are found by it.
func named(e audit.Entry, subject string) bool {
	return e.Subject.Type == subject && audit.IsUUID(e.Subject.ID)
}

// decided requires that policy was asked, at this point, and allowed it.
func decided(e audit.Entry, point policy.Point) error {
	if e.Decision == nil || e.Decision.Path != string(point) || e.Decision.Result != audit.ResultAllow {
		return fmt.Errorf("without a decision of %s that allows it", point)
	}
	return nil
}
