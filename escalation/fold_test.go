package escalation

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

func TestALiftFromRequestToClosing(t *testing.T) {
	s := requested(t)
	e := s.esc()
	if e.State != Requested || !reflect.DeepEqual(e.Asked, []string{"connection", "name"}) ||
		!reflect.DeepEqual(e.Evidence, []int64{3, 10}) || !e.AnswerBy.Equal(e.RequestedAt.Add(10*time.Minute)) {
		t.Fatalf("%+v", e)
	}
	s.gives(supervisor, "connection")
	if e.State != Requested || !e.Complete() {
		t.Fatalf("%+v", e)
	}
	s.staff(ApprovedEntry(e, s.at), supervisor)
	if e.State != Approved || !reflect.DeepEqual(e.Granted, []string{"connection"}) ||
		!e.UseBy.Equal(e.ApprovedAt.Add(15*time.Minute)) {
		t.Fatalf("%+v", e)
	}
	intent := s.order("connection")
	if e.State != Released || e.Uses != 1 || !e.PossiblyOpened() {
		t.Fatalf("%+v", e)
	}
	until := e.ReadUntil
	s.gate(ReleasedEntry(e, intent, []string{"connection"}, "vault-1"), agent)
	if e.PossiblyOpened() {
		t.Fatalf("%+v", e)
	}
	again := s.order("connection") // a reload inside the window
	if e.Uses != 1 || !e.ReadUntil.Equal(until) {
		t.Fatalf("a reload is another use: %+v", e)
	}
	s.gate(ReleasedEntry(e, again, []string{"connection"}, "vault-2"), agent)
	s.staff(ClosedEntry(e), agent)
	if e.State != Closed || e.LastSeq != s.seq-1 {
		t.Fatalf("%+v", e)
	}
	folded, err := Fold(s.leaves)
	if err != nil || !reflect.DeepEqual(folded, s.c) {
		t.Fatalf("folding gives another case: %v", err)
	}
}

func TestOtherEnds(t *testing.T) {
	t.Run("denied", func(t *testing.T) {
		s := reviewed(t)
		s.staff(DeniedEntry(s.esc(), "other_means"), supervisor)
		if e := s.esc(); e.State != Denied || e.DenialReason != "other_means" {
			t.Fatalf("%+v", e)
		}
	})
	t.Run("withdrawn", func(t *testing.T) {
		s := requested(t)
		s.staff(WithdrawnEntry(s.esc()), agent)
		if s.esc().State != Withdrawn {
			t.Fatal(s.esc().State)
		}
	})
	t.Run("expired unanswered", func(t *testing.T) {
		s := requested(t)
		s.at = s.esc().AnswerBy.Add(time.Microsecond)
		s.staff(ExpiredEntry(s.esc()), sweeper)
		if s.esc().State != Expired {
			t.Fatal(s.esc().State)
		}
	})
	t.Run("expired unused", func(t *testing.T) {
		s := approved(t)
		s.at = s.esc().UseBy.Add(time.Microsecond)
		s.staff(ExpiredEntry(s.esc()), sweeper)
		if s.esc().State != Expired {
			t.Fatal(s.esc().State)
		}
	})
	t.Run("refused by policy", func(t *testing.T) {
		s := talking(t)
		entry := RefusedEntry(escalationID, caseID, "curiosity, of Camille", []string{"name", "shoe size"}, []string{"ground.unknown"})
		s.staff(entry, supervisor)
		e := s.esc()
		if e.State != Refused || entry.Ground != "" || entry.Details["facets"] != "name" {
			t.Fatalf("free text reached the leaf: %+v", entry)
		}
	})
	t.Run("two requests, history kept", func(t *testing.T) {
		s := requested(t)
		s.staff(WithdrawnEntry(s.esc()), agent)
		r := asks()
		r.ID = "second"
		s.staff(RequestedEntry(r, s.at), agent)
		if len(s.c.Escalations) != 2 || s.c.Escalations[0].State != Withdrawn || s.c.Escalations[1].State != Requested {
			t.Fatalf("%+v", s.c.Escalations)
		}
	})
}

