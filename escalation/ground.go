package escalation

import (
	"errors"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

// CheckGround says whether a request may rest on this ground for these facets: danger
// on the evidence alone, consent on one that stands and names the facets, a
// requisition on an order.
func (c *Case) CheckGround(ground string, facets []string, b Basis) error {
	if !slices.Contains(Grounds, ground) {
		return refuse(policy.ReasonGroundUnknown, "%.40q", ground)
	}
	switch ground {
	case GroundConsent:
		if b.Authority != "" || b.ListedCase != "" || b.Reference {
			return errOtherBasis
		}
		return c.checkConsent(b.Consent, facets)
	case GroundJudicialRequisition:
		if b.Consent != "" {
			return errOtherBasis
		}
		return checkRequisition(b, facets)
	}
	if b != (Basis{}) {
		return errOtherBasis
	}
	return nil
}

// A Basis is what a request rests on beside the evidence: a consent, or an order.
type Basis struct {
	Consent    string // id
	Authority  string // who ordered it
	ListedCase string // only when the connection is asked
	Reference  bool   // of the order: it is committed to
}

var errOtherBasis = errors.New("rests on what belongs to another ground")

// checkConsent holds that the minor agreed, to all of it, and still does.
func (c *Case) checkConsent(id string, facets []string) error {
	consent := c.Consent(id)
	if consent == nil {
		return refuse(policy.ReasonConsentMissing, "%.40q", id)
	}
	if !consent.Stands() {
		return refuse(policy.ReasonConsentWithdrawn, "by entry %d", consent.WithdrawnSeq)
	}
	for _, f := range facets {
		if !slices.Contains(consent.Facets, f) {
			return refuse(policy.ReasonConsentOtherFacets, "%.40q", f)
		}
	}
	return nil
}

// checkRequisition holds that there is an order, and one of a listed case where the
// connection is asked. Which authorities and cases count is policy's to say.
func checkRequisition(b Basis, facets []string) error {
	if b.Authority == "" || !b.Reference {
		return refuse(policy.ReasonRequisitionIncomplete, "authority %.40q, reference %t", b.Authority, b.Reference)
	}
	if slices.Contains(facets, string(conversation.FacetConnection)) != (b.ListedCase != "") {
		return refuse(policy.ReasonRequisitionCaseNotListed, "%.40q", b.ListedCase)
	}
	return nil
}

// basisOf reads what an escalation.requested rests on.
func basisOf(l audit.Entry, d *details) Basis {
	_, reference := l.Commitments["reference"]
	return Basis{
		Consent: d.maybeText("consent"), Authority: d.maybeText("authority"),
		ListedCase: d.maybeText("listed_case"), Reference: reference,
	}
}

// consentWithdrawn closes at once whatever rests on a consent that was taken back, in
// the entry that takes it back: no grant outlives it for a moment. It cannot fail, as
// the conversation has believed the entry by then.
func (c *Case) consentWithdrawn(l audit.Entry) {
	for _, e := range c.Escalations {
		if e.Consent == "" || e.Consent != l.Subject.ID {
			continue
		}
		if next, err := Transition(e.State, EventConsentWithdrawn, RoleMinor); err == nil {
			e.State, e.LastSeq = next, l.Seq
		}
	}
}
