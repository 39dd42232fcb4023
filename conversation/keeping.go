package conversation

import (
	"errors"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// An Erasure is the minor's request that everything of the case be destroyed, and
// the privacy officer's answer to it.
type Erasure struct {
	ID           string
	RequestedSeq int64
	RequestedAt  time.Time
	Verdict      string // policy.VerdictGranted, policy.VerdictRefused, or "" while it waits
	Reason       string // why it was refused, coded
	DecidedSeq   int64  // 0 while it waits: asking comes before
	DecidedAt    time.Time
}

// A Hold keeps everything of the case from being destroyed until it is lifted.
type Hold struct {
	ID        string
	Reason    string // coded
	SetSeq    int64
	SetAt     time.Time
	SetBy     audit.Actor
	LiftedSeq int64 // 0 while it stands: setting it comes before
	LiftedAt  time.Time
}

// Stands tells whether the hold was not lifted.
func (h Hold) Stands() bool { return h.LiftedSeq == 0 }

func (c *Conversation) erasureRequested(e audit.Entry) error {
	switch {
	case e.Actor.Role != RoleMinor:
		return errors.New("was not done by the minor")
	case !named(e, "erasure") || c.Erasure(e.Subject.ID) != nil:
		return errors.New("is of no erasure, or of one that was asked for")
	case slices.ContainsFunc(c.Erasures, func(r Erasure) bool { return r.Verdict != policy.VerdictRefused }):
		return errors.New("comes while one waits, or after one was granted")
	case c.Gone():
		return errors.New("comes when nothing is left to erase")
	}
	c.Erasures = append(c.Erasures, Erasure{ID: e.Subject.ID, RequestedSeq: e.Seq, RequestedAt: e.At})
	return nil
}

func (c *Conversation) erasureDecided(e audit.Entry) error {
	i := slices.IndexFunc(c.Erasures, func(r Erasure) bool { return r.ID == e.Subject.ID })
	verdict, _ := e.Details["verdict"].(string)
	reason, says := e.Details["reason"].(string)
	if err := byPrivacyOfficer(e, policy.PointErasureDecide); err != nil {
		return err
	}
	switch {
	case e.Subject.Type != "erasure" || i < 0 || c.Erasures[i].Verdict != "":
		return errors.New("is of no erasure that waits")
	case verdict == policy.VerdictGranted && says, verdict == policy.VerdictRefused && !slices.Contains(policy.ErasureRefusalReasons, reason):
		return errors.New("gives a reason that is none for this verdict")
	case verdict != policy.VerdictGranted && verdict != policy.VerdictRefused:
		return errors.New("is no verdict")
	case verdict == policy.VerdictGranted && c.Held():
		return errors.New("grants what a hold forbids")
	}
	c.Erasures = slices.Clone(c.Erasures) // see consentWithdrawn
	r := &c.Erasures[i]
	r.Verdict, r.Reason, r.DecidedSeq, r.DecidedAt = verdict, reason, e.Seq, e.At
	return nil
}

func (c *Conversation) holdSet(e audit.Entry) error {
	reason, _ := e.Details["reason"].(string)
	if err := byPrivacyOfficer(e, policy.PointHoldSet); err != nil {
		return err
	}
	switch {
	case !named(e, "hold") || c.Hold(e.Subject.ID) != nil:
		return errors.New("is of no hold, or of one that was set")
	case !slices.Contains(policy.HoldReasons, reason):
		return errors.New("gives no reason")
	}
	c.Holds = append(c.Holds, Hold{ID: e.Subject.ID, Reason: reason, SetSeq: e.Seq, SetAt: e.At, SetBy: e.Actor})
	return nil
}

func (c *Conversation) holdLifted(e audit.Entry) error {
	i := slices.IndexFunc(c.Holds, func(h Hold) bool { return h.ID == e.Subject.ID })
	reason, _ := e.Details["reason"].(string)
	if err := byPrivacyOfficer(e, policy.PointHoldLift); err != nil {
		return err
	}
	switch {
	case e.Subject.Type != "hold" || i < 0 || !c.Holds[i].Stands():
		return errors.New("is of no hold that stands")
	case !slices.Contains(policy.HoldReasons, reason):
		return errors.New("gives no reason")
	}
	c.Holds = slices.Clone(c.Holds) // see consentWithdrawn
	c.Holds[i].LiftedSeq, c.Holds[i].LiftedAt = e.Seq, e.At
	return nil
}

// keyDestroyed comes before Vault is told: from this entry on the key counts as gone.
// A second one changes nothing, so that a custodian may say again what it does again
// after a restored backup.
func (c *Conversation) keyDestroyed(e audit.Entry) error {
	i := slices.IndexFunc(c.Keys, func(k Key) bool { return k.Class == e.Subject.ID })
	if e.Subject.Type != "key" || i < 0 {
		return errors.New("destroys a key that was never created")
	}
	if c.Keys[i].Destroyed {
		return nil
	}
	if err := c.mayDestroy(e, policy.PointKeyDestroy); err != nil {
		return err
	}
	c.Keys = slices.Clone(c.Keys) // see consentWithdrawn
	c.Keys[i].Destroyed, c.Keys[i].DestroyedSeq = true, e.Seq
	return nil
}

func (c *Conversation) openingsErased(e audit.Entry) error {
	if err := c.mayDestroy(e, policy.PointOpeningsErase); err != nil {
		return err
	}
	c.OpeningsErased = e.Seq
	return nil
}

// mayDestroy: only with a decision, never under a hold, and in the name of an
// erasure only when a privacy officer granted one.
func (c *Conversation) mayDestroy(e audit.Entry, point policy.Point) error {
	if err := decided(e, point); err != nil {
		return err
	}
	if c.Held() {
		return errors.New("destroys what a hold keeps")
	}
	switch reason, _ := e.Details["reason"].(string); reason {
	case policy.DestroyRetention:
		return nil
	case policy.DestroyErasure:
		granted := c.Granted()
		id, says := e.Details["erasure"].(string)
		if granted == nil || says && id != granted.ID || !says && e.Action == audit.ActionKeyDestroyed {
			return errors.New("is for an erasure that nobody granted")
		}
		return nil
	}
	return errors.New("gives no reason")
}

func byPrivacyOfficer(e audit.Entry, point policy.Point) error {
	if e.Actor.Role != RolePrivacyOfficer || e.Actor.ID == "" || e.Actor.Person == "" {
		return errors.New("was not done by a privacy officer")
	}
	return decided(e, point)
}

// Erasure returns the erasure with this id, or nil. The pointer is into c.
func (c *Conversation) Erasure(id string) *Erasure {
	for i, r := range c.Erasures {
		if r.ID == id {
			return &c.Erasures[i]
		}
	}
	return nil
}

// Granted returns the erasure that a privacy officer granted, or nil: there is one at
// most. The pointer is into c.
func (c *Conversation) Granted() *Erasure {
	for i, r := range c.Erasures {
		if r.Verdict == policy.VerdictGranted {
			return &c.Erasures[i]
		}
	}
	return nil
}

// Hold returns the hold with this id, or nil. The pointer is into c.
func (c *Conversation) Hold(id string) *Hold {
	for i, h := range c.Holds {
		if h.ID == id {
			return &c.Holds[i]
		}
	}
	return nil
}

// Held tells whether a hold stands: then nothing is destroyed.
func (c *Conversation) Held() bool { return slices.ContainsFunc(c.Holds, Hold.Stands) }

// Erased tells whether a key of the case was destroyed. The conversation is over
// then: what would be sealed could not be opened, or nobody could find a child in
// danger. Who comes back opens another.
func (c *Conversation) Erased() bool {
	return slices.ContainsFunc(c.Keys, func(k Key) bool { return k.Destroyed })
}

// Gone tells whether every key of the case was destroyed: nothing can be read again.
func (c *Conversation) Gone() bool {
	return len(c.Keys) > 0 && !slices.ContainsFunc(c.Keys, func(k Key) bool { return !k.Destroyed })
}
