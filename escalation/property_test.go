package escalation

import (
	"context"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

var everybody = []audit.Actor{
	agent, colleague, supervisor, second, twin, doubler, inspector, role(agent, "supervisor"), role(supervisor, "agent"), sweeper,
	officer, role(colleague, "supervisor"), role(twin, "agent"), psychologist,
}

// A move is an entry as an honest process would write it.
type move struct {
	entry maker
	via   audit.Via
	by    audit.Actor
}

var moves = []move{
	{evidenceOf, audit.ViaCustodian, supervisor}, {evidenceOf, audit.ViaCustodian, second},
	{request, audit.ViaStaff, agent}, {giveAll, audit.ViaStaff, supervisor}, {give("name"), audit.ViaStaff, second},
	{sumUp, audit.ViaStaff, supervisor}, {sumUp, audit.ViaStaff, second},
	{order("name"), audit.ViaCustodian, agent}, {order("connection", "name"), audit.ViaCustodian, agent},
	{outcomeOfLast, audit.ViaCustodian, agent}, {failureOfLast, audit.ViaCustodian, agent},
	{deny("other_means"), audit.ViaStaff, supervisor}, {withdrawnOf, audit.ViaStaff, agent},
	{closedOf, audit.ViaStaff, agent}, {expiredOf, audit.ViaStaff, sweeper},
	{same(joined()), audit.ViaStaff, doubler}, {same(joined()), audit.ViaStaff, role(doubler, "psychologist")}, {same(left()), audit.ViaStaff, agent}, {same(handedOver(agent)), audit.ViaStaff, agent},
	{same(handedOver(supervisor)), audit.ViaStaff, agent}, {same(joined()), audit.ViaStaff, agent},
	{same(closed()), audit.ViaPublic, minor}, {approve("connection", "name"), audit.ViaStaff, supervisor},

	{widenOf, audit.ViaStaff, sweeper}, {confirmOf, audit.ViaCustodian, colleague}, {breakOf, audit.ViaStaff, agent},
	{review(policy.VerdictConfirmed), audit.ViaStaff, second}, {review(policy.VerdictAbusive), audit.ViaStaff, supervisor},
	{revoke("misuse"), audit.ViaStaff, second}, {suspendOf, audit.ViaStaff, sweeper},
	{tell(policy.Told, "", 0), audit.ViaStaff, agent}, {tell(policy.TellLater, "", tomorrow), audit.ViaStaff, colleague},
	{same(consentGiven("contact,name")), audit.ViaPublic, minor}, {same(consentWithdrawn()), audit.ViaPublic, minor},
	{orderOf, audit.ViaCustodian, officer}, {give("connection"), audit.ViaStaff, officer}, {sumUp, audit.ViaStaff, officer},
	{order("connection"), audit.ViaCustodian, agent},
}

func sumUp(s *story) audit.Entry { return ApprovedEntry(s.esc(), s.at) }

var beginnings = []func(testing.TB) *story{
	requested, reviewed, approvedHalf, approvedOnce, ordered, unanswered, confirmed, broken, brokenOpened,
	consented, consentApproved, consentOpened, requisitioned, orderHalf, orderApproved,
}

// TestNoHistoryOpensWithoutFourEyes tells random stories by random people at
// random times through random processes, believes what the fold believes, and
// looks at every opening from outside: with its own eyes, not the fold's.
func TestNoHistoryOpensWithoutFourEyes(t *testing.T) {
	reached := map[State]int{}
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.SampledFrom(beginnings).Draw(r, "start")(t)
		for range rapid.IntRange(1, 30).Draw(r, "entries") {
			s.at = s.at.Add(rapid.SampledFrom([]time.Duration{0, 0, time.Second, time.Minute, 10 * time.Minute, time.Hour}).Draw(r, "later"))
			m := rapid.SampledFrom(moves).Draw(r, "move")
			if rapid.IntRange(0, 3).Draw(r, "forged") == 0 {
				m.by = rapid.SampledFrom(everybody).Draw(r, "by")
				m.via = rapid.SampledFrom([]audit.Via{audit.ViaStaff, audit.ViaCustodian, audit.ViaPublic}).Draw(r, "via")
			}
			if s.try(m.entry(s), m.via, m.by) == nil {
				looksRight(r, s.leaves)
			}
		}
		reached[s.esc().State]++
	})
	for _, state := range []State{Requested, Approved, GlassBroken, Released, Revoked, Closed, Denied, Withdrawn, Expired} {
		if reached[state] == 0 {
			t.Logf("no story ended %s", state)
		}
	}
	if reached[Released]+reached[Closed] == 0 {
		t.Error("no story opened anything: the property was never tried")
	}
}

