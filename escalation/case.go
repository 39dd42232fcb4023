package escalation

import (
	"errors"
	"fmt"
	"time"

	"github.com/sceau-project/sceau/audit"
)

// A Leaf is an entry and its leaf hash, as read from the log.
type Leaf struct {
	Entry audit.Entry
	Hash  audit.Hash
}

// A Case is what the entries of one case say: who took part in its conversation,
// and its escalations.
type Case struct {
	ID           string
	Opened       bool
	ClosedAt     time.Time // zero while the conversation is open
	Erased       bool      // a key of the case was destroyed
	Participants []Participant
	Escalations  []*Escalation // in the order of their first entries

	last int64 // seq of the last entry applied, -1 before the first
}

// A Participant has joined the conversation, or was handed it.
type Participant struct {
	ID     string
	Person string
	Role   string
	Active bool // has not handed the conversation over since
}

// Fold applies all entries of a case, in order of seq. Entries that say nothing
// of participation or escalations are passed over. The error is a *[HistoryError]
// that names the first entry that cannot have happened.
func Fold(entries []Leaf) (*Case, error) {
	c := &Case{last: -1}
	for _, l := range entries {
		if err := c.Apply(l.Entry, l.Hash); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Escalation returns the escalation with this id.
func (c *Case) Escalation(id string) (*Escalation, bool) {
	for _, e := range c.Escalations {
		if e.ID == id {
			return e, true
		}
	}
	return nil, false
}

// TookPart says whether this human ever joined the conversation, under any account.
func (c *Case) TookPart(person string) bool {
	for _, p := range c.Participants {
		if p.Person == person {
			return true
		}
	}
	return false
}

// Active says whether this account takes part in the conversation now, in this
// role. Closing the conversation does not end it: see docs/lifecycle.md.
func (c *Case) Active(a audit.Actor) bool {
	for _, p := range c.Participants {
		if p.ID == a.ID && p.Person == a.Person && p.Role == a.Role && p.Active {
			return true
		}
	}
	return false
}

// Apply adds one entry. On error c is unchanged and must not be used to decide
// anything: a history that cannot have happened opens nothing.
func (c *Case) Apply(e audit.Entry, h audit.Hash) error {
	if err := c.apply(e, h); err != nil {
		return &HistoryError{Seq: e.Seq, Action: string(e.Action), Err: err}
	}
	c.ID, c.last = e.Case, e.Seq
	return nil
}

func (c *Case) apply(e audit.Entry, h audit.Hash) error {
	if e.Case == "" || (c.ID != "" && e.Case != c.ID) {
		return fmt.Errorf("case %q among the entries of case %q", e.Case, c.ID)
	}
	if e.Seq <= c.last {
		return fmt.Errorf("after entry %d", c.last)
	}
	if done, err := c.applyConversation(e); done {
		return err
	}
	return c.applyEscalation(e, h)
}

// applyConversation keeps the list of participants.
func (c *Case) applyConversation(e audit.Entry) (done bool, err error) {
	switch e.Action {
	case audit.ActionConversationOpened:
		if c.Opened {
			return true, errors.New("opened twice")
		}
		if err := via(e, audit.ViaPublic); err != nil {
			return true, err
		}
		c.Opened = true
	case audit.ActionConversationJoined:
		if err := c.takesPart(e); err != nil {
			return true, err
		}
		c.join(Participant{ID: e.Actor.ID, Person: e.Actor.Person, Role: e.Actor.Role, Active: true})
	case audit.ActionConversationHandedOver:
		if err := c.takesPart(e); err != nil {
			return true, err
		}
		gone := Participant{ID: e.Actor.ID, Person: e.Actor.Person, Role: e.Actor.Role}
		if e.Details["to"] == nil && e.Details["to_person"] == nil {
			c.join(gone) // back to the queue, or a psychologist who leaves
			return true, nil
		}
		d := detailsOf(e)
		to, person := d.text("to"), d.text("to_person")
		if d.err != nil {
			return true, d.err
		}
		// The receiver takes part from now on, before saying a word: an approval
		// of theirs would be of their own case.
		c.join(gone)
		c.join(Participant{ID: to, Person: person, Role: e.Actor.Role, Active: true})
	case audit.ActionConversationClosed:
		if err := via(e, audit.ViaPublic, audit.ViaStaff); err != nil {
			return true, err
		}
		if !c.Opened || !c.ClosedAt.IsZero() {
			return true, errors.New("closed, but not open")
		}
		c.ClosedAt = e.At
	case audit.ActionKeyDestroyed:
		if err := via(e, audit.ViaCustodian); err != nil {
			return true, err
		}
		c.Erased = true
	default:
		return false, nil
	}
	return true, nil
}

func (c *Case) takesPart(e audit.Entry) error {
	if err := via(e, audit.ViaStaff); err != nil {
		return err
	}
	if e.Actor.Person == "" {
		return errNoPerson
	}
	if !c.Opened || !c.ClosedAt.IsZero() {
		return errors.New("the conversation is not open")
	}
	return nil
}

// join adds p or, when the account is known in that role, renews it.
func (c *Case) join(p Participant) {
	for i, known := range c.Participants {
		if known.ID == p.ID && known.Person == p.Person && known.Role == p.Role {
			c.Participants[i].Active = p.Active
			return
		}
	}
	c.Participants = append(c.Participants, p)
}

func via(e audit.Entry, allowed ...audit.Via) error {
	for _, v := range allowed {
		if e.Via == v {
			return nil
		}
	}
	return fmt.Errorf("written via %s", e.Via)
}
