package conversation

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// ErrHistory means that a case's entries say what cannot have happened:
// somebody wrote entries that the rules forbid. Nothing may be decided from it.
var ErrHistory = errors.New("the entries of the case contradict each other")

// A State of a conversation. It is empty while a case only has its keys.
type State string

// The states, as in PostgreSQL: a conversation waits while no agent is in it.
const (
	StateWaiting State = "waiting"
	StateActive  State = "active"
	StateClosed  State = "closed"
)

// The roles that take part, and the one that answers for what is kept of it.
const (
	RoleMinor          = "minor"
	RoleAgent          = policy.RoleAgent
	RolePsychologist   = policy.RolePsychologist
	RolePrivacyOfficer = policy.RolePrivacyOfficer
)

// A Conversation is what the entries of one case say of it.
type Conversation struct {
	Case         string
	Topic        Topic
	State        State
	OpenedAt     time.Time
	OpenedSeq    int64
	Token        string    // "sha256:" and hexadecimal, of the token that it was opened with
	ClosedAt     time.Time // zero while open
	ClosedSeq    int64     // 0 while open: entry 0 never closes, since one opened before it
	Participants []Participant
	Heads        []Head
	Sealed       []Sealed
	Keys         []Key

	Consents []Consent // in the order in which they were given
	Opinions []Opinion // likewise; the latest counts
	Erasures []Erasure
	Holds    []Hold

	OpeningsErased int64     // the last openings.erased entry, 0 without: entry 0 is none
	QuietSince     time.Time // when it was closed; else of the last entry by which somebody did something in it
	LastSeq        int64     // of the last entry folded, whatever it says
}

// A Participant is one stay of a member of staff in the conversation: who leaves
// and joins again has two.
type Participant struct {
	ID        string // account
	Person    string
	Role      string // RoleAgent or RolePsychologist
	JoinedSeq int64
	LeftSeq   int64 // 0 while Active: an entry always comes before
	LeftAt    time.Time
	Active    bool // has not handed the conversation over, nor left; closing it changes nothing here
}

// A Sealed is one sealed item of a facet: a name may be entrusted twice.
type Sealed struct {
	Facet  Facet
	Number int    // 0, 1, 2, … within the facet
	Header string // "sha256:" and hexadecimal, of the header of its age file
	Seq    int64
}

// A Key is one case key, by the fingerprint of its recipient.
type Key struct {
	Class        string // transcript or identity
	Recipient    string // "sha256:" and hexadecimal, of the recipient's text
	CreatedSeq   int64
	DestroyedSeq int64 // 0 while it exists: its creation comes before
	Destroyed    bool
}

// Fold reads the entries of one case in order, all of them or a beginning, and says
// what they amount to. Entries of other actions (escalations, opinions) are passed
// over. It is strict: an entry that the rules would not have let through, or that
// another process wrote than the one whose act it is, is an error wrapping
// [ErrHistory] that names its number.
func Fold(entries []audit.Entry) (Conversation, error) {
	c := Conversation{LastSeq: -1}
	for _, e := range entries {
		if err := c.Apply(e); err != nil {
			return Conversation{}, err
		}
	}
	return c, nil
}

// Apply folds one more entry, which follows those folded before. On error c is
// unchanged, and nothing may be decided from it. Start from LastSeq -1, as Fold does,
// where entry 0 may be among them.
func (c *Conversation) Apply(e audit.Entry) error {
	err := c.apply(e)
	if err != nil {
		return fmt.Errorf("%w: entry %d, %s: %w", ErrHistory, e.Seq, e.Action, err)
	}
	c.Case, c.LastSeq = e.Case, e.Seq
	return nil
}

// Follows says whether e can come next at all: an entry of this case, later than
// those folded. What does not is no entry to disregard: the reader has lost its place.
func (c *Conversation) Follows(e audit.Entry) error {
	if e.Seq <= c.LastSeq {
		return fmt.Errorf("comes after entry %d", c.LastSeq)
	}
	if e.Case == "" || c.Case != "" && e.Case != c.Case {
		return errors.New("is of another case")
	}
	return nil
}