// A history is what looksRight reads off the entries.
type history struct {
	asked, sum, broken      audit.Entry
	asking                  audit.Hash
	took                    map[string]bool      // persons who joined or were handed it
	read                    map[audit.Actor]bool // by whom the custodian opened the evidence
	approvals, confirmation []audit.Entry
	agreed                  string // facets of the consent, "" once it was taken back
	ended                   audit.Action
}

func read(t *rapid.T, leaves []Leaf) history {
	h := history{took: map[string]bool{}, read: map[audit.Actor]bool{}}
	for _, l := range leaves {
		e := l.Entry
		switch e.Action {
		case audit.ActionConversationJoined:
			h.took[e.Actor.Person] = true
		case audit.ActionConversationHandedOver:
			if p, ok := e.Details["to_person"].(string); ok {
				h.took[p] = true
			}
		case audit.ActionConsentGiven:
			h.agreed, _ = e.Details["facets"].(string)
		case audit.ActionConsentWithdrawn:
			h.agreed = ""
		case audit.ActionEscalationRequested:
			h.asked, h.asking = e, l.Hash
		case audit.ActionEvidenceRead:
			if e.Via != audit.ViaCustodian {
				t.Fatal("evidence was read past the custodian")
			}
			h.read[e.Actor] = true
		case audit.ActionEscalationApprovalGiven:
			h.approvals = append(h.approvals, e)
		case audit.ActionEscalationApproved:
			h.sum = e
		case audit.ActionEscalationBreakGlassConfirmed:
			h.confirmation = append(h.confirmation, e)
		case audit.ActionEscalationGlassBroken:
			h.broken = e
		case audit.ActionEscalationDenied, audit.ActionEscalationWithdrawn, audit.ActionEscalationExpired, audit.ActionEscalationClosed,
			audit.ActionEscalationRevoked:
			h.ended = e.Action
		}
	}
	return h
}

// looksRight holds the last entry, when it is an opening, to the invariants,
// read from the entries alone.
func looksRight(t *rapid.T, leaves []Leaf) {
	last := leaves[len(leaves)-1].Entry
	if last.Action != audit.ActionIdentityReleaseOrdered {
		return
	}
	h := read(t, leaves)
	grant := h.sum
	if h.broken.Action != "" {
		h.brokenRightly(t)
		grant = h.broken
	} else {
		h.approvedRightly(t)
	}
	h.restsOnItsGround(t)
	useBy, _ := audit.ParseTime(grant.Details["use_by"].(string))
	until, _ := audit.ParseTime(last.Details["read_until"].(string))
	granted, _ := ParseFacets(grant.Details["facets"].(string))
	opens, _ := ParseFacets(last.Details["facets"].(string))
	wanted, _ := ParseFacets(h.asked.Details["facets"].(string))
	switch {
	case h.ended != "":
		t.Fatalf("opened after %s", h.ended)
	case last.Via != audit.ViaCustodian:
		t.Fatal("by another process")
	case last.Actor.ID != h.asked.Actor.ID || last.Actor.Person != h.asked.Actor.Person:
		t.Fatal("to somebody else")
	case last.At.After(useBy) && last.At.After(until):
		t.Fatal("opened too late")
	case until.Sub(last.At) > time.Hour:
		t.Fatal("readable for too long")
	}
	for _, f := range opens {
		if !slices.Contains(granted, f) || !slices.Contains(wanted, f) {
			t.Fatalf("opened %s, granted %v", f, granted)
		}
	}
}