// Each line is an entry that a process could write, since writing is all that
// PostgreSQL lets it do, and that the fold must not believe.
func TestForgedEntriesAreNotBelieved(t *testing.T) {
	for name, forged := range map[string]struct {
		story func(t testing.TB) *story
		entry func(s *story) audit.Entry
		via   audit.Via
		by    audit.Actor
		code  string // of the refusal, or "" for another error
	}{
		"approval by the requester":     {requested, giveAll, audit.ViaStaff, role(agent, "supervisor"), policy.ReasonApproverIsRequester},
		"approval by the twin":          {requested, giveAll, audit.ViaStaff, twin, policy.ReasonApproverSamePerson},
		"approval by an agent":          {requested, giveAll, audit.ViaStaff, colleague, policy.ReasonRoleNotAllowed},
		"approval by an inspector":      {requested, giveAll, audit.ViaStaff, inspector, policy.ReasonRoleNotAllowed},
		"approval by nobody":            {requested, giveAll, audit.ViaStaff, person(supervisor, ""), policy.ReasonPersonMissing},
		"approval by who handed it on":  {colluding, giveAll, audit.ViaStaff, supervisor, policy.ReasonApproverTookPart},
		"approval by who was given it":  {givenTo(supervisor), giveAll, audit.ViaStaff, supervisor, policy.ReasonApproverTookPart},
		"approval via public":           {requested, giveAll, audit.ViaPublic, supervisor, ""},
		"approval via custodian":        {requested, giveAll, audit.ViaCustodian, supervisor, ""},
		"approval too late":             {late, giveAll, audit.ViaStaff, supervisor, policy.ReasonTooLate},
		"approval of more":              {reviewed, give("connection", "contact"), audit.ViaStaff, supervisor, policy.ReasonFacetsNotAsked},
		"approval without reading":      {requested, giveAll, audit.ViaStaff, supervisor, policy.ReasonEvidenceNotRead},
		"approval after another read":   {reviewed, giveAll, audit.ViaStaff, second, policy.ReasonEvidenceNotRead},
		"approval in another session":   {reviewed, giveAll, audit.ViaStaff, session(supervisor, "x-99"), policy.ReasonEvidenceNotRead},
		"approval in no session":        {reviewed, giveAll, audit.ViaStaff, session(supervisor, ""), policy.ReasonEvidenceNotRead},
		"approval by another person":    {reviewed, giveAll, audit.ViaStaff, person(supervisor, "p-other"), policy.ReasonEvidenceNotRead},
		"approval by another account":   {reviewed, giveAll, audit.ViaStaff, account(supervisor, "s-other"), policy.ReasonEvidenceNotRead},
		"denial without reading":        {requested, deny("other_means"), audit.ViaStaff, supervisor, policy.ReasonEvidenceNotRead},
		"reading via staff":             {requested, evidenceOf, audit.ViaStaff, supervisor, ""},
		"reading via public":            {requested, evidenceOf, audit.ViaPublic, supervisor, ""},
		"reading without policy":        {requested, decided(evidenceOf, nil), audit.ViaCustodian, supervisor, ""},
		"reading of other messages":     {requested, with("evidence", "1", evidenceOf), audit.ViaCustodian, supervisor, policy.ReasonEvidenceUnknown},
		"reading by the requester":      {requested, evidenceOf, audit.ViaCustodian, agent, policy.ReasonApproverIsRequester},
		"reading by an agent":           {requested, evidenceOf, audit.ViaCustodian, role(colleague, "agent"), policy.ReasonRoleNotAllowed},
		"reading by the twin":           {requested, evidenceOf, audit.ViaCustodian, twin, policy.ReasonApproverSamePerson},
		"reading too late":              {late, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonTooLate},
		"reading what is approved":      {approvedOnce, evidenceOf, audit.ViaCustodian, second, policy.ReasonWrongState},
		"reading what was not used":     {unused, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonGrantExpired},
		"reading after the window":      {windowOver, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonGrantWindowOver},
		"reading after expiry":          {expiredUnused, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonWrongState},
		"reading after closing":         {closedEscalation, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonWrongState},
		"reading after erasure":         {erased, evidenceOf, audit.ViaCustodian, supervisor, policy.ReasonConversationErased},
		"approval of another request":   {requested, ofAnother(giveAll), audit.ViaStaff, supervisor, policy.ReasonRequestChanged},
		"approval twice":                {approvedHalf, giveAll, audit.ViaStaff, supervisor, policy.ReasonApproverAnswered},
		"approval without policy":       {requested, decided(giveAll, nil), audit.ViaStaff, supervisor, ""},
		"approval that policy refused":  {requested, decided(giveAll, &audit.Decision{Path: "escalation.approve", Result: "refuse"}), audit.ViaStaff, supervisor, ""},
		"approval decided elsewhere":    {requested, decided(giveAll, &audit.Decision{Path: "log.read", Result: "allow"}), audit.ViaStaff, supervisor, ""},
		"approved without approval":     {requested, approve("connection"), audit.ViaStaff, supervisor, policy.ReasonApprovalsMissing},
		"approved by another":           {approvedHalf, approve("connection"), audit.ViaStaff, second, policy.ReasonApprovalsMissing},
		"approved for more":             {approvedHalf, approve("connection", "name"), audit.ViaStaff, supervisor, policy.ReasonFacetsNotGranted},
		"approved for longer":           {approvedHalf, later("use_by", approve("connection")), audit.ViaStaff, supervisor, policy.ReasonGrantBeyondPolicy},
		"approved by the requester":     {approvedHalf, approve("connection"), audit.ViaStaff, agent, policy.ReasonRoleNotAllowed},
		"approved twice":                {approvedOnce, approve("connection"), audit.ViaStaff, supervisor, policy.ReasonWrongState},
		"denied by the requester":       {requested, deny("other_means"), audit.ViaStaff, role(agent, "supervisor"), policy.ReasonApproverIsRequester},
		"denied by the twin":            {requested, deny("other_means"), audit.ViaStaff, twin, policy.ReasonApproverSamePerson},
		"denied in free text":           {reviewed, deny("because Camille"), audit.ViaStaff, supervisor, policy.ReasonDenialNotCoded},
		"denied after approval":         {approvedOnce, deny("other_means"), audit.ViaStaff, supervisor, policy.ReasonWrongState},
		"withdrawn by another agent":    {requested, withdrawnOf, audit.ViaStaff, colleague, policy.ReasonNotRequester},
		"withdrawn by the twin":         {requested, withdrawnOf, audit.ViaStaff, twin, policy.ReasonNotRequester},
		"withdrawn after approval":      {approvedOnce, withdrawnOf, audit.ViaStaff, agent, policy.ReasonWrongState},
		"closed by a supervisor":        {approvedOnce, closedOf, audit.ViaStaff, supervisor, policy.ReasonNotRequester},
		"closed while requested":        {requested, closedOf, audit.ViaStaff, agent, policy.ReasonWrongState},
		"expired early":                 {requested, expiredOf, audit.ViaStaff, sweeper, policy.ReasonWrongState},
		"expired by a person":           {late, expiredOf, audit.ViaStaff, supervisor, policy.ReasonRoleNotAllowed},
		"expired via public":            {late, expiredOf, audit.ViaPublic, sweeper, ""},
		"expired at another deadline":   {late, later("deadline", expiredOf), audit.ViaStaff, sweeper, policy.ReasonWrongState},
		"expired from another state":    {late, with("from", "approved", expiredOf), audit.ViaStaff, sweeper, policy.ReasonWrongState},
		"order via staff":               {approvedOnce, order("connection"), audit.ViaStaff, agent, ""},
		"order before approval":         {requested, order("connection"), audit.ViaCustodian, agent, policy.ReasonWrongState},
		"order with half an approval":   {approvedHalf, order("connection"), audit.ViaCustodian, agent, policy.ReasonWrongState},
		"order by another agent":        {approvedOnce, order("connection"), audit.ViaCustodian, colleague, policy.ReasonNotRequester},
		"order by another account":      {approvedOnce, order("connection"), audit.ViaCustodian, role(twin, "agent"), policy.ReasonNotRequester},
		"order in another role":         {approvedOnce, order("connection"), audit.ViaCustodian, role(agent, "supervisor"), policy.ReasonRoleNotAllowed},
		"order by the supervisor":       {approvedOnce, order("connection"), audit.ViaCustodian, supervisor, policy.ReasonNotRequester},
		"order of more":                 {approvedOnce, order("connection", "name"), audit.ViaCustodian, agent, policy.ReasonFacetsNotGranted},
		"order of another request":      {approvedOnce, ofAnother(order("connection")), audit.ViaCustodian, agent, policy.ReasonRequestChanged},
		"order too late":                {unused, order("connection"), audit.ViaCustodian, agent, policy.ReasonGrantExpired},
		"order after expiry":            {expiredUnused, order("connection"), audit.ViaCustodian, agent, policy.ReasonGrantExpired},
		"order after the window":        {windowOver, order("connection"), audit.ViaCustodian, agent, policy.ReasonGrantWindowOver},
		"order after closing":           {closedEscalation, order("connection"), audit.ViaCustodian, agent, policy.ReasonWrongState},
		"order for longer":              {approvedOnce, later("read_until", order("connection")), audit.ViaCustodian, agent, policy.ReasonGrantBeyondPolicy},
		"order of a second use":         {approvedOnce, with("use", int64(2), order("connection")), audit.ViaCustodian, agent, policy.ReasonGrantBeyondPolicy},
		"order after handing over":      {handedOn, order("connection"), audit.ViaCustodian, agent, policy.ReasonNotParticipant},
		"order after leaving":           {leftIt, order("connection"), audit.ViaCustodian, agent, policy.ReasonNotParticipant},
		"order after erasure":           {erased, order("connection"), audit.ViaCustodian, agent, policy.ReasonConversationErased},
		"order when approver joined":    {approverJoined, order("connection"), audit.ViaCustodian, agent, policy.ReasonApprovalsMissing},
		"order without policy":          {approvedOnce, decided(order("connection"), nil), audit.ViaCustodian, agent, ""},
		"outcome of no intent":          {approvedOnce, outcome(audit.Hash{1}), audit.ViaCustodian, agent, ""},
		"outcome via staff":             {ordered, outcomeOfLast, audit.ViaStaff, agent, ""},
		"outcome twice":                 {openedOnce, outcomeOfLast, audit.ViaCustodian, agent, ""},
		"outcome of other facets":       {ordered, with("facets", "name", outcomeOfLast), audit.ViaCustodian, agent, policy.ReasonFacetsNotGranted},
		"failure after opening":         {openedOnce, failureOfLast, audit.ViaCustodian, agent, ""},
		"request by a stranger":         {talking, request, audit.ViaStaff, colleague, policy.ReasonNotParticipant},
		"request by a psychologist":     {talking, request, audit.ViaStaff, role(agent, "psychologist"), policy.ReasonRoleNotAllowed},
		"request by nobody":             {talking, request, audit.ViaStaff, person(agent, ""), policy.ReasonPersonMissing},
		"request via public":            {talking, request, audit.ViaPublic, agent, ""},
		"request that policy refused":   {talking, decided(request, &audit.Decision{Path: "escalation.request", Result: "refuse"}), audit.ViaStaff, agent, ""},
		"request that needs nobody":     {talking, with("approvals", "", request), audit.ViaStaff, agent, ""},
		"request that needs zero":       {talking, with("approvals", "supervisor:0", request), audit.ViaStaff, agent, ""},
		"request approved by agents":    {talking, with("approvals", "agent:1", request), audit.ViaStaff, agent, ""},
		"request answered in the past":  {talking, with("answer_by", "2026-03-01T22:00:00.000000Z", request), audit.ViaStaff, agent, ""},
		"request with no evidence":      {talking, with("evidence", "", request), audit.ViaStaff, agent, ""},
		"request with unseen evidence":  {talking, with("evidence", "12", request), audit.ViaStaff, agent, policy.ReasonEvidenceUnknown},
		"request with the postal code":  {talking, with("evidence", "0,3", request), audit.ViaStaff, agent, policy.ReasonEvidenceUnknown},
		"request for endless reading":   {talking, with("read_for", int64(1<<52), request), audit.ViaStaff, agent, ""},
		"request for endless uses":      {talking, with("uses", int64(1<<52), request), audit.ViaStaff, agent, ""},
		"request for no facet":          {talking, with("facets", "", request), audit.ViaStaff, agent, ""},
		"request for an unknown facet":  {talking, with("facets", "shoe_size", request), audit.ViaStaff, agent, ""},
		"request under a known id":      {requestedBefore, request, audit.ViaStaff, agent, ""},
		"request while one is pending":  {requested, asking("another"), audit.ViaStaff, agent, policy.ReasonAlreadyPending},
		"request on no ground":          {talking, onGround("curiosity"), audit.ViaStaff, agent, policy.ReasonGroundUnknown},
		"a later action on no lift":     {talking, same(about("escalation.glass_broken", caseID, "another", "")), audit.ViaStaff, supervisor, ""},
		"an entry of another case":      {approvedOnce, ofCase("11111111-1111-4111-8111-111111111111"), audit.ViaStaff, agent, ""},
		"joining via public":            {talking, same(joined()), audit.ViaPublic, colleague, ""},
		"joining after closing":         {conversationClosed, same(joined()), audit.ViaStaff, colleague, ""},
		"closing twice":                 {conversationClosed, same(closed()), audit.ViaPublic, minor, ""},
		"joining beside another agent":  {talking, same(joined()), audit.ViaStaff, colleague, ""},
		"asking without a head":         {talking, with("head", "sha256:aa", request), audit.ViaStaff, agent, ""},
		"opening via staff":             {newStory, same(opened()), audit.ViaStaff, agent, ""},
		"handing over to half a person": {talking, same(handedOver(audit.Actor{ID: "s-x"})), audit.ViaStaff, agent, ""},
	} {
		t.Run(name, func(t *testing.T) {
			s := forged.story(t)
			before, err := Fold(s.leaves)
			if err != nil {
				t.Fatal(err)
			}
			err = s.try(forged.entry(s), forged.via, forged.by)
			if !Damaged(err) {
				t.Fatalf("believed: %v", err)
			}
			if Code(err) != forged.code {
				t.Errorf("%v; want code %q", err, forged.code)
			}
			if !reflect.DeepEqual(before, s.c) {
				t.Errorf("an entry that was not believed left a mark")
			}
			s.disregards(forged.entry(s), forged.via, forged.by, before)
		})
	}
}

