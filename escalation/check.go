package escalation

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// The Check methods say whether something may happen at this time, before an
// entry is written. Apply holds every entry to the same checks. Their errors
// are *[Refusal]s. Policy is asked as well: it may refuse more, never less.

// CheckRequest says whether this actor may request a lift of the case. What it rests
// on is [Case.CheckGround]'s to say.
func (c *Case) CheckRequest(actor audit.Actor, at time.Time) error {
	if actor.ID == "" || actor.Person == "" {
		return errNoPerson
	}
	if _, err := Transition(None, EventRequested, Role(actor.Role)); err != nil {
		return err
	}
	if c.Erased() {
		return refuse(policy.ReasonConversationErased, "nothing is left to open")
	}
	if !c.TakesPart(actor) {
		return refuse(policy.ReasonNotParticipant, "%s is not in the conversation", actor.ID)
	}
	for _, e := range c.Escalations {
		if e.State == Requested && !Passed(e.AnswerBy, at) && e.Requester.Person == actor.Person {
			return refuse(policy.ReasonAlreadyPending, "%s waits for an answer", e.ID)
		}
	}
	return nil
}

// CheckReading says whether actor may read the evidence: to answer in time, to review
// a broken glass, or, for who has approved, to look again until what they granted has
// ended. A privacy officer's evidence is the order, and they read it only where
// policy asks them.
func (c *Case) CheckReading(e *Escalation, actor audit.Actor, at time.Time) error {
	if err := c.CheckConflict(e, actor); err != nil {
		return err
	}
	if _, err := Transition(e.State, EventEvidenceRead, e.roleOf(actor)); err != nil {
		return err
	}
	if c.Erased() {
		return refuse(policy.ReasonConversationErased, "nothing is left to read")
	}
	if actor.Role == policy.RolePrivacyOfficer && !e.asks(actor.Role) {
		return refuse(policy.ReasonRoleNotAllowed, "nobody asked a %s", actor.Role)
	}
	if e.ReviewDue() && actor.Role == policy.RoleSupervisor {
		if e.hadPart(actor) {
			return refuse(policy.ReasonReviewerTookPart, "%s", actor.ID)
		}
		return nil // however late: an overdue review is still due
	}
	if e.State.Final() || e.State != Requested && !e.approvedBy(actor) {
		return refuse(policy.ReasonWrongState, "answered, and not by %s", actor.ID)
	}
	if deadline, _ := e.Deadline(); Passed(deadline, at) {
		code := map[State]string{
			Requested: policy.ReasonTooLate, Approved: policy.ReasonGrantExpired,
			Released: policy.ReasonGrantWindowOver,
		}[e.State]
		return refuse(code, "deadline %s", audit.FormatTime(deadline))
	}
	return nil
}

// CheckApproval says whether actor may grant these facets of the request whose
// leaf hash they saw.
func (c *Case) CheckApproval(e *Escalation, actor audit.Actor, request audit.Hash, facets []string, at time.Time) error {
	if err := c.checkAnswer(e, EventApprovalGiven, actor, request, at); err != nil {
		return err
	}
	for _, a := range e.Approvals {
		if a.Actor.Person == actor.Person || a.Actor.ID == actor.ID {
			return refuse(policy.ReasonApproverAnswered, "%s has approved already", actor.ID)
		}
	}
	return subset(facets, e.Asked, policy.ReasonFacetsNotAsked)
}

// CheckDenial says whether actor may deny the request whose leaf hash they saw.
func (c *Case) CheckDenial(e *Escalation, actor audit.Actor, request audit.Hash, reason string, at time.Time) error {
	if err := c.checkAnswer(e, EventDenied, actor, request, at); err != nil {
		return err
	}
	if !slices.Contains(DenialReasons, reason) {
		return refuse(policy.ReasonDenialNotCoded, "%.40q", reason)
	}
	return nil
}

