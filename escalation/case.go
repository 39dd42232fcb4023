package escalation

import (
	"errors"
	"fmt"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
)

// A Leaf is an entry and its leaf hash, as read from the log.
type Leaf struct {
	Entry audit.Entry
	Hash  audit.Hash
}

// A Case is what the entries of one case say: its conversation, with who takes
// part in it, and its escalations.
type Case struct {
	conversation.Conversation
	Escalations []*Escalation // in the order of their first entries
	Disregarded []Disregarded // in the order of the log
}

// A Disregarded entry is one that a face wrote around the rules. Nothing follows
// from it, and it is shown: a face that writes such an entry is broken, or is not
// itself any more.
type Disregarded struct {
	Seq    int64
	Action string
	Why    string // for people who look into it
}

// NewCase is a case before its first entry.
func NewCase() *Case { return &Case{Conversation: conversation.Conversation{LastSeq: -1}} }

// Fold applies all entries of a case, in order of seq, as [Case.Apply] does. Entries
// that say nothing of the conversation or of escalations are passed over. The error is
// a *[HistoryError] that names the first entry that cannot have happened.
func Fold(entries []Leaf) (*Case, error) {
	c := NewCase()
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

// Apply adds one entry that was read from the log. What a face wrote and no rule
// allows is disregarded: whoever breaks into a face may write, and must not be able to
// take every child's case out of use with one entry. What the custodian or the operator
// wrote is another matter. On error c is unchanged and must not be used to decide
// anything: a history that cannot have happened opens nothing.
func (c *Case) Apply(e audit.Entry, h audit.Hash) error {
	err := c.Extend(e, h)
	if err == nil || e.Via != audit.ViaPublic && e.Via != audit.ViaStaff || c.Follows(e) != nil {
		return err
	}
	c.Disregarded = append(c.Disregarded, Disregarded{Seq: e.Seq, Action: string(e.Action), Why: errors.Unwrap(err).Error()})
	c.Conversation.Case, c.LastSeq = e.Case, e.Seq
	return nil
}

// Extend adds one entry, whoever wrote it, if it is legal. Writers hold their own
// entries to it. On error c is unchanged.
func (c *Case) Extend(e audit.Entry, h audit.Hash) error {
	before := c.Conversation
	err := c.Conversation.Apply(e)
	if err == nil {
		// Two actions say something of both. escalation.requested adds a head to the
		// conversation and changes nothing that was there, so a copy of the struct is
		// enough to take it back; consent.withdrawn changes what was there, and what
		// follows from it here cannot fail.
		switch e.Action {
		case audit.ActionErasureDecided:
			err = c.mayGrant(e)
		case audit.ActionKeyDestroyed:
			err = c.mayDestroy(e, before)
		default:
			err = c.applyEscalation(e, h)
		}
		if err != nil {
			c.Conversation = before
		}
	}
	if err != nil {
		return &HistoryError{Seq: e.Seq, Action: string(e.Action), Err: err}
	}
	for _, esc := range c.Escalations {
		esc.Erased = c.Erased()
	}
	return nil
}

func via(e audit.Entry, allowed ...audit.Via) error {
	for _, v := range allowed {
		if e.Via == v {
			return nil
		}
	}
	return fmt.Errorf("written via %s", e.Via)
}
