package escalation

import (
	"fmt"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// Whoever opened a child's identity owes the child to say so, as soon as that is safe.
// A telling is the recorded step: told, or why not yet.

// A Telling is one attempt to tell the minor that their identity was opened.
type Telling struct {
	Actor   audit.Actor
	Outcome string // one of policy.Tellings
	Reason  string // one of policy.UnsafeReasons, with unsafe
	At      time.Time
	Until   time.Time // when to try again, with later and unsafe
	Seq     int64
}

// OpenedAt is when something was opened first, or possibly opened; zero when every
// order is known to have failed.
func (e *Escalation) OpenedAt() time.Time {
	for _, i := range e.Intents {
		if i.Outcome != Failed {
			return i.At
		}
	}
	return time.Time{}
}

// TellBy is when the minor must be told, zero when nothing is to be told, or all was, or
// the case is destroyed and no word reaches them any more.
func (e *Escalation) TellBy() time.Time {
	opened := e.OpenedAt()
	if opened.IsZero() || e.Erased {
		return time.Time{}
	}
	if n := len(e.Tellings); n > 0 {
		return e.Tellings[n-1].Until
	}
	return opened.Add(e.TellWithin)
}

// TellingOverdue says whether the minor should have been told by now.
func (e *Escalation) TellingOverdue(at time.Time) bool {
	by := e.TellBy()
	return !by.IsZero() && Passed(by, at)
}

// CheckTelling says whether actor may record this outcome of telling the minor: an
// agent who is in the conversation now, whoever had the identity opened, or once it is
// overdue any supervisor. Who owed it may have left; what is owed stays.
func (c *Case) CheckTelling(e *Escalation, actor audit.Actor, outcome, reason string, until, at time.Time) error {
	if actor.ID == "" || actor.Person == "" {
		return errNoPerson
	}
	role := e.roleOf(actor)
	if role != RoleRequester && role != RoleAgent && (role != RoleSupervisor || !e.TellingOverdue(at)) {
		return refuse(policy.ReasonRoleNotAllowed, "%s", role)
	}
	if role == RoleAgent && !c.TakesPart(actor) {
		return refuse(policy.ReasonNotParticipant, "%s is not in the conversation", actor.ID)
	}
	if e.TellBy().IsZero() {
		return refuse(policy.ReasonTellingNotDue, "nothing was opened, or the minor knows, or is out of reach")
	}
	if _, err := Transition(e.State, EventMinorTold, role); err != nil {
		return err
	}
	return codedTelling(outcome, reason, until, at)
}

// codedTelling says whether outcome, reason and time belong together.
func codedTelling(outcome, reason string, until, at time.Time) error {
	ok := slices.Contains(policy.Tellings, outcome)
	switch outcome {
	case policy.TellUnsafe: // policy says when to try again
		ok = ok && slices.Contains(policy.UnsafeReasons, reason) && until.IsZero()
	case policy.TellLater:
		ok = ok && reason == "" && until.After(at)
	default:
		ok = ok && reason == "" && until.IsZero()
	}
	if !ok {
		return refuse(policy.ReasonTellingNotCoded, "%.40q, %.40q", outcome, reason)
	}
	return nil
}

// applyMinorTold notes what the minor was told. Nothing else follows from it.
func (c *Case) applyMinorTold(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	outcome, reason, until := d.text("outcome"), d.maybeText("reason"), d.maybeTime("until")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointMinorTell, audit.ResultAllow); err != nil {
		return err
	}
	asked := until
	if outcome == policy.TellUnsafe {
		asked = time.Time{}
	}
	if err := c.CheckTelling(e, l.Actor, outcome, reason, asked, l.At); err != nil {
		return err
	}
	again := outcome == policy.TellLater || outcome == policy.TellUnsafe
	if again != until.After(l.At) || until.Sub(l.At) > maxSeconds*time.Second {
		return fmt.Errorf("details.until is not when to try again")
	}
	e.Tellings = append(e.Tellings, Telling{
		Actor: l.Actor, Outcome: outcome, Reason: reason, At: l.At, Until: until, Seq: l.Seq,
	})
	return nil
}