// approvedRightly: every role that was needed, by humans without a part who had read,
// in time, of this request.
func (h history) approvedRightly(t *rapid.T) {
	answerBy, _ := audit.ParseTime(h.asked.Details["answer_by"].(string))
	humans, roles := map[string]bool{}, map[string]bool{}
	for _, a := range h.approvals {
		humans[a.Actor.Person], roles[a.Actor.Role] = true, true
		switch {
		case a.Via != audit.ViaStaff || !h.read[a.Actor]:
			t.Fatalf("approved unread by %+v", a.Actor)
		case a.Actor.Person == h.asked.Actor.Person || a.Actor.ID == h.asked.Actor.ID || h.took[a.Actor.Person]:
			t.Fatalf("approved by %+v", a.Actor)
		case a.Details["request"] != h.asking.String():
			t.Fatal("another request was approved")
		case a.At.After(answerBy):
			t.Fatal("approved too late")
		}
	}
	needed := map[string][]string{
		"supervisor:1": {"supervisor"}, "privacy_officer:1,supervisor:1": {"privacy_officer", "supervisor"},
	}[h.asked.Details["approvals"].(string)]
	for _, r := range needed {
		if !roles[r] {
			t.Fatalf("opened without a %s", r)
		}
	}
	if len(needed) == 0 || len(humans) < len(needed) || len(roles) != len(needed) {
		t.Fatalf("%d humans in %v answered", len(humans), roles)
	}
}

// brokenRightly: in danger only, unanswered long enough, on the word of another human
// whom the custodian knew.
func (h history) brokenRightly(t *rapid.T) {
	answerBy, _ := audit.ParseTime(h.asked.Details["answer_by"].(string))
	from, _ := audit.ParseTime(h.asked.Details["break_glass_from"].(string))
	switch {
	case h.asked.Ground != GroundImminentDanger:
		t.Fatalf("broken on ground %s", h.asked.Ground)
	case h.broken.At.Before(from) || h.broken.At.After(answerBy):
		t.Fatal("broken early, or too late")
	case h.broken.Actor.ID != h.asked.Actor.ID:
		t.Fatal("broken by somebody else")
	case h.broken.Details["facets"] != h.asked.Details["facets"] || h.broken.Details["request"] != h.asking.String():
		t.Fatal("broken for something else")
	case h.sum.Action != "":
		t.Fatal("broken and approved")
	}
	if !slices.ContainsFunc(h.confirmation, func(c audit.Entry) bool {
		return c.Via == audit.ViaCustodian && c.Actor.Role == "agent" && c.Actor.Person != h.asked.Actor.Person && c.Seq < h.broken.Seq
	}) {
		t.Fatal("broken alone")
	}
}

func (h history) restsOnItsGround(t *rapid.T) {
	wanted, _ := ParseFacets(h.asked.Details["facets"].(string))
	switch h.asked.Ground {
	case GroundConsent:
		agreed, err := ParseFacets(h.agreed)
		if err != nil {
			t.Fatal("opened without a consent that stands")
		}
		for _, f := range wanted {
			if !slices.Contains(agreed, f) {
				t.Fatalf("%s was not agreed to", f)
			}
		}
	case GroundJudicialRequisition:
		_, listed := h.asked.Details["listed_case"]
		if h.asked.Commitments["reference"] == "" || slices.Contains(wanted, "connection") && !listed {
			t.Fatal("opened without an order")
		}
	}
}