// disregards reads an illegal entry from the log. Of a face it is passed over and
// listed; of the custodian it condemns the case.
func (s *story) disregards(e audit.Entry, v audit.Via, by audit.Actor, before *Case) {
	s.t.Helper()
	l := s.leaf(e, v, by)
	err := s.c.Apply(l.Entry, l.Hash)
	if v == audit.ViaCustodian || l.Entry.Case != caseID {
		if !Damaged(err) {
			s.t.Errorf("read past: %v", err)
		}
		return
	}
	if err != nil {
		s.t.Fatalf("a face condemned the case: %v", err)
	}
	if d := s.c.Disregarded; len(d) != 1 || d[0].Seq != l.Entry.Seq || d[0].Action != string(e.Action) || d[0].Why == "" {
		s.t.Errorf("listed as %+v", d)
	}
	s.c.Disregarded, s.c.LastSeq = nil, before.LastSeq
	if !reflect.DeepEqual(before, s.c) {
		s.t.Errorf("an entry that was disregarded left a mark")
	}
}

// What a later version says of a lift may have ended it: this one opens nothing by
// it any more. The case goes on.
func TestUnknownActionsVoidOneLift(t *testing.T) {
	for _, told := range []func(testing.TB) *story{requested, approvedOnce, ordered, closedEscalation, requestedBefore} {
		for _, a := range []audit.Action{"escalation.sworn", "identity.release_widened"} {
			for _, v := range []audit.Via{audit.ViaStaff, audit.ViaPublic, audit.ViaCustodian} {
				s := told(t)
				s.tell(action(a)(s), v, supervisor)
				e := s.esc()
				if e.State != Void || len(s.c.Disregarded) != 0 || e.LastSeq != s.seq-1 {
					t.Fatalf("%+v", e)
				}
				for what, err := range map[string]error{
					"approve":  s.c.CheckApproval(e, supervisor, e.RequestHash, []string{"connection"}, s.at),
					"deny":     s.c.CheckDenial(e, supervisor, e.RequestHash, "other_means", s.at),
					"withdraw": s.c.CheckWithdrawal(e, agent),
					"close":    s.c.CheckClosing(e, agent),
					"expire":   s.c.CheckExpiry(e, s.at.Add(24*time.Hour)),
					"release":  s.c.CheckRelease(e, agent, []string{"connection"}, s.at),
				} {
					if Code(err) != policy.ReasonWrongState {
						t.Errorf("%s %s: %v", a, what, err)
					}
				}
				if len(e.Intents) > 0 { // was on its way
					s.gate(failureOfLast(s), agent)
				}
				if e.State != Void {
					t.Errorf("%s became %s", a, e.State)
				}
				s.staff(asking("another")(s), agent)
			}
		}
	}
}

