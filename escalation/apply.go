package escalation

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// applyEscalation holds one entry to what came before it. It changes c only
// when the entry is legal.
func (c *Case) applyEscalation(l audit.Entry, h audit.Hash) error {
	switch l.Action {
	case audit.ActionEscalationRequested:
		return c.applyRequested(l, h)
	case audit.ActionEscalationRefused:
		return c.applyRefused(l, h)
	case audit.ActionEvidenceRead:
		return c.applyEvidenceRead(l)
	case audit.ActionEscalationWidened:
		return c.on(l, audit.ViaStaff, c.applyWidened)
	case audit.ActionEscalationApprovalGiven:
		return c.on(l, audit.ViaStaff, c.applyApprovalGiven)
	case audit.ActionEscalationApproved:
		return c.on(l, audit.ViaStaff, c.applyApproved)
	case audit.ActionEscalationDenied:
		return c.on(l, audit.ViaStaff, c.applyDenied)
	case audit.ActionEscalationWithdrawn:
		return c.on(l, audit.ViaStaff, c.applyWithdrawn)
	case audit.ActionEscalationExpired:
		return c.on(l, audit.ViaStaff, c.applyExpired)
	case audit.ActionEscalationRevoked:
		return c.on(l, audit.ViaStaff, c.applyRevoked)
	case audit.ActionEscalationBreakGlassConfirmed:
		return c.on(l, audit.ViaCustodian, c.applyConfirmed)
	case audit.ActionEscalationGlassBroken:
		return c.on(l, audit.ViaStaff, c.applyGlassBroken)
	case audit.ActionEscalationReviewed:
		return c.on(l, audit.ViaStaff, c.applyReviewed)
	case audit.ActionEscalationClosed:
		return c.on(l, audit.ViaStaff, c.applyClosed)
	case audit.ActionIdentityReleaseOrdered:
		return c.on(l, audit.ViaCustodian, func(e *Escalation, l audit.Entry) error { return c.applyOrdered(e, l, h) })
	case audit.ActionIdentityReleased:
		return c.on(l, audit.ViaCustodian, c.applyReleased)
	case audit.ActionIdentityReleaseFailed:
		return c.on(l, audit.ViaCustodian, c.applyReleaseFailed)
	case audit.ActionIdentityPrinted:
		return c.applyPrinted(l)
	case audit.ActionMinorTold:
		return c.on(l, audit.ViaStaff, c.applyMinorTold)
	case audit.ActionConsentWithdrawn:
		c.consentWithdrawn(l)
		return nil
	}
	// An action about escalations that this version does not know could have
	// ended a grant: better to open nothing by it than to read past that.
	if strings.HasPrefix(string(l.Action), "escalation.") || strings.HasPrefix(string(l.Action), "identity.release") {
		return c.on(l, l.Via, applyUnknown)
	}
	return nil
}

// applyUnknown voids the escalation that the entry names, and no other: a new
// request stays possible.
func applyUnknown(e *Escalation, _ audit.Entry) error {
	e.State = Void
	return nil
}

// on finds the escalation that l is about, checks who wrote it, and marks it.
func (c *Case) on(l audit.Entry, writer audit.Via, apply func(*Escalation, audit.Entry) error) error {
	e, err := c.about(l, writer)
	if err != nil {
		return err
	}
	if err := apply(e, l); err != nil {
		return err
	}
	e.LastSeq = l.Seq
	return nil
}

// about finds the escalation that l is about, and checks who wrote it.
func (c *Case) about(l audit.Entry, writer audit.Via) (*Escalation, error) {
	if err := via(l, writer); err != nil {
		return nil, err
	}
	e, ok := c.Escalation(l.Subject.ID)
	if !ok || l.Subject.Type != subjectType {
		return nil, fmt.Errorf("no escalation %s %q was requested", l.Subject.Type, l.Subject.ID)
	}
	return e, nil
}

// begin checks the first entry of an escalation.
func (c *Case) begin(l audit.Entry) error {
	if err := via(l, audit.ViaStaff); err != nil {
		return err
	}
	if l.Subject.Type != subjectType || l.Subject.ID == "" {
		return fmt.Errorf("subject %s %q is no escalation", l.Subject.Type, l.Subject.ID)
	}
	if _, exists := c.Escalation(l.Subject.ID); exists {
		return fmt.Errorf("escalation %s exists already", l.Subject.ID)
	}
	return nil
}