// TestPolicyAndMachineAgree: the rules and the machine were written apart. Of
// every answer and release, by everybody, in every story, they say the same, and
// the machine's code is among policy's reasons.
func TestPolicyAndMachineAgree(t *testing.T) {
	p := production(t)
	allowed := map[policy.Point]int{}
	ask := func(in policy.Input, machine error) {
		t.Helper()
		d, err := p.Decide(context.Background(), in)
		switch {
		case err != nil:
			t.Fatal(err)
		case d.Allow && machine != nil:
			t.Errorf("%s: policy allows what the machine refuses: %v\n%s", d.Point, machine, d.Input)
		case !d.Allow && machine == nil:
			t.Errorf("%s: the machine allows what policy refuses: %v\n%s", d.Point, d.Reasons, d.Input)
		case machine != nil && !slices.Contains(d.Reasons, Code(machine)):
			t.Errorf("%s: the machine says %v, policy %v\n%s", d.Point, machine, d.Reasons, d.Input)
		}
		if d.Allow {
			allowed[d.Point]++
		}
	}
	for _, told := range []func(testing.TB) *story{
		requested, reviewed, bothRead, late, colluding, givenTo(supervisor), approvedHalf, approvedOnce, unused, expiredUnused, ordered,
		openedOnce, windowOver, closedEscalation, handedOn, leftIt, erased, approverJoined, requestedBefore, conversationClosedAfter,
		unanswered, unbreakable, confirmedEarly, confirmed, confirmedLate, confirmedThenHanded, erasedUnanswered,
		broken, brokenUnused, brokenExpired, brokenOpened, brokenClosed, brokenRead, brokenReviewed, brokenRevoked, brokenErased,
		brokenThenJoined, readBefore, revokedOnce, tellingOverdue, openedErased, suspended, toldLater, told,
		consented, consentApproved, consentOpened, consentTakenBack, requisitioned, orderRead, orderHalf, orderReadByOne, orderApproved,
	} {
		s := told(t)
		e := s.esc()
		for _, by := range everybody {
			for _, wait := range []time.Duration{0, 2 * time.Hour} {
				at := s.at.Add(wait)
				ask(s.c.EvidenceInput(at, by, e), s.c.CheckReading(e, by, at))
				ask(s.c.DenyInput(at, by, e, e.RequestHash), s.c.CheckDenial(e, by, e.RequestHash, "other_means", at))
				ask(s.c.ApproveInput(at, by, e, e.RequestHash, e.Asked), s.c.CheckApproval(e, by, e.RequestHash, e.Asked, at))
				ask(s.c.ConfirmInput(at, by, e, e.RequestHash, false), s.c.CheckConfirmation(e, by, e.RequestHash, at))
				ask(s.c.BreakGlassInput(at, by, e, e.RequestHash, false), s.c.CheckBreakGlass(e, by, e.RequestHash, at))
				ask(s.c.ReviewInput(at, by, e, e.RequestHash, policy.VerdictAbusive), s.c.CheckReview(e, by, e.RequestHash, policy.VerdictAbusive))
				ask(s.c.RevokeInput(at, by, e, "misuse"), s.c.CheckRevocation(e, by, "misuse"))
				ask(s.c.ReleaseInput(at, by, e, []string{"name"}, false), s.c.CheckRelease(e, by, []string{"name"}, at))
				ask(s.c.TellInput(at, by, e, policy.Told, "", time.Time{}), s.c.CheckTelling(e, by, policy.Told, "", time.Time{}, at))
			}
			// What does not depend on the time.
			at, other := s.at, audit.Hash{9}
			ask(s.c.ApproveInput(at, by, e, other, e.Asked), s.c.CheckApproval(e, by, other, e.Asked, at))
			ask(s.c.ConfirmInput(at, by, e, other, false), s.c.CheckConfirmation(e, by, other, at))
			ask(s.c.BreakGlassInput(at, by, e, other, false), s.c.CheckBreakGlass(e, by, other, at))
			ask(s.c.ReviewInput(at, by, e, other, policy.VerdictConfirmed), s.c.CheckReview(e, by, other, policy.VerdictConfirmed))
			ask(s.c.ReviewInput(at, by, e, e.RequestHash, "perhaps"), s.c.CheckReview(e, by, e.RequestHash, "perhaps"))
			ask(s.c.RevokeInput(at, by, e, "dislike"), s.c.CheckRevocation(e, by, "dislike"))
			for _, facets := range [][]string{{"connection"}, {"connection", "name"}, {"contact"}, {"shoe_size"}, {}} {
				ask(s.c.ApproveInput(at, by, e, e.RequestHash, facets), s.c.CheckApproval(e, by, e.RequestHash, facets, at))
				ask(s.c.ReleaseInput(at, by, e, facets, false), s.c.CheckRelease(e, by, facets, at))
			}
			if by == agent || by == colleague || by == supervisor {
				for _, tell := range tellings(at) {
					ask(s.c.TellInput(at, by, e, tell.Outcome, tell.Reason, tell.Until), s.c.CheckTelling(e, by, tell.Outcome, tell.Reason, tell.Until, at))
				}
			}
		}
	}
	for _, point := range []policy.Point{
		policy.PointEscalationApprove, policy.PointIdentityRelease, policy.PointEvidenceRead, policy.PointEscalationRevoke,
		policy.PointEscalationConfirm, policy.PointEscalationBreakGlass, policy.PointEscalationReview, policy.PointMinorTell,
	} {
		if allowed[point] == 0 {
			t.Errorf("%s was allowed %d times: nothing was compared", point, allowed[point])
		}
	}
}