// TestFacesCondemnNothing: whatever the two faces write, in any order, in anybody's
// name, the case can be read, and every one of their entries is either believed or
// listed.
func TestFacesCondemnNothing(t *testing.T) {
	listed := 0
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.SampledFrom([]func(testing.TB) *story{requested, approvedHalf, approvedOnce, ordered, conversationClosedAfter}).Draw(r, "start")(t)
		for range rapid.IntRange(1, 20).Draw(r, "entries") {
			s.at = s.at.Add(rapid.SampledFrom([]time.Duration{0, time.Second, time.Hour}).Draw(r, "later"))
			m := rapid.SampledFrom(moves).Draw(r, "move")
			l := s.leaf(m.entry(s), rapid.SampledFrom([]audit.Via{audit.ViaStaff, audit.ViaPublic}).Draw(r, "via"), rapid.SampledFrom(everybody).Draw(r, "by"))
			before := len(s.c.Disregarded)
			believed := s.c.Extend(l.Entry, l.Hash) == nil
			if !believed {
				if err := s.c.Apply(l.Entry, l.Hash); err != nil {
					r.Fatal(err)
				}
			}
			if believed != (len(s.c.Disregarded) == before) {
				r.Fatalf("believed %t, listed %+v", believed, s.c.Disregarded[before:])
			}
			s.leaves = append(s.leaves, l)
			s.seq++
		}
		folded, err := Fold(s.leaves)
		if err != nil || !reflect.DeepEqual(folded, s.c) {
			r.Fatalf("folding gives another case: %v", err)
		}
		listed += len(folded.Disregarded)
	})
	if listed == 0 {
		t.Error("nothing was ever disregarded")
	}
}

