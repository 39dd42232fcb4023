package escalation

import (
	"fmt"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// Breaking the glass is a grant without an answer: nobody answered for the time that
// policy set, danger is immediate, and a second agent says so too. The custodian has
// verified that agent's token itself: a face alone cannot invent one. A supervisor who
// had no part in it reviews it afterwards.

// A Confirmation is a second agent's word that the glass must be broken.
type Confirmation struct {
	Actor audit.Actor
	At    time.Time
	Seq   int64
}

// A Review is what a supervisor found afterwards. Zero: none yet.
type Review struct {
	Actor   audit.Actor
	Verdict string // policy.VerdictConfirmed or policy.VerdictAbusive
	At      time.Time
	Seq     int64
}

// ReviewDue says whether the glass was broken and nobody has reviewed it. It is
// overdue when [Passed] says so of ReviewBy.
func (e *Escalation) ReviewDue() bool { return !e.BrokenAt.IsZero() && e.Review.Verdict == "" }

// Confirmed says whether somebody else than the requester has confirmed that the glass
// must be broken.
func (e *Escalation) Confirmed() bool {
	return slices.ContainsFunc(e.Confirmations, func(c Confirmation) bool {
		return c.Actor.Person != "" && c.Actor.Person != e.Requester.Person && c.Actor.ID != e.Requester.ID
	})
}

// CheckConfirmation says whether actor may confirm, as the second agent, that the glass
// of the request whose leaf hash they saw must be broken.
func (c *Case) CheckConfirmation(e *Escalation, actor audit.Actor, request audit.Hash, at time.Time) error {
	switch {
	case actor.ID == "" || actor.Person == "" || actor.Session == "" || e.Requester.Person == "":
		return errNoPerson
	case actor.Person == e.Requester.Person || actor.ID == e.Requester.ID:
		return refuse(policy.ReasonConfirmerSamePerson, "%s is %s", actor.ID, e.Requester.ID)
	}
	if _, err := Transition(e.State, EventConfirmed, e.roleOf(actor)); err != nil {
		return err
	}
	if err := c.checkGlass(e, request, at); err != nil {
		return err
	}
	for _, other := range e.Confirmations {
		if other.Actor.Person == actor.Person || other.Actor.ID == actor.ID {
			return refuse(policy.ReasonConfirmerAnswered, "%s has confirmed already", actor.ID)
		}
	}
	return nil
}

// CheckBreakGlass says whether actor may break the glass of their own request.
func (c *Case) CheckBreakGlass(e *Escalation, actor audit.Actor, request audit.Hash, at time.Time) error {
	if err := e.checkRequester(EventGlassBroken, actor); err != nil {
		return err
	}
	if !c.TakesPart(actor) {
		return refuse(policy.ReasonNotParticipant, "%s has handed the conversation over", actor.ID)
	}
	if err := c.checkGlass(e, request, at); err != nil {
		return err
	}
	if at.Before(e.BreakGlassFrom) {
		return refuse(policy.ReasonGlassTooEarly, "not before %s", audit.FormatTime(e.BreakGlassFrom))
	}
	if !e.Confirmed() {
		return refuse(policy.ReasonGlassNotConfirmed, "by no second agent")
	}
	return nil
}

// checkGlass is what confirming and breaking have in common.
func (c *Case) checkGlass(e *Escalation, request audit.Hash, at time.Time) error {
	switch {
	case c.Erased():
		return refuse(policy.ReasonConversationErased, "nothing is left to open")
	case e.BreakGlassFrom.IsZero():
		return refuse(policy.ReasonGlassNotBreakable, "policy gave this request no glass to break")
	case Passed(e.AnswerBy, at):
		return refuse(policy.ReasonTooLate, "deadline %s", audit.FormatTime(e.AnswerBy))
	case request != e.RequestHash:
		return refuse(policy.ReasonRequestChanged, "is about %s, the request is %s", request, e.RequestHash)
	}
	return nil
}

// CheckReview says whether actor may say whether the glass was rightly broken. No
// deadline ends that: an overdue review is still due.
func (c *Case) CheckReview(e *Escalation, actor audit.Actor, request audit.Hash, verdict string) error {
	switch {
	case actor.ID == "" || actor.Person == "" || e.Requester.Person == "":
		return errNoPerson
	case e.BrokenAt.IsZero():
		return refuse(policy.ReasonReviewNotDue, "the glass was not broken")
	case e.Review.Verdict != "":
		return refuse(policy.ReasonReviewDone, "by %s", e.Review.Actor.ID)
	}
	if _, err := Transition(e.State, EventReviewed, e.roleOf(actor)); err != nil {
		return err
	}
	switch {
	case e.hadPart(actor) || c.TookPart(actor.Person):
		return refuse(policy.ReasonReviewerTookPart, "%s", actor.ID)
	case request != e.RequestHash:
		return refuse(policy.ReasonRequestChanged, "reviews %s, the request is %s", request, e.RequestHash)
	case !e.readSince(e.BrokenAt, actor):
		return refuse(policy.ReasonEvidenceNotRead, "%s has not since, in session %q", actor.ID, actor.Session)
	case verdict != policy.VerdictConfirmed && verdict != policy.VerdictAbusive:
		return refuse(policy.ReasonVerdictUnknown, "%.40q", verdict)
	}
	return nil
}

// hadPart says whether this human asked, answered, revoked or confirmed: who did has no
// fresh eyes for the review.
func (e *Escalation) hadPart(actor audit.Actor) bool {
	who := append(e.answered(), e.Requester)
	for _, c := range e.Confirmations {
		who = append(who, c.Actor)
	}
	return slices.ContainsFunc(who, func(a audit.Actor) bool { return a.Person == actor.Person || a.ID == actor.ID })
}

func (c *Case) applyConfirmed(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	request := d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationConfirm, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckConfirmation(e, l.Actor, request, l.At); err != nil {
		return err
	}
	e.Confirmations = append(e.Confirmations, Confirmation{Actor: l.Actor, At: l.At, Seq: l.Seq})
	return nil
}

// applyGlassBroken grants all that was asked, on the terms of the request.
func (c *Case) applyGlassBroken(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	facets, request := d.facets(), d.hash("request")
	useBy, reviewBy := d.time("use_by"), d.time("review_by")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationBreakGlass, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckBreakGlass(e, l.Actor, request, l.At); err != nil {
		return err
	}
	switch {
	case !slices.Equal(facets, e.Asked):
		return refuse(policy.ReasonFacetsNotAsked, "%s, asked were %s", facets, e.Asked)
	case !useBy.Equal(l.At.Add(e.UseWithin)):
		return refuse(policy.ReasonGrantBeyondPolicy, "use by %s", audit.FormatTime(useBy))
	case !reviewBy.After(l.At) || reviewBy.Sub(l.At) > maxSeconds*time.Second:
		return fmt.Errorf("details.review_by is not a time to review")
	}
	e.State, e.Granted, e.BrokenAt, e.UseBy, e.ReviewBy = GlassBroken, facets, l.At, useBy, reviewBy
	return nil
}

func (c *Case) applyReviewed(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	verdict, request := d.text("verdict"), d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationReview, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckReview(e, l.Actor, request, verdict); err != nil {
		return err
	}
	e.Review = Review{Actor: l.Actor, Verdict: verdict, At: l.At, Seq: l.Seq}
	return nil
}
