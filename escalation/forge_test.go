package escalation

import (
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
)

// What the attack table is made of: stories up to a point, entries, and ways to
// bend them.

func approvedOnce(t testing.TB) *story { return approved(t) }

func approvedHalf(t testing.TB) *story {
	s := requested(t)
	s.gives(supervisor, "connection")
	return s
}

// reviewed: a supervisor has read the evidence.
func reviewed(t testing.TB) *story {
	s := requested(t)
	s.read(supervisor)
	return s
}

func late(t testing.TB) *story {
	s := requested(t)
	s.at = s.esc().AnswerBy.Add(time.Microsecond)
	return s
}

// colluding: the supervisor took the conversation as an agent, and handed it to
// a friend who asks.
func colluding(t testing.TB) *story {
	s := newStory(t)
	s.tell(opened(), audit.ViaPublic, minor)
	s.staff(joined(), doubler)
	s.staff(handedOver(agent), doubler)
	s.staff(RequestedEntry(asks(), s.at), agent)
	return s
}

func givenTo(to audit.Actor) func(testing.TB) *story {
	return func(t testing.TB) *story {
		s := requested(t)
		s.staff(handedOver(to), agent)
		return s
	}
}

func unused(t testing.TB) *story {
	s := approved(t)
	s.at = s.esc().UseBy.Add(time.Microsecond)
	return s
}

func expiredUnused(t testing.TB) *story {
	s := unused(t)
	s.staff(ExpiredEntry(s.esc()), sweeper)
	return s
}

func ordered(t testing.TB) *story {
	s := approved(t, "connection", "name")
	s.order("connection")
	return s
}

func openedOnce(t testing.TB) *story {
	s := ordered(t)
	s.gate(outcomeOfLast(s), agent)
	return s
}

func windowOver(t testing.TB) *story {
	s := openedOnce(t)
	s.at = s.esc().ReadUntil.Add(time.Microsecond)
	return s
}

func closedEscalation(t testing.TB) *story {
	s := approved(t)
	s.staff(ClosedEntry(s.esc()), agent)
	return s
}

func handedOn(t testing.TB) *story {
	s := approved(t)
	s.staff(handedOver(colleague), agent)
	return s
}

func leftIt(t testing.TB) *story {
	s := approved(t)
	s.staff(left(), agent)
	return s
}

func erased(t testing.TB) *story {
	s := approved(t)
	s.gate(key(audit.ActionKeyDestroyed, "identity"), custodian)
	return s
}

func approverJoined(t testing.TB) *story {
	s := approved(t)
	s.staff(joined(), role(doubler, "psychologist"))
	return s
}

func requestedBefore(t testing.TB) *story {
	s := requested(t)
	s.staff(WithdrawnEntry(s.esc()), agent)
	return s
}

func conversationClosed(t testing.TB) *story {
	s := talking(t)
	s.tell(closed(), audit.ViaPublic, minor)
	return s
}

// conversationClosedAfter: the minor left once the lift was approved.
func conversationClosedAfter(t testing.TB) *story {
	s := approved(t)
	s.tell(closed(), audit.ViaPublic, minor)
	return s
}

type maker = func(s *story) audit.Entry

func same(e audit.Entry) maker { return func(*story) audit.Entry { return e } }

func request(s *story) audit.Entry { return RequestedEntry(asks(), s.at) }

func asking(id string) maker {
	return func(s *story) audit.Entry {
		r := asks()
		r.ID = id
		return RequestedEntry(r, s.at)
	}
}

func onGround(ground string) maker {
	return func(s *story) audit.Entry {
		e := request(s)
		e.Ground = ground
		return e
	}
}

func give(facets ...string) maker {
	return func(s *story) audit.Entry { return ApprovalGivenEntry(s.esc(), facets) }
}

func giveAll(s *story) audit.Entry { return give("connection", "name")(s) }

func approve(facets ...string) maker {
	return func(s *story) audit.Entry {
		e := ApprovedEntry(s.esc(), s.at)
		e.Details["facets"] = FormatFacets(facets)
		return e
	}
}

func deny(reason string) maker {
	return func(s *story) audit.Entry { return DeniedEntry(s.esc(), reason) }
}

func evidenceOf(s *story) audit.Entry  { return EvidenceReadEntry(s.esc()) }
func withdrawnOf(s *story) audit.Entry { return WithdrawnEntry(s.esc()) }
func closedOf(s *story) audit.Entry    { return ClosedEntry(s.esc()) }
func expiredOf(s *story) audit.Entry   { return ExpiredEntry(s.esc()) }

func order(facets ...string) maker {
	return func(s *story) audit.Entry { return ReleaseOrderedEntry(s.esc(), facets, owed, s.at) }
}

func outcome(intent audit.Hash) maker {
	return func(s *story) audit.Entry { return ReleasedEntry(s.esc(), intent, []string{"connection"}, "v") }
}

func outcomeOfLast(s *story) audit.Entry { return outcome(s.lastIntent())(s) }

func failureOfLast(s *story) audit.Entry {
	return ReleaseFailedEntry(s.esc(), s.lastIntent(), "vault.unavailable")
}

func (s *story) lastIntent() audit.Hash {
	intents := s.esc().Intents
	if len(intents) == 0 {
		return audit.Hash{}
	}
	return intents[len(intents)-1].Hash
}

func action(a audit.Action) maker {
	return func(s *story) audit.Entry { return s.esc().entry(a, nil) }
}

func ofCase(id string) maker {
	return func(s *story) audit.Entry {
		e := ClosedEntry(s.esc())
		e.Case = id
		return e
	}
}

// ofAnother binds an entry to a request that was changed after the fact.
func ofAnother(m maker) maker { return with("request", audit.Hash{7}.String(), m) }

func with(key string, value any, m maker) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		e.Details[key] = value
		return e
	}
}

// later moves a time of an entry by a microsecond.
func later(key string, m maker) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		t, err := audit.ParseTime(e.Details[key].(string))
		if err != nil {
			s.t.Fatal(err)
		}
		e.Details[key] = audit.FormatTime(t.Add(time.Microsecond))
		return e
	}
}

// decided puts another decision behind an entry, or none.
func decided(m maker, d *audit.Decision) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		if d == nil {
			d = &audit.Decision{}
		}
		e.Decision = d
		return e
	}
}

func role(a audit.Actor, r string) audit.Actor {
	a.Role = r
	return a
}

func session(a audit.Actor, x string) audit.Actor {
	a.Session = x
	return a
}

func account(a audit.Actor, id string) audit.Actor {
	a.ID = id
	return a
}

func person(a audit.Actor, p string) audit.Actor {
	a.Person = p
	return a
}