func (c *Conversation) apply(e audit.Entry) error {
	if err := c.Follows(e); err != nil {
		return err
	}
	rule, ok := rules[e.Action]
	if !ok {
		return nil
	}
	if e.Via != rule.via && (e.Via != rule.orVia || rule.orVia == "") {
		return fmt.Errorf("was written via %s", e.Via)
	}
	if rule.opened && c.State == "" {
		return errors.New("comes before the conversation was opened")
	}
	if rule.open && c.State == StateClosed {
		return errors.New("comes after the conversation was closed")
	}
	if rule.whole && c.Erased() {
		return errors.New("comes after a key of the case was destroyed")
	}
	var head Head
	if rule.head {
		var err error
		if head, err = headOf(e); err != nil {
			return err
		}
	}
	wasClosed := c.State == StateClosed
	if err := rule.apply(c, e); err != nil {
		return err
	}
	if rule.head {
		c.Heads = append(c.Heads, head)
	}
	if rule.stirs && !wasClosed {
		c.QuietSince = e.At
	}
	return nil
}

// rules says of each action that this package knows who writes it and when it may
// come.
var rules = map[audit.Action]struct {
	via, orVia audit.Via
	opened     bool // only after conversation.opened
	open       bool // only before conversation.closed
	whole      bool // only while both keys exist: what is sealed could never be opened
	head       bool // records the head of the message chain
	stirs      bool // somebody does something in the conversation: it is not quiet
	apply      func(*Conversation, audit.Entry) error
}{
	audit.ActionKeyCreated:             {via: audit.ViaCustodian, apply: (*Conversation).keyCreated},
	audit.ActionKeyDestroyed:           {via: audit.ViaCustodian, apply: (*Conversation).keyDestroyed},
	audit.ActionOpeningsErased:         {via: audit.ViaCustodian, opened: true, apply: (*Conversation).openingsErased},
	audit.ActionConversationOpened:     {via: audit.ViaPublic, head: true, stirs: true, apply: (*Conversation).opened},
	audit.ActionIdentitySealed:         {via: audit.ViaPublic, opened: true, whole: true, stirs: true, apply: (*Conversation).sealed},
	audit.ActionConversationJoined:     {via: audit.ViaStaff, opened: true, open: true, head: true, stirs: true, apply: (*Conversation).joined},
	audit.ActionConversationHandedOver: {via: audit.ViaStaff, opened: true, open: true, head: true, stirs: true, apply: (*Conversation).handedOver},
	audit.ActionPsychologistAsked:      {via: audit.ViaStaff, opened: true, open: true, head: true, stirs: true, apply: (*Conversation).psychologistAsked},
	audit.ActionConversationRead:       {via: audit.ViaCustodian, opened: true, head: true, stirs: true, apply: nothingMore},
	audit.ActionEscalationRequested:    {via: audit.ViaStaff, opened: true, head: true, apply: nothingMore}, // also when closed: danger can go on after a conversation
	audit.ActionConversationClosed:     {via: audit.ViaPublic, orVia: audit.ViaStaff, opened: true, open: true, head: true, stirs: true, apply: (*Conversation).closed},

	audit.ActionConsentGiven:     {via: audit.ViaPublic, opened: true, open: true, whole: true, stirs: true, apply: (*Conversation).consentGiven},
	audit.ActionConsentWithdrawn: {via: audit.ViaPublic, opened: true, stirs: true, apply: (*Conversation).consentWithdrawn}, // at any time
	audit.ActionOpinionRecorded:  {via: audit.ViaStaff, opened: true, open: true, whole: true, apply: (*Conversation).opinionRecorded},
	audit.ActionErasureRequested: {via: audit.ViaPublic, opened: true, apply: (*Conversation).erasureRequested},
	audit.ActionErasureDecided:   {via: audit.ViaCustodian, opened: true, apply: (*Conversation).erasureDecided},
	audit.ActionHoldSet:          {via: audit.ViaStaff, opened: true, apply: (*Conversation).holdSet},
	audit.ActionHoldLifted:       {via: audit.ViaCustodian, opened: true, apply: (*Conversation).holdLifted},
}