// What was read of one request is not what the next one cites.
func TestReadingIsOfOneRequest(t *testing.T) {
	s := reviewed(t)
	s.staff(WithdrawnEntry(s.esc()), agent)
	s.staff(asking("another")(s), agent)
	next, _ := s.c.Escalation("another")
	if err := s.c.CheckApproval(next, supervisor, next.RequestHash, []string{"name"}, s.at); Code(err) != policy.ReasonEvidenceNotRead {
		t.Error(err)
	}
}

// Who approved looks again until what they granted has ended; the entry is not
// one that made the escalation what it is.
func TestApproverLooksAgain(t *testing.T) {
	for _, told := range []func(testing.TB) *story{approvedOnce, openedOnce} {
		s := told(t)
		e := s.esc()
		state, last := e.State, e.LastSeq
		s.at, _ = e.Deadline()
		s.read(supervisor)
		if e.State != state || e.LastSeq != last || len(e.Reads) != 2 {
			t.Errorf("%+v", e)
		}
	}
}

func TestOrderOfEntries(t *testing.T) {
	s := approved(t)
	for i := range s.leaves {
		if i == 0 {
			continue
		}
		swapped := append([]Leaf{}, s.leaves...)
		swapped[i], swapped[i-1] = swapped[i-1], swapped[i]
		if _, err := Fold(swapped); err == nil {
			t.Errorf("entries %d and %d swapped, and believed", i-1, i)
		}
	}
	for i := range s.leaves {
		if _, err := Fold(append([]Leaf{s.leaves[i]}, s.leaves...)); err == nil {
			t.Errorf("entry %d twice, and believed", i)
		}
	}
}

