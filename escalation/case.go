package escalation

import (
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
}

// NewCase is a case before its first entry.
func NewCase() *Case { return &Case{Conversation: conversation.Conversation{LastSeq: -1}} }

// Fold applies all entries of a case, in order of seq. Entries that say nothing
// of the conversation or of escalations are passed over. The error is a *[HistoryError]
// that names the first entry that cannot have happened.
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

// Apply adds one entry. On error c is unchanged and must not be used to decide
// anything: a history that cannot have happened opens nothing.
func (c *Case) Apply(e audit.Entry, h audit.Hash) error {
	before := c.Conversation
	err := c.Conversation.Apply(e)
	if err == nil {
		// An entry that says something of both is escalation.requested, which adds
		// a head to the conversation and changes nothing that was there: so a copy
		// of the struct is enough to take it back.
		if err = c.applyEscalation(e, h); err != nil {
			c.Conversation = before
		}
	}
	if err != nil {
		return &HistoryError{Seq: e.Seq, Action: string(e.Action), Err: err}
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