func nothingMore(*Conversation, audit.Entry) error { return nil }

func (c *Conversation) keyCreated(e audit.Entry) error {
	class := e.Subject.ID
	recipient, _ := e.Details["recipient"].(string)
	switch {
	case c.State != "":
		return errors.New("comes after the conversation was opened")
	case e.Subject.Type != "key" || class != "transcript" && class != "identity":
		return errors.New("is of no class of keys")
	case !sumForm.MatchString(recipient):
		return errors.New("has no fingerprint of a recipient")
	case c.Key(class) != nil:
		return errors.New("creates a key that exists, or existed")
	}
	c.Keys = append(c.Keys, Key{Class: class, Recipient: recipient, CreatedSeq: e.Seq})
	return nil
}

func (c *Conversation) opened(e audit.Entry) error {
	topic, _ := e.Details["topic"].(string)
	messages, _ := e.Details["messages"].(int64)
	switch {
	case c.State != "":
		return errors.New("opens a conversation that is open, or was")
	case e.Actor.Role != RoleMinor:
		return errors.New("was not done by a minor")
	case !Topic(topic).Known():
		return errors.New("has no known topic")
	case messages != 1:
		return errors.New("does not begin with the postal code alone")
	}
	for _, class := range []string{"transcript", "identity"} {
		if k := c.Key(class); k == nil || k.Destroyed {
			return fmt.Errorf("has no %s key to seal to", class)
		}
	}
	c.Topic, c.State, c.OpenedAt, c.OpenedSeq = Topic(topic), StateWaiting, e.At, e.Seq
	c.Token, _ = e.Details["token"].(string)
	return nil
}

func (c *Conversation) sealed(e audit.Entry) error {
	header, _ := e.Details["header"].(string)
	number, ok := e.Details["number"].(int64)
	f := Facet(e.Subject.ID)
	switch {
	case e.Subject.Type != "facet" || !f.Known():
		return errors.New("is of no known facet")
	case c.State == StateClosed && f != FacetConnection:
		return errors.New("entrusts a facet after the conversation was closed")
	case e.Actor.Role != RoleMinor:
		return errors.New("was not done by a minor")
	case !sumForm.MatchString(header):
		return errors.New("has no hash of a header")
	case !ok || number != int64(c.Count(f)):
		return errors.New("skips or repeats a number of its facet")
	}
	c.Sealed = append(c.Sealed, Sealed{Facet: f, Number: int(number), Header: header, Seq: e.Seq})
	return nil
}

func (c *Conversation) joined(e audit.Entry) error {
	switch {
	case e.Actor.ID == "" || e.Actor.Person == "":
		return errors.New("does not say who")
	case c.present(e.Actor.Person):
		return errors.New("joins twice, perhaps under another account")
	}
	switch e.Actor.Role {
	case RoleAgent:
		if c.Agent() != nil {
			return errors.New("joins beside another agent")
		}
		c.State = StateActive
	case RolePsychologist:
		if c.Agent() == nil {
			return errors.New("joins where no agent is")
		}
	default:
		return errors.New("joins in a role that takes no part")
	}
	c.join(e.Actor.ID, e.Actor.Person, e.Actor.Role, e.Seq)
	return nil
}

// handedOver is also how somebody leaves: without `to` the conversation goes back
// to the queue when it was the agent, and goes on when it was the psychologist.
func (c *Conversation) handedOver(e audit.Entry) error {
	to, toSays := e.Details["to"].(string)
	person, personSays := e.Details["to_person"].(string)
	from := c.Active(e.Actor.ID)
	switch {
	case from == nil || from.Role != e.Actor.Role || from.Person != e.Actor.Person:
		return errors.New("hands over what was not theirs")
	case toSays != personSays || toSays && (to == "" || person == ""):
		return errors.New("does not say to whom")
	case toSays && from.Role != RoleAgent:
		return errors.New("is not the agent's")
	case toSays && (c.Active(to) != nil || c.present(person)):
		return errors.New("hands over to somebody who is there already")
	}
	from.Active, from.LeftSeq, from.LeftAt = false, e.Seq, e.At
	switch {
	case toSays:
		c.join(to, person, RoleAgent, e.Seq)
	case from.Role == RoleAgent:
		c.State = StateWaiting
	}
	return nil
}

