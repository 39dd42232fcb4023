package conversation

import (
	"slices"
	"time"

	"github.com/sceau-project/sceau/policy"
)

// Facts is the conversation as policy sees it, so that every caller tells policy the
// same. Policy is told of each account, person and role once, however often they came
// and went. How long it has been quiet is told where rules ask for it: see package
// retention.
func (c *Conversation) Facts(at time.Time) policy.Conversation {
	out := policy.Conversation{Participants: []policy.Participant{}}
	for _, stay := range c.Participants {
		p := policy.Participant{ID: stay.ID, Person: stay.Person, Role: stay.Role, Active: stay.Active}
		i := slices.IndexFunc(out.Participants, func(q policy.Participant) bool {
			return q.ID == p.ID && q.Person == p.Person && q.Role == p.Role
		})
		if i < 0 {
			out.Participants = append(out.Participants, p)
			continue
		}
		out.Participants[i].Active = out.Participants[i].Active || p.Active
	}
	switch {
	case c.Erased():
		out.State = policy.ConversationErased
	case c.State == "": // no state: rules then show nothing, and refuse
	case c.State == StateClosed:
		out.State = policy.ConversationClosed
		out.ClosedForS = int64(at.Sub(c.ClosedAt) / time.Second)
	default:
		out.State = policy.ConversationOpen
	}
	return out
}

// Facts is the consent as policy sees it.
func (g Consent) Facts() policy.Consent {
	return policy.Consent{ID: g.ID, Facets: append([]string{}, g.Facets...), GivenAt: policy.At(g.GivenAt), WithdrawnAt: policy.At(g.WithdrawnAt)}
}

// Facts is the erasure as policy sees it.
func (r Erasure) Facts() policy.Erasure {
	return policy.Erasure{ID: r.ID, RequestedAt: policy.At(r.RequestedAt), Decided: r.Verdict}
}

// Facts is the hold as policy sees it.
func (h Hold) Facts() policy.Hold {
	return policy.Hold{ID: h.ID, Reason: h.Reason, SetAt: policy.At(h.SetAt),
		SetBy: policy.Actor{ID: h.SetBy.ID, Person: h.SetBy.Person, Role: h.SetBy.Role}, LiftedAt: policy.At(h.LiftedAt)}
}
