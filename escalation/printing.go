package escalation

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// A sheet of paper outlives the reading window, and lies where nobody checks anything.
// So that an identity was printed is an entry of its own, written before the sheet is.

// A Printing is one time that the requester printed what they had before their eyes.
type Printing struct {
	Actor  audit.Actor
	At     time.Time
	Facets []string
	Seq    int64
}

// Readable returns the facets that the present reading window has shown, or may have
// shown; none when it was not opened, or has ended.
func (e *Escalation) Readable(at time.Time) []string {
	if e.State != Released || Passed(e.ReadUntil, at) {
		return nil
	}
	var facets []string
	for _, i := range e.Intents {
		if i.Use == e.Uses && i.Outcome != Failed {
			facets = append(facets, i.Facets...)
		}
	}
	slices.Sort(facets)
	return slices.Compact(facets)
}

// CheckPrinting says whether actor may print what they were shown: the requester, in the
// conversation still, while the reading window lasts.
func (c *Case) CheckPrinting(e *Escalation, actor audit.Actor, at time.Time) error {
	if err := e.mustBeRequester(actor); err != nil {
		return err
	}
	switch {
	case c.Erased():
		return refuse(policy.ReasonConversationErased, "a key was destroyed")
	case !c.TakesPart(actor):
		return refuse(policy.ReasonNotParticipant, "%s has handed the conversation over", actor.ID)
	case e.State != Released:
		return refuse(policy.ReasonWrongState, "it is %s", e.State)
	case len(e.Readable(at)) == 0:
		return refuse(policy.ReasonGrantWindowOver, "read until %s", audit.FormatTime(e.ReadUntil))
	}
	return nil
}

// PrintedEntry is identity.printed, of what the reading window shows at the entry's own
// time.
func PrintedEntry(e *Escalation, at time.Time) audit.Entry {
	return e.entry(audit.ActionIdentityPrinted, audit.Details{
		"facets": FormatFacets(e.Readable(at)), "request": e.RequestHash.String(),
	})
}

// applyPrinted changes no state: nothing opens or ends by it.
func (c *Case) applyPrinted(l audit.Entry) error {
	e, err := c.about(l, audit.ViaStaff)
	if err != nil {
		return err
	}
	d := detailsOf(l)
	facets, request := d.facets(), d.hash("request")
	if d.err != nil {
		return d.err
	}
	if err := c.CheckPrinting(e, l.Actor, l.At); err != nil {
		return err
	}
	if request != e.RequestHash {
		return refuse(policy.ReasonRequestChanged, "%s", request)
	}
	if err := subset(facets, e.Readable(l.At), policy.ReasonFacetsNotGranted); err != nil {
		return err
	}
	e.Printings = append(e.Printings, Printing{Actor: l.Actor, At: l.At, Facets: facets, Seq: l.Seq})
	return nil
}