// psychologistAsked changes nothing here: who comes, joins. Only its agent asks, and
// not while one is there.
func (c *Conversation) psychologistAsked(e audit.Entry) error {
	a := c.Agent()
	if a == nil || a.ID != e.Actor.ID || a.Person != e.Actor.Person || e.Actor.Role != RoleAgent {
		return errors.New("was not done by its agent")
	}
	for _, p := range c.Participants {
		if p.Active && p.Role == RolePsychologist {
			return errors.New("asks for a psychologist where one is")
		}
	}
	return nil
}

func (c *Conversation) closed(e audit.Entry) error {
	switch e.Via {
	case audit.ViaPublic:
		if e.Actor.Role != RoleMinor {
			return errors.New("was not done by the minor")
		}
	default:
		a := c.Agent()
		if a == nil || a.ID != e.Actor.ID || a.Person != e.Actor.Person || e.Actor.Role != RoleAgent {
			return errors.New("was not done by its agent")
		}
	}
	c.State, c.ClosedAt, c.ClosedSeq = StateClosed, e.At, e.Seq
	return nil
}

func headOf(e audit.Entry) (Head, error) {
	text, _ := e.Details["head"].(string)
	messages, _ := e.Details["messages"].(int64)
	link, err := ParseHead(text)
	if err != nil || messages < 1 || messages > MaxMessages {
		return Head{}, errors.New("records no head of the messages")
	}
	return Head{Messages: int(messages), Link: link, Seq: e.Seq, Binds: e.Via == audit.ViaCustodian}, nil
}

func (c *Conversation) join(id, person, role string, seq int64) {
	c.Participants = append(c.Participants, Participant{ID: id, Person: person, Role: role, JoinedSeq: seq, Active: true})
}

// Active returns the present stay of an account, or nil. The pointer is into c.
func (c *Conversation) Active(id string) *Participant {
	for i, p := range c.Participants {
		if p.ID == id && p.Active {
			return &c.Participants[i]
		}
	}
	return nil
}

// present tells whether this human is in the conversation now, under whatever account:
// an agent who is their own psychologist would be two voices of one.
func (c *Conversation) present(person string) bool {
	return slices.ContainsFunc(c.Participants, func(p Participant) bool { return p.Active && p.Person == person })
}

// TakesPart tells whether an actor is in the conversation now: this account, of this
// human, in this role. Closing the conversation does not end it: see
// docs/lifecycle.md.
func (c *Conversation) TakesPart(a audit.Actor) bool {
	p := c.Active(a.ID)
	return p != nil && p.Person == a.Person && p.Role == a.Role
}

// Agent returns the agent who has the conversation, or nil. The pointer is into c.
func (c *Conversation) Agent() *Participant {
	for i, p := range c.Participants {
		if p.Role == RoleAgent && p.Active {
			return &c.Participants[i]
		}
	}
	return nil
}

// TookPart tells whether this human ever joined, under whatever account.
func (c *Conversation) TookPart(person string) bool {
	for _, p := range c.Participants {
		if p.Person == person {
			return true
		}
	}
	return false
}

// Key returns the case key of a class, or nil. The pointer is into c.
func (c *Conversation) Key(class string) *Key {
	for i, k := range c.Keys {
		if k.Class == class {
			return &c.Keys[i]
		}
	}
	return nil
}

// Count returns how many items of a facet were sealed: the number of the next.
func (c *Conversation) Count(f Facet) int {
	n := 0
	for _, s := range c.Sealed {
		if s.Facet == f {
			n++
		}
	}
	return n
}

var sumForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)
