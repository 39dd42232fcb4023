package escalation

import (
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// Stories of the other paths: a glass that is broken, a consent, a magistrate's order,
// a revocation, a suspension, and what the minor is told.

var (
	officer      = audit.Actor{ID: "s-officer", Person: "p-officer", Role: "privacy_officer", Session: "x-8"}
	psychologist = audit.Actor{ID: "s-psy", Person: "p-psy", Role: "psychologist", Session: "x-9"}
)

const (
	consentID = "7d1f3c52-0c0e-4a56-9a42-0d8f3f2f6f77"
	tomorrow  = 24 * time.Hour
)

// termsOf is what production's policy says at a request on this ground.
func termsOf(ground string) policy.Obligations {
	slow := policy.Obligations{
		Approvals:     []policy.ApprovalNeeded{{Role: "supervisor", Count: 1}},
		AnswerWithinS: 86400, RemindAfterS: 14400, WidenAfterS: 28800, UseWithinS: 86400, ReadForS: 1800, Uses: 1,
	}
	switch ground {
	case GroundConsent:
		return slow
	case GroundJudicialRequisition:
		slow.Approvals = []policy.ApprovalNeeded{{Role: "privacy_officer", Count: 1}, {Role: "supervisor", Count: 1}}
		slow.ReadForS = 3600
		return slow
	}
	return terms
}

func consentGiven(facets string) audit.Entry {
	return audit.Entry{Action: audit.ActionConsentGiven, Subject: audit.Subject{Type: "consent", ID: consentID},
		Details: audit.Details{"facets": facets, "words": sum}}
}

func consentWithdrawn() audit.Entry {
	return audit.Entry{Action: audit.ActionConsentWithdrawn, Subject: audit.Subject{Type: "consent", ID: consentID}}
}

func onConsent(id string, facets ...string) maker {
	return func(s *story) audit.Entry {
		r := asks()
		r.Ground, r.Facets, r.Obligations = GroundConsent, facets, termsOf(GroundConsent)
		r.Basis = Basis{Consent: id}
		return RequestedEntry(r, s.at)
	}
}

func onOrder(listedCase string, facets ...string) maker {
	return func(s *story) audit.Entry {
		r := asks()
		r.Ground, r.Facets, r.Obligations = GroundJudicialRequisition, facets, termsOf(GroundJudicialRequisition)
		r.Basis = Basis{Authority: "prosecutor", ListedCase: listedCase}
		e := RequestedEntry(r, s.at)
		e.Commitments = audit.Commitments{"reference": audit.Commit(make([]byte, audit.SaltSize), "reference", caseID, []byte("PV 2026/123"))}
		return e
	}
}

// consenting: the minor agreed that their name be opened.
func consenting(t testing.TB) *story {
	s := talking(t)
	s.tell(consentGiven("contact,name"), audit.ViaPublic, minor)
	return s
}

func consented(t testing.TB) *story {
	s := consenting(t)
	s.staff(onConsent(consentID, "name")(s), agent)
	return s
}

func consentApproved(t testing.TB) *story {
	s := consented(t)
	s.gives(supervisor, "name")
	s.staff(ApprovedEntry(s.esc(), s.at), supervisor)
	return s
}

func consentOpened(t testing.TB) *story {
	s := consentApproved(t)
	s.order("name")
	return s
}

func consentTakenBack(t testing.TB) *story {
	s := consentApproved(t)
	s.tell(consentWithdrawn(), audit.ViaPublic, minor)
	return s
}

func requisitioned(t testing.TB) *story {
	s := talking(t)
	s.staff(onOrder("three_years", "connection", "name")(s), agent)
	return s
}

// orderRead: the privacy officer has seen what was ordered.
func orderRead(t testing.TB) *story {
	s := requisitioned(t)
	s.gate(RequisitionReadEntry(s.esc()), officer)
	return s
}

func orderHalf(t testing.TB) *story {
	s := orderRead(t)
	s.gives(supervisor, "connection", "name")
	return s
}

func orderApproved(t testing.TB) *story {
	s := orderHalf(t)
	s.staff(ApprovalGivenEntry(s.esc(), []string{"connection"}), officer)
	s.staff(ApprovedEntry(s.esc(), s.at), officer)
	return s
}

// unanswered: nobody answered for as long as policy says.
func unanswered(t testing.TB) *story {
	s := requested(t)
	s.at = s.esc().BreakGlassFrom
	return s
}

// unbreakable: policy gave the request no glass to break.
func unbreakable(t testing.TB) *story {
	s := talking(t)
	r := asks()
	r.Obligations.BreakGlassAfterS = 0
	s.staff(RequestedEntry(r, s.at), agent)
	s.at = s.at.Add(5 * time.Minute)
	return s
}

func confirmedEarly(t testing.TB) *story {
	s := requested(t)
	s.gate(ConfirmedEntry(s.esc()), colleague)
	return s
}

func confirmed(t testing.TB) *story {
	s := unanswered(t)
	s.gate(ConfirmedEntry(s.esc()), colleague)
	return s
}

func confirmedLate(t testing.TB) *story {
	s := confirmed(t)
	s.at = s.esc().AnswerBy.Add(time.Microsecond)
	return s
}

func broken(t testing.TB) *story {
	s := confirmed(t)
	s.staff(GlassBrokenEntry(s.esc(), terms, s.at), agent)
	return s
}

func brokenUnused(t testing.TB) *story {
	s := broken(t)
	s.at = s.esc().UseBy.Add(time.Microsecond)
	return s
}

func brokenExpired(t testing.TB) *story {
	s := brokenUnused(t)
	s.staff(ExpiredEntry(s.esc()), sweeper)
	return s
}

func brokenOpened(t testing.TB) *story {
	s := broken(t)
	s.order("connection", "name")
	in := s.esc().Intents[0]
	s.gate(ReleasedEntry(s.esc(), in.Hash, in.Facets, "v"), agent)
	return s
}

func brokenClosed(t testing.TB) *story {
	s := brokenOpened(t)
	s.staff(ClosedEntry(s.esc()), agent)
	return s
}

func brokenRead(t testing.TB) *story {
	s := brokenClosed(t)
	s.read(second)
	return s
}

func brokenReviewed(t testing.TB) *story {
	s := brokenRead(t)
	s.staff(ReviewedEntry(s.esc(), policy.VerdictConfirmed), second)
	return s
}

// readBefore: a supervisor had read it when nobody had broken anything yet.
func readBefore(t testing.TB) *story {
	s := confirmed(t)
	s.read(second)
	s.staff(GlassBrokenEntry(s.esc(), terms, s.at), agent)
	return s
}

func brokenRevoked(t testing.TB) *story {
	s := brokenOpened(t)
	s.read(second)
	s.staff(RevokedEntry(s.esc(), "misuse"), second)
	return s
}

func brokenErased(t testing.TB) *story {
	s := brokenReviewed(t)
	s.gate(key(audit.ActionKeyDestroyed, "identity"), custodian)
	return s
}

func tellingOverdue(t testing.TB) *story {
	s := revokedOnce(t)
	s.at = s.esc().TellBy().Add(time.Second)
	return s
}

func openedErased(t testing.TB) *story {
	s := revokedOnce(t)
	s.gate(key(audit.ActionKeyDestroyed, "transcript"), custodian)
	return s
}

func revokedOnce(t testing.TB) *story {
	s := openedOnce(t)
	s.staff(RevokedEntry(s.esc(), "danger_over"), second)
	return s
}

func suspended(t testing.TB) *story {
	s := openedOnce(t)
	s.staff(SuspendedEntry(s.esc()), sweeper)
	return s
}

func widened(t testing.TB) *story {
	s := requested(t)
	s.at = s.esc().WidenAt
	s.staff(WidenedEntry(s.esc()), sweeper)
	return s
}

func toldLater(t testing.TB) *story {
	s := openedOnce(t)
	s.staff(ToldEntry(s.esc(), policy.TellLater, "", s.at.Add(tomorrow), owed, s.at), agent)
	return s
}

func told(t testing.TB) *story {
	s := toldLater(t)
	s.staff(ToldEntry(s.esc(), policy.Told, "", time.Time{}, owed, s.at), agent)
	return s
}

func confirmOf(s *story) audit.Entry { return ConfirmedEntry(s.esc()) }
func breakOf(s *story) audit.Entry   { return GlassBrokenEntry(s.esc(), terms, s.at) }
func widenOf(s *story) audit.Entry   { return WidenedEntry(s.esc()) }
func suspendOf(s *story) audit.Entry { return SuspendedEntry(s.esc()) }
func orderOf(s *story) audit.Entry   { return RequisitionReadEntry(s.esc()) }

func review(verdict string) maker {
	return func(s *story) audit.Entry { return ReviewedEntry(s.esc(), verdict) }
}

func revoke(reason string) maker {
	return func(s *story) audit.Entry { return RevokedEntry(s.esc(), reason) }
}

func tell(outcome, reason string, wait time.Duration) maker {
	return func(s *story) audit.Entry {
		until := time.Time{}
		if wait != 0 {
			until = s.at.Add(wait)
		}
		return ToldEntry(s.esc(), outcome, reason, until, owed, s.at)
	}
}

// without leaves a commitment of the entry out.
func without(m maker) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		e.Commitments = nil
		return e
	}
}

// bare leaves a detail of the entry out.
func bare(key string, m maker) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		delete(e.Details, key)
		return e
	}
}