// checkAnswer holds four eyes that have read, the deadline, and the bond to the request.
func (c *Case) checkAnswer(e *Escalation, on Event, actor audit.Actor, request audit.Hash, at time.Time) error {
	// Conflicts first: whoever may not answer at all learns that, whatever the
	// state.
	if err := c.CheckConflict(e, actor); err != nil {
		return err
	}
	if _, err := Transition(e.State, on, e.roleOf(actor)); err != nil {
		return err
	}
	if !e.asks(actor.Role) {
		return refuse(policy.ReasonRoleNotAllowed, "nobody asked a %s", actor.Role)
	}
	if Passed(e.AnswerBy, at) {
		return refuse(policy.ReasonTooLate, "deadline %s", audit.FormatTime(e.AnswerBy))
	}
	if request != e.RequestHash {
		return refuse(policy.ReasonRequestChanged, "answers %s, the request is %s", request, e.RequestHash)
	}
	if !e.ReadBy(actor) {
		return refuse(policy.ReasonEvidenceNotRead, "%s has not, in session %q", actor.ID, actor.Session)
	}
	return nil
}

// CheckConflict checks that actor may answer as the second pair of eyes: not
// the requester, not the same human under another account, not anyone who took
// part.
func (c *Case) CheckConflict(e *Escalation, actor audit.Actor) error {
	switch {
	case actor.ID == "" || actor.Person == "" || e.Requester.Person == "":
		return errNoPerson
	case actor.ID == e.Requester.ID:
		return refuse(policy.ReasonApproverIsRequester, "%s", actor.ID)
	case actor.Person == e.Requester.Person:
		return refuse(policy.ReasonApproverSamePerson, "%s is %s", actor.ID, e.Requester.ID)
	case c.TookPart(actor.Person):
		return refuse(policy.ReasonApproverTookPart, "%s", actor.ID)
	}
	return nil
}

// CheckWithdrawal says whether actor may withdraw the request. A deadline that
// has passed does not stop it: either way nothing opens.
func (c *Case) CheckWithdrawal(e *Escalation, actor audit.Actor) error {
	return e.checkRequester(EventWithdrawn, actor)
}

// CheckClosing says whether actor may close the lift. The sweeper, which closes those
// of suspended requesters, is no actor: see [Case.CheckSuspension].
func (c *Case) CheckClosing(e *Escalation, actor audit.Actor) error {
	return e.checkRequester(EventClosed, actor)
}

// CheckSuspension says whether the escalation can be closed because its requester was
// suspended: what is over stays as it ended, or a suspension would write the history of
// somebody's years anew. Whether they were is not in the case: the sweeper asks PostgreSQL.
func (c *Case) CheckSuspension(e *Escalation, at time.Time) error {
	if _, err := Transition(e.State, EventSuspended, RoleSweeper); err != nil {
		return err
	}
	if e.Over(at) {
		return refuse(policy.ReasonWrongState, "nothing could be opened since %s", audit.FormatTime(e.OpensUntil()))
	}
	return nil
}

// CheckRevocation says whether a supervisor may end what was granted, opened or not.
func (c *Case) CheckRevocation(e *Escalation, actor audit.Actor, reason string) error {
	switch {
	case actor.ID == "" || actor.Person == "" || e.Requester.Person == "":
		return errNoPerson
	case actor.ID == e.Requester.ID:
		return refuse(policy.ReasonApproverIsRequester, "%s", actor.ID)
	case actor.Person == e.Requester.Person:
		return refuse(policy.ReasonApproverSamePerson, "%s is %s", actor.ID, e.Requester.ID)
	}
	if _, err := Transition(e.State, EventRevoked, e.roleOf(actor)); err != nil {
		return err
	}
	if !slices.Contains(policy.RevocationReasons, reason) {
		return refuse(policy.ReasonRevocationNotCoded, "%.40q", reason)
	}
	return nil
}