// TestPolicyAndMachineAgreeOnWhatIsOver: in every story, at every time of it, nothing is
// destroyed while the machine could still open something, or a review is due.
func TestPolicyAndMachineAgreeOnWhatIsOver(t *testing.T) {
	p := production(t)
	var open, over int
	for _, told := range []func(testing.TB) *story{
		requested, late, approvedOnce, unused, expiredUnused, ordered, openedOnce, windowOver, closedEscalation, usesLeft,
		broken, brokenUnused, brokenOpened, brokenReviewed, brokenErased, revokedOnce, suspended, consentOpened, consentTakenBack,
	} {
		s := told(t)
		e := s.esc()
		times := []time.Time{s.at}
		for _, deadline := range []time.Time{e.AnswerBy, e.UseBy, e.ReadUntil} {
			times = append(times, deadline, deadline.Add(time.Microsecond))
		}
		for _, at := range times {
			if at.Before(s.at) {
				continue
			}
			d, err := p.Decide(t.Context(), policy.ErasureDecide{
				At: policy.At(at), Actor: staff(officer), Case: s.c.Case, Conversation: s.c.Facts(at),
				Verdict: policy.VerdictGranted, Holds: []policy.Hold{}, Escalations: s.c.AllFacts(),
			})
			if err != nil {
				t.Fatal(err)
			}
			machine := !e.Over(at) || e.ReviewDue()
			if machine != slices.Contains(d.Reasons, policy.ReasonErasureEscalationOpen) {
				t.Errorf("%s at %s: open to the machine %t, policy says %v", e.State, at, machine, d.Reasons)
			}
			if machine {
				open++
			} else {
				over++
			}
		}
	}
	if open < 10 || over < 10 {
		t.Errorf("%d open, %d over: little was compared", open, over)
	}
}

// usesLeft: the window is over, and the grant is good for another.
func usesLeft(t testing.TB) *story {
	s := talking(t)
	r := asks()
	r.Obligations.Uses, r.Obligations.ReadForS, r.Obligations.UseWithinS = 2, 60, 3600
	s.staff(RequestedEntry(r, s.at), agent)
	s.read(supervisor)
	s.gives(supervisor, "connection", "name")
	s.staff(ApprovedEntry(s.esc(), s.at), supervisor)
	s.order("name")
	return s
}

