package inspection

import (
	"errors"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
)

// A Story is one case, entry by entry, as the service itself folds it. It shows what
// every entry came to; and those from which nothing follows, since a face wrote them
// around the rules, as what they are. The zero value is a case before its first entry.
type Story struct {
	From   int64 // seq of the first step to keep
	Keep   int   // at most so many steps; 0 is none
	Pruned bool  // the log begins in the middle: so may the case

	Steps  []Step
	More   bool                     // there are more than were kept
	Next   int64                    // From of what comes after them
	Total  int                      // entries of the case
	Beyond bool                     // it began before the log does: nothing of it is judged
	Broken *escalation.HistoryError // the first that cannot have happened: nothing is folded from there on

	folded *escalation.Case
}

// A Step is one entry of a case, and what came of it.
type Step struct {
	escalation.Leaf
	Disregarded string   // why nothing follows from it, "" when something may
	Impossible  string   // why it cannot have happened; nothing opens on such a case
	Unjudged    bool     // it comes after one that cannot have happened, or what came before was pruned
	Changes     []Change // of escalations, in the order of their requests
}

// A Change of an escalation's state. It is to Before when an entry said something of the
// escalation that left its state as it was.
type Change struct {
	Escalation    string
	Before, After escalation.State
}

// Add tells the next entry, in the order of the log. damage is why it is not what was
// once appended, "" when it is.
func (s *Story) Add(l escalation.Leaf, damage string) {
	if s.folded == nil {
		s.folded = escalation.NewCase()
		// A case begins with its keys.
		s.Beyond = s.Pruned && damage == "" && l.Entry.Action != audit.ActionKeyCreated
	}
	step := Step{Leaf: l}
	switch {
	case damage != "":
		step.Impossible = damage
		if s.Broken == nil {
			s.Broken = &escalation.HistoryError{Seq: l.Entry.Seq, Action: string(l.Entry.Action), Err: errors.New(damage)}
		}
	case s.Broken != nil, s.Beyond:
		step.Unjudged = true
	default:
		s.fold(&step)
	}
	s.Total++
	switch {
	case l.Entry.Seq < s.From:
	case len(s.Steps) < s.Keep:
		s.Steps = append(s.Steps, step)
	case !s.More:
		s.More, s.Next = true, l.Entry.Seq
	}
}

func (s *Story) fold(step *Step) {
	c, e := s.folded, step.Entry
	before := make(map[string]escalation.State, len(c.Escalations))
	for _, esc := range c.Escalations {
		before[esc.ID] = esc.State
	}
	disregarded := len(c.Disregarded)
	if err := c.Apply(e, step.Hash); err != nil {
		var history *escalation.HistoryError
		if !errors.As(err, &history) {
			history = &escalation.HistoryError{Seq: e.Seq, Action: string(e.Action), Err: err}
		}
		s.Broken, step.Impossible = history, history.Err.Error()
		return
	}
	if n := len(c.Disregarded); n > disregarded {
		step.Disregarded = c.Disregarded[n-1].Why
		return
	}
	for _, esc := range c.Escalations {
		if was, now := before[esc.ID], esc.State; was != now || e.Subject.ID == esc.ID {
			step.Changes = append(step.Changes, Change{Escalation: esc.ID, Before: was, After: now})
		}
	}
}

// Case is what the entries come to, as far as they could be folded.
func (s *Story) Case() *escalation.Case {
	if s.folded == nil {
		return escalation.NewCase()
	}
	return s.folded
}

// Disregarded counts the entries from which nothing follows.
func (s *Story) Disregarded() int { return len(s.Case().Disregarded) }