// CheckWidening says whether the request has waited long enough that every supervisor
// is asked.
func (c *Case) CheckWidening(e *Escalation, at time.Time) error {
	if _, err := Transition(e.State, EventWidened, RoleSweeper); err != nil {
		return err
	}
	switch {
	case e.WidenAt.IsZero() || at.Before(e.WidenAt) || !e.WidenedAt.IsZero():
		return refuse(policy.ReasonWrongState, "not before %s, and once", audit.FormatTime(e.WidenAt))
	case Passed(e.AnswerBy, at):
		return refuse(policy.ReasonTooLate, "deadline %s", audit.FormatTime(e.AnswerBy))
	}
	return nil
}

func (e *Escalation) checkRequester(on Event, actor audit.Actor) error {
	if err := e.mustBeRequester(actor); err != nil {
		return err
	}
	_, err := Transition(e.State, on, RoleRequester)
	return err
}

// mustBeRequester wants the account, the person and the role that asked.
func (e *Escalation) mustBeRequester(actor audit.Actor) error {
	switch {
	case e.roleOf(actor) == RoleRequester:
		return nil
	case actor.ID == e.Requester.ID && actor.Person == e.Requester.Person:
		return refuse(policy.ReasonRoleNotAllowed, "asked as %s, not as %s", e.Requester.Role, actor.Role)
	}
	return refuse(policy.ReasonNotRequester, "%s is not %s", actor.ID, e.Requester.ID)
}

// CheckExpiry says whether the escalation has expired at this time, unrecorded.
func (c *Case) CheckExpiry(e *Escalation, at time.Time) error {
	if _, err := Transition(e.State, EventExpired, RoleSweeper); err != nil {
		return err
	}
	if deadline, _ := e.Deadline(); !Passed(deadline, at) {
		return refuse(policy.ReasonWrongState, "not before %s", audit.FormatTime(deadline))
	}
	return nil
}

// CheckRelease says whether the key of these facets may leave Vault for actor.
func (c *Case) CheckRelease(e *Escalation, actor audit.Actor, facets []string, at time.Time) error {
	if err := e.mustBeRequester(actor); err != nil {
		return err
	}
	if c.Erased() {
		return refuse(policy.ReasonConversationErased, "a key was destroyed")
	}
	if !c.TakesPart(actor) {
		return refuse(policy.ReasonNotParticipant, "%s has handed the conversation over", actor.ID)
	}
	if e.State == Expired && !e.UseBy.IsZero() {
		return refuse(policy.ReasonGrantExpired, "use by %s", audit.FormatTime(e.UseBy))
	}
	if _, err := Transition(e.State, EventReleaseOrdered, RoleRequester); err != nil {
		return err
	}
	if err := c.checkGrant(e); err != nil {
		return err
	}
	use, _ := e.NextUse(at)
	switch {
	case use == e.Uses: // inside the window
	case use > e.UsesAllowed:
		return refuse(policy.ReasonGrantWindowOver, "read until %s", audit.FormatTime(e.ReadUntil))
	case Passed(e.UseBy, at):
		return refuse(policy.ReasonGrantExpired, "use by %s", audit.FormatTime(e.UseBy))
	}
	return subset(facets, e.Granted, policy.ReasonFacetsNotGranted)
}

// checkGrant says whether what was granted is still good: by approvals, or by breaking
// the glass.
func (c *Case) checkGrant(e *Escalation) error {
	if !e.BrokenAt.IsZero() {
		if !e.Confirmed() {
			return refuse(policy.ReasonGlassNotConfirmed, "by no second agent")
		}
		return nil
	}
	// Somebody who approved may have joined since, under another account.
	for _, a := range e.Approvals {
		if err := c.CheckConflict(e, a.Actor); err != nil {
			return refuse(policy.ReasonApprovalsMissing, "no longer good: %v", err)
		}
	}
	if !e.Complete() {
		return refuse(policy.ReasonApprovalsMissing, "%d given", len(e.Approvals))
	}
	return nil
}

// subset refuses facets that are none, or not all in of. What is in of was known
// when it was asked for.
func subset(facets, of []string, code string) error {
	if len(facets) == 0 {
		return refuse(policy.ReasonFacetsMissing, "no facet named")
	}
	for _, f := range facets {
		if !slices.Contains(of, f) {
			return refuse(code, "%.40q", f)
		}
	}
	return nil
}
