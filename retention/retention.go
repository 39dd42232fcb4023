// Package retention says what of a case is due for destruction, since when and why,
// and tells policy what it must know to decide about it.
//
// It is pure; retention/pgstore has the registers of the privacy officer. Three things
// are destroyed separately: the key of the transcript, the key of the identity, and
// the openings, with which inspectors open the commitments of the log. The first two
// make what was sealed unreadable in every copy; the log itself stays, and still
// verifies.
//
// [Kept.Due] only says when to ask. Whether something is destroyed is policy's to
// decide, at policy.PointKeyDestroy and policy.PointOpeningsErase, on the case as the
// log tells it, and nobody's but the custodian's to do.
package retention

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// A What is one of the things that are destroyed separately. The first two are the
// classes of keys.
type What string

// What can be due.
const (
	Transcript What = "transcript"
	Identity   What = "identity"
	Openings   What = "openings"
)

// Kept is what is left of a case, and what its time is counted from.
type Kept struct {
	Case       string
	QuietSince time.Time // of closing; of an open conversation, the last time anybody wrote or did something in it
	Opened     bool      // the identity was, or may have been
	Held       bool      // a hold stands
	Erasure    string    // id of the granted one, or ""
	GrantedAt  time.Time // of it

	Transcript, Identity, Openings bool // what is not destroyed yet
}

// Of says what the log tells of a case. lastMessage is when its last message was
// written: messages are no entries.
func Of(c *escalation.Case, lastMessage time.Time) Kept {
	k := Kept{
		Case: c.Case, QuietSince: quietSince(c, lastMessage), Held: c.Held(), Openings: c.OpeningsErased == 0,
		Opened: slices.ContainsFunc(c.AllFacts(), func(e policy.Escalation) bool { return e.OpenedAt != "" }),
	}
	if granted := c.Granted(); granted != nil {
		k.Erasure, k.GrantedAt = granted.ID, granted.DecidedAt
	}
	for what, left := range map[What]*bool{Transcript: &k.Transcript, Identity: &k.Identity} {
		key := c.Key(string(what))
		*left = key != nil && !key.Destroyed
	}
	return k
}

// An Item is one thing that is to be destroyed.
type Item struct {
	Case    string
	What    What
	Reason  string    // policy.DestroyErasure or policy.DestroyRetention
	Erasure string    // with policy.DestroyErasure: its id
	At      time.Time // from when on
	Held    bool      // but not before the hold is lifted
}

// Due lists what is left of the case with the time from which it is to be destroyed,
// past or future, in that order.
func (k Kept) Due(p policy.Periods) []Item {
	var items []Item
	add := func(what What, kept time.Duration) {
		item := Item{Case: k.Case, What: what, Reason: policy.DestroyRetention, At: k.QuietSince.Add(kept), Held: k.Held}
		// Whichever comes first: an erasure does not make anything last longer.
		if k.Erasure != "" && k.GrantedAt.Before(item.At) {
			item.Reason, item.Erasure, item.At = policy.DestroyErasure, k.Erasure, k.GrantedAt
		}
		items = append(items, item)
	}
	if k.Identity {
		kept := p.IdentityUnreleased
		if k.Opened {
			kept = p.Transcript // who opened it may have to account for it
		}
		add(Identity, kept)
	}
	if k.Transcript {
		add(Transcript, p.Transcript)
	}
	if k.Openings {
		add(Openings, p.Openings)
	}
	slices.SortStableFunc(items, func(a, b Item) int { return a.At.Compare(b.At) })
	return items
}

// quietSince: what closes a conversation ends it; until then whoever writes keeps it,
// though messages are no entries.
func quietSince(c *escalation.Case, lastMessage time.Time) time.Time {
	if c.ClosedAt.IsZero() && lastMessage.After(c.QuietSince) {
		return lastMessage
	}
	return c.QuietSince
}

// DestroyInput is what policy is asked before a key is destroyed, for this reason.
func DestroyInput(c *escalation.Case, at, lastMessage time.Time, class What, reason string) policy.KeyDestroy {
	key := c.Key(string(class))
	return policy.KeyDestroy{
		At: policy.At(at), Case: c.Case, Class: string(class), Reason: reason, Conversation: quiet(c, at, lastMessage),
		Erasures: erasures(c), Holds: holds(c), Escalations: c.AllFacts(), Destroyed: key == nil || key.Destroyed,
	}
}

// OpeningsInput is what policy is asked before the openings of a case are erased.
func OpeningsInput(c *escalation.Case, at, lastMessage time.Time, reason string) policy.OpeningsErase {
	return policy.OpeningsErase{
		At: policy.At(at), Case: c.Case, Reason: reason, Conversation: quiet(c, at, lastMessage),
		Erasures: erasures(c), Holds: holds(c), Escalations: c.AllFacts(), Destroyed: c.Gone(),
	}
}

// ErasureInput is what policy is asked before a privacy officer answers a request for
// erasure. One that does not exist has no facts, and policy finds it not pending.
func ErasureInput(c *escalation.Case, at time.Time, actor audit.Actor, erasure, verdict, reason string) policy.ErasureDecide {
	in := policy.ErasureDecide{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Verdict: verdict, Reason: reason, Holds: holds(c), Escalations: c.AllFacts(),
	}
	if r := c.Erasure(erasure); r != nil {
		in.Erasure = r.Facts()
	}
	return in
}

// HoldInput is what policy is asked before a hold is set or lifted.
func HoldInput(c *escalation.Case, at time.Time, actor audit.Actor, hold, reason string) policy.HoldChange {
	return policy.HoldChange{
		At: policy.At(at), Actor: staff(actor), Case: c.Case, Conversation: c.Facts(at),
		Reason: reason, Holds: holds(c), Escalations: c.AllFacts(), Hold: hold,
	}
}

func quiet(c *escalation.Case, at, lastMessage time.Time) policy.Conversation {
	facts := c.Facts(at)
	if since := quietSince(c, lastMessage); !since.IsZero() {
		facts.QuietForS = int64(max(0, at.Sub(since)) / time.Second)
	}
	return facts
}

func erasures(c *escalation.Case) []policy.Erasure {
	all := make([]policy.Erasure, len(c.Erasures))
	for i, r := range c.Erasures {
		all[i] = r.Facts()
	}
	return all
}

func holds(c *escalation.Case) []policy.Hold {
	all := make([]policy.Hold, len(c.Holds))
	for i, h := range c.Holds {
		all[i] = h.Facts()
	}
	return all
}

func staff(a audit.Actor) policy.Actor {
	return policy.Actor{ID: a.ID, Person: a.Person, Role: a.Role}
}