func (c *Case) applyRequested(l audit.Entry, h audit.Hash) error {
	if err := c.begin(l); err != nil {
		return err
	}
	if err := mustBeDecided(l, policy.PointEscalationRequest, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckRequest(l.Actor, l.At); err != nil {
		return err
	}
	e, basis, err := readRequested(l, h)
	if err != nil {
		return err
	}
	if err := c.CheckGround(l.Ground, e.Asked, basis); err != nil {
		return err
	}
	if err := e.soundTerms(); err != nil {
		return err
	}
	c.Escalations = append(c.Escalations, e)
	return nil
}

// readRequested reads what escalation.requested says.
func readRequested(l audit.Entry, h audit.Hash) (*Escalation, Basis, error) {
	d := detailsOf(l)
	basis := basisOf(l, d)
	e := &Escalation{
		ID: l.Subject.ID, Case: l.Case, State: Requested, Ground: l.Ground,
		Requester: l.Actor, RequestSeq: l.Seq, RequestHash: h, RequestedAt: l.At,
		Asked: d.facets(), Head: d.text("head"), Messages: d.number("messages", audit.MaxInt),
		Narrative: d.text("narrative"), AnswerBy: d.time("answer_by"), WidenAt: d.maybeTime("widen_at"),
		Consent: basis.Consent, Authority: basis.Authority, ListedCase: basis.ListedCase,
		UseWithin: d.seconds("use_within"), ReadFor: d.seconds("read_for"),
		UsesAllowed: d.number("uses", maxUses), BreakGlassFrom: d.maybeTime("break_glass_from"), LastSeq: l.Seq,
	}
	var err error
	if e.Evidence, err = ParsePositions(d.text("evidence")); err != nil {
		d.fail("evidence", err)
	}
	if e.Needed, err = ParseNeeded(d.text("approvals")); err != nil {
		d.fail("approvals", err)
	}
	return e, basis, d.err
}

// soundTerms holds a request to what no policy could have meant.
func (e *Escalation) soundTerms() error {
	// Position 0 is the postal code: it is no message that anyone wrote.
	if first, last := e.Evidence[0], e.Evidence[len(e.Evidence)-1]; first < 1 || last >= e.Messages {
		return refuse(policy.ReasonEvidenceUnknown, "messages %d to %d of %d", first, last, e.Messages)
	}
	switch {
	case !e.RequestedAt.Before(e.AnswerBy):
		return fmt.Errorf("details.answer_by is not after the request")
	case !e.WidenAt.IsZero() && !e.RequestedAt.Before(e.WidenAt):
		return fmt.Errorf("details.widen_at is not after the request")
	case !e.BreakGlassFrom.IsZero() && !e.RequestedAt.Before(e.BreakGlassFrom):
		return fmt.Errorf("details.break_glass_from is not after the request")
	case !e.BreakGlassFrom.IsZero() && e.Ground != GroundImminentDanger:
		return refuse(policy.ReasonGlassNotBreakable, "on ground %s", e.Ground)
	}
	return nil
}

// applyRefused records what policy refused. Nothing follows from it, so little
// is required of it: who asks wrongly may have left out anything.
func (c *Case) applyRefused(l audit.Entry, h audit.Hash) error {
	if err := c.begin(l); err != nil {
		return err
	}
	if err := mustBeDecided(l, policy.PointEscalationRequest, audit.ResultRefuse); err != nil {
		return err
	}
	next, err := Transition(None, EventRefused, Role(l.Actor.Role))
	if err != nil {
		return err
	}
	c.Escalations = append(c.Escalations, &Escalation{
		ID: l.Subject.ID, Case: l.Case, State: next, Ground: l.Ground, Requester: l.Actor,
		RequestSeq: l.Seq, RequestHash: h, RequestedAt: l.At, LastSeq: l.Seq,
	})
	return nil
}

// applyEvidenceRead notes who has read the evidence. It changes nothing else: the
// entry is not one of those that made the escalation what it is.
func (c *Case) applyEvidenceRead(l audit.Entry) error {
	e, err := c.about(l, audit.ViaCustodian)
	if err != nil {
		return err
	}
	if err := mustBeDecided(l, policy.PointEvidenceRead, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckReading(e, l.Actor, l.At); err != nil {
		return err
	}
	d := detailsOf(l)
	read, scope := d.maybeText("evidence"), d.maybeText("scope")
	if d.err != nil {
		return d.err
	}
	// A privacy officer sees what was ordered, and no message; nobody else sees less.
	cited := FormatPositions(e.Evidence)
	if l.Actor.Role == policy.RolePrivacyOfficer {
		cited = ""
	}
	if read != cited || (scope == policy.ScopeRequisition) != (cited == "") || scope != "" && cited != "" {
		return refuse(policy.ReasonEvidenceUnknown, "%.80q in scope %.40q, cited were %v", read, scope, e.Evidence)
	}
	e.Reads = append(e.Reads, Reading{Actor: l.Actor, At: l.At, Seq: l.Seq})
	return nil
}

func (c *Case) applyApprovalGiven(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	facets, request := d.facets(), d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationApprove, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckApproval(e, l.Actor, request, facets, l.At); err != nil {
		return err
	}
	e.Approvals = append(e.Approvals, Approval{Actor: l.Actor, Facets: facets, At: l.At, Seq: l.Seq})
	return nil
}

// applyApproved is the sum of the approvals, written with the last of them.
func (c *Case) applyApproved(e *Escalation, l audit.Entry) error {
	next, err := Transition(e.State, EventApproved, e.roleOf(l.Actor))
	if err != nil {
		return err
	}
	d := detailsOf(l)
	facets, request, useBy := d.facets(), d.hash("request"), d.time("use_by")
	if d.err != nil {
		return d.err
	}
	switch {
	case request != e.RequestHash:
		return refuse(policy.ReasonRequestChanged, "%s", request)
	case !e.Complete():
		return refuse(policy.ReasonApprovalsMissing, "%d given", len(e.Approvals))
	case Passed(e.AnswerBy, l.At):
		return refuse(policy.ReasonTooLate, "deadline %s", audit.FormatTime(e.AnswerBy))
	case l.Actor.ID != e.Approvals[len(e.Approvals)-1].Actor.ID:
		return refuse(policy.ReasonApprovalsMissing, "%s did not give the last approval", l.Actor.ID)
	case !slices.Equal(facets, e.common()):
		return refuse(policy.ReasonFacetsNotGranted, "%s, approved are %s", facets, e.common())
	case !useBy.Equal(l.At.Add(e.UseWithin)):
		return refuse(policy.ReasonGrantBeyondPolicy, "use by %s", audit.FormatTime(useBy))
	}
	for _, a := range e.Approvals {
		if err := c.CheckConflict(e, a.Actor); err != nil {
			return err
		}
	}
	e.State, e.Granted, e.ApprovedAt, e.UseBy = next, facets, l.At, useBy
	return nil
}

func (c *Case) applyDenied(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	reason, request := d.text("reason"), d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationApprove, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckDenial(e, l.Actor, request, reason, l.At); err != nil {
		return err
	}
	e.State, e.DenialReason, e.DeniedBy = Denied, reason, l.Actor
	return nil
}

func (c *Case) applyWithdrawn(e *Escalation, l audit.Entry) error {
	if err := c.CheckWithdrawal(e, l.Actor); err != nil {
		return err
	}
	e.State = Withdrawn
	return nil
}

// applyClosed is the requester's own end of it, or the sweeper's when the requester
// was suspended: a process then, and no person.
func (c *Case) applyClosed(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	reason := d.maybeText("reason")
	if d.err != nil {
		return d.err
	}
	if reason == "" {
		if err := c.CheckClosing(e, l.Actor); err != nil {
			return err
		}
		e.State = Closed
		return nil
	}
	switch {
	case l.Actor.Person != "":
		return refuse(policy.ReasonRoleNotAllowed, "%s is a person", l.Actor.ID)
	case reason != ReasonRequesterSuspended:
		return fmt.Errorf("details.reason %.40q is not one of the codes", reason)
	}
	if err := c.CheckSuspension(e, l.At); err != nil {
		return err
	}
	e.State, e.ClosedFor = Closed, reason
	return nil
}

func (c *Case) applyRevoked(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	reason, request := d.text("reason"), d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointEscalationRevoke, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckRevocation(e, l.Actor, reason); err != nil {
		return err
	}
	if request != e.RequestHash {
		return refuse(policy.ReasonRequestChanged, "%s", request)
	}
	e.State, e.RevocationReason, e.RevokedBy = Revoked, reason, l.Actor
	return nil
}

func (c *Case) applyWidened(e *Escalation, l audit.Entry) error {
	if l.Actor.Person != "" {
		return refuse(policy.ReasonRoleNotAllowed, "%s is a person", l.Actor.ID)
	}
	d := detailsOf(l)
	request := d.hash("request")
	if d.err != nil {
		return d.err
	}
	if request != e.RequestHash {
		return refuse(policy.ReasonRequestChanged, "%s", request)
	}
	if err := c.CheckWidening(e, l.At); err != nil {
		return err
	}
	e.WidenedAt = l.At
	return nil
}

// applyExpired records that a deadline has passed. Any process may write it,
// and no person: the deadline alone makes it true.
func (c *Case) applyExpired(e *Escalation, l audit.Entry) error {
	if l.Actor.Person != "" {
		return refuse(policy.ReasonRoleNotAllowed, "%s is a person", l.Actor.ID)
	}
	if err := c.CheckExpiry(e, l.At); err != nil {
		return err
	}
	d := detailsOf(l)
	from, deadline := d.text("from"), d.time("deadline")
	if d.err != nil {
		return d.err
	}
	if own, _ := e.Deadline(); State(from) != e.State || !deadline.Equal(own) {
		return refuse(policy.ReasonWrongState, "expired from %q at %s", from, audit.FormatTime(deadline))
	}
	e.State = Expired
	return nil
}

// mustBeDecided requires that policy was asked, at this point, with this result.
func mustBeDecided(l audit.Entry, point policy.Point, result string) error {
	if l.Decision == nil || l.Decision.Path != string(point) || l.Decision.Result != result {
		return fmt.Errorf("without a decision of %s that says %s", point, result)
	}
	return nil
}

const (
	subjectType = "escalation"
	maxUses     = 100
)
