package escalation

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

// What is destroyed cannot be looked into again. Under any policy, nobody grants that
// while something can still be opened, and nobody destroys what a review must look into.

// Settled says whether nothing can be opened any more at this time, and every glass
// that was broken was reviewed.
func (c *Case) Settled(at time.Time) bool {
	return !slices.ContainsFunc(c.Escalations, func(e *Escalation) bool { return !e.Over(at) }) && !c.reviewDue()
}

func (c *Case) reviewDue() bool { return slices.ContainsFunc(c.Escalations, (*Escalation).ReviewDue) }

// mayGrant holds the answer to a request for erasure to that.
func (c *Case) mayGrant(e audit.Entry) error {
	if e.Details["verdict"] == policy.VerdictGranted && !c.Settled(e.At) {
		return refuse(policy.ReasonErasureEscalationOpen, "an escalation is open, or a review is due")
	}
	return nil
}

// mayDestroy holds the destruction of a key to it; to destroy it again changes nothing.
func (c *Case) mayDestroy(e audit.Entry, before conversation.Conversation) error {
	if key := before.Key(e.Subject.ID); (key == nil || !key.Destroyed) && c.reviewDue() {
		return refuse(policy.ReasonErasureEscalationOpen, "a review is due")
	}
	return nil
}