// tellings are coded, and not.
func tellings(at time.Time) []Telling {
	return []Telling{
		{Outcome: policy.TellRefused}, {Outcome: policy.Told, Reason: "not_reachable"}, {Outcome: policy.Told, Until: at.Add(time.Hour)},
		{Outcome: policy.TellUnsafe, Reason: "not_reachable"}, {Outcome: policy.TellUnsafe}, {Outcome: policy.TellUnsafe, Reason: "his father"},
		{Outcome: policy.TellUnsafe, Reason: "not_reachable", Until: at.Add(time.Hour)},
		{Outcome: policy.TellLater, Until: at.Add(time.Hour)}, {Outcome: policy.TellLater, Until: at}, {Outcome: policy.TellLater},
		{Outcome: policy.TellLater, Reason: "not_reachable", Until: at.Add(time.Hour)}, {Outcome: "perhaps"},
	}
}

// TestPolicyAndMachineAgreeOnGrounds: of what a request rests on, too.
func TestPolicyAndMachineAgreeOnGrounds(t *testing.T) {
	p := production(t)
	orders := []policy.Requisition{{}}
	for _, authority := range []string{"", "prosecutor"} {
		for _, listed := range []string{"", "cold_case"} {
			for _, given := range []bool{false, true} {
				orders = append(orders, policy.Requisition{Authority: authority, ListedCase: listed, ReferenceGiven: given, Facets: allFacets})
			}
		}
	}
	allowed := map[string]int{}
	for name, told := range map[string]func(testing.TB) *story{"talking": talking, "consenting": consenting, "taken back": takenBackUnasked} {
		s := told(t)
		for _, ground := range append(Grounds, "curiosity") {
			for _, facets := range [][]string{{"name"}, {"connection", "name"}} {
				for _, consent := range []string{"", consentID, "x"} {
					for _, o := range orders {
						w := Wish{
							Ground: ground, Danger: inDanger, Facets: facets, Evidence: []int64{1}, Messages: 2,
							OnDuty: []policy.OnDuty{{Role: "supervisor", Persons: 1}},
						}
						basis := Basis{}
						switch ground {
						case GroundConsent:
							w.Consent, basis.Consent = consent, consent
						case GroundJudicialRequisition:
							w.Requisition = o
							basis = Basis{Authority: o.Authority, Reference: o.ReferenceGiven}
							if slices.Contains(facets, "connection") {
								basis.ListedCase = o.ListedCase
							}
						}
						d, err := p.Decide(t.Context(), s.c.RequestInput(s.at, agent, w))
						if err != nil {
							t.Fatal(err)
						}
						machine := s.c.CheckGround(ground, facets, basis)
						if d.Allow != (machine == nil) || machine != nil && !slices.Contains(d.Reasons, Code(machine)) {
							t.Errorf("%s: the machine says %v, policy %v\n%s", name, machine, d.Reasons, d.Input)
						}
						if d.Allow {
							allowed[ground]++
						}
					}
				}
			}
		}
	}
	for _, ground := range Grounds {
		if allowed[ground] == 0 {
			t.Errorf("no request on ground %s was allowed", ground)
		}
	}
}

var inDanger = policy.Assessment{
	Immediacy: "now", Violence: "weapon", Suicide: "none", PerpetratorPresent: "yes", Captive: "unknown",
	AgeBand: "10_12", Alone: "no", LocationKnown: "no", PsychologistOpinion: "none",
}

func takenBackUnasked(t testing.TB) *story {
	s := consenting(t)
	s.tell(consentWithdrawn(), audit.ViaPublic, minor)
	return s
}

func bothRead(t testing.TB) *story {
	s := reviewed(t)
	s.read(second)
	return s
}

func production(t testing.TB) *policy.Policy {
	t.Helper()
	s, err := policy.Embedded(policy.Production)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := policy.Build(s)
	if err != nil {
		t.Fatal(err)
	}
	p, err := policy.Load(raw, policy.Revision(raw))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