// A minor who closes the conversation ends neither a lift nor the right to ask: danger
// does not end with a click.
func TestAskingAfterTheConversationClosed(t *testing.T) {
	s := conversationClosed(t)
	s.staff(request(s), agent)
	if s.esc().State != Requested {
		t.Fatal(s.esc().State)
	}
}

// Who left and came back is told to policy once, as somebody who is there.
func TestPolicyIsToldOfEachParticipantOnce(t *testing.T) {
	s := talking(t)
	s.staff(left(), agent)
	s.staff(joined(), agent)
	told := s.c.ReadInput(s.at, agent).Conversation.Participants
	if want := []policy.Participant{{ID: agent.ID, Person: agent.Person, Role: agent.Role, Active: true}}; !reflect.DeepEqual(told, want) {
		t.Errorf("%+v", told)
	}
}

// Entries that commute are still believed in the order of the log only.
func TestSequenceGoesForward(t *testing.T) {
	s := talking(t)
	s.staff(joined(), role(colleague, "psychologist"))
	for _, seq := range []int64{s.seq - 1, 0} {
		l := s.leaf(joined(), audit.ViaStaff, role(doubler, "psychologist"))
		l.Entry.Seq = seq
		if err := s.c.Apply(l.Entry, l.Hash); !Damaged(err) {
			t.Errorf("entry %d after entry %d: %v", seq, s.seq-1, err)
		}
	}
}

