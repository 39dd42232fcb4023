package escalation

import (
	"fmt"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// applyOrdered records an intent: from here on the identity is possibly opened.
func (c *Case) applyOrdered(e *Escalation, l audit.Entry, h audit.Hash) error {
	d := detailsOf(l)
	facets, request := d.facets(), d.hash("request")
	use, until := d.number("use", maxUses), d.time("read_until")
	tellWithin := d.maybeSeconds("tell_within")
	if d.err != nil {
		return d.err
	}
	if err := mustBeDecided(l, policy.PointIdentityRelease, audit.ResultAllow); err != nil {
		return err
	}
	if err := c.CheckRelease(e, l.Actor, facets, l.At); err != nil {
		return err
	}
	if request != e.RequestHash {
		return refuse(policy.ReasonRequestChanged, "%s", request)
	}
	if nextUse, nextUntil := e.NextUse(l.At); use != nextUse || !until.Equal(nextUntil) {
		return refuse(policy.ReasonGrantBeyondPolicy, "use %d until %s", use, audit.FormatTime(until))
	}
	e.State, e.Uses, e.ReadUntil = Released, use, until
	if e.TellWithin == 0 { // later orders do not move what is owed to the minor
		e.TellWithin = tellWithin
	}
	e.Intents = append(e.Intents, Intent{Hash: h, Seq: l.Seq, At: l.At, Facets: facets, Use: use, Until: until})
	return nil
}

func (c *Case) applyReleased(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	facets := d.facets()
	d.text("vault_request")
	if d.err != nil {
		return d.err
	}
	i, err := e.waiting(l)
	if err != nil {
		return err
	}
	if !slices.Equal(facets, e.Intents[i].Facets) {
		return refuse(policy.ReasonFacetsNotGranted, "%s, ordered were %s", facets, e.Intents[i].Facets)
	}
	next, err := Transition(e.State, EventReleased, RoleCustodian)
	if err != nil {
		return err
	}
	e.State = next
	e.Intents[i].Outcome = Opened
	return nil
}

// applyReleaseFailed gives the use back when no key of that use left Vault: a
// Vault that is down must not cost an agent the one opening that was granted. An
// intent of the same use without outcome may have opened: then it stays used.
func (c *Case) applyReleaseFailed(e *Escalation, l audit.Entry) error {
	d := detailsOf(l)
	d.text("code")
	if d.err != nil {
		return d.err
	}
	i, err := e.waiting(l)
	if err != nil {
		return err
	}
	on := EventReleaseFailed
	givesBack := e.State == Released && e.Intents[i].Use == e.Uses && e.onlyFailed(e.Uses, i)
	if givesBack && e.Uses == 1 {
		on = EventUseGivenBack
		if !e.BrokenAt.IsZero() {
			on = EventGlassGivenBack
		}
	}
	next, err := Transition(e.State, on, RoleCustodian)
	if err != nil {
		return err
	}
	e.State = next
	e.Intents[i].Outcome = Failed
	if givesBack {
		e.Uses--
		e.ReadUntil = e.windowOf(e.Uses)
	}
	return nil
}

// waiting finds the intent that an outcome is about.
func (e *Escalation) waiting(l audit.Entry) (int, error) {
	d := detailsOf(l)
	intent := d.hash("intent")
	if d.err != nil {
		return 0, d.err
	}
	for i := range e.Intents {
		if e.Intents[i].Hash == intent {
			if e.Intents[i].Outcome != Unknown {
				return 0, fmt.Errorf("intent %s has an outcome already", intent)
			}
			return i, nil
		}
	}
	return 0, fmt.Errorf("intent %s was never ordered", intent)
}

// onlyFailed says whether every intent of this use failed, but for the one at i.
func (e *Escalation) onlyFailed(use int64, i int) bool {
	for j, in := range e.Intents {
		if j != i && in.Use == use && in.Outcome != Failed {
			return false
		}
	}
	return true
}