// Nobody to ask is not nobody needed.
func TestNobodyNeededIsNeverComplete(t *testing.T) {
	for _, needed := range [][]policy.ApprovalNeeded{nil, {{Role: "supervisor"}}, {{Role: "supervisor", Count: -1}}} {
		e := Escalation{Needed: needed, Approvals: []Approval{{Actor: supervisor}}}
		if e.Complete() {
			t.Errorf("%v is complete", needed)
		}
	}
}

// A deadline is good at its very microsecond, and passed at the next.
func TestDeadlines(t *testing.T) {
	s := reviewed(t)
	s.at = s.esc().AnswerBy
	if err := s.c.CheckExpiry(s.esc(), s.at); err == nil {
		t.Error("expired at the deadline")
	}
	s.staff(ApprovalGivenEntry(s.esc(), []string{"connection"}), supervisor)
	s.at = s.esc().AnswerBy
	s.staff(ApprovedEntry(s.esc(), s.at), supervisor)
	s.at = s.esc().UseBy
	s.order("connection")
	s.at = s.esc().ReadUntil
	s.order("connection")
	if s.esc().Uses != 1 {
		t.Error("the last microsecond of the window is another use")
	}
	if err := s.c.CheckRelease(s.esc(), agent, []string{"connection"}, s.esc().ReadUntil.Add(time.Microsecond)); Code(err) != policy.ReasonGrantWindowOver {
		t.Error(err)
	}
}
