package escalation

import (
	"reflect"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// TestAttacksOnOtherPaths is TestForgedEntriesAreNotBelieved for everything that is not
// the one straight road: what a colluding pair, a second account of one person, or a
// process that was broken into could write, and the fold must not believe.
func TestAttacksOnOtherPaths(t *testing.T) {
	const public, staff, gate = audit.ViaPublic, audit.ViaStaff, audit.ViaCustodian
	yes := review(policy.VerdictConfirmed)
	for name, forged := range map[string]struct {
		story func(testing.TB) *story
		entry maker
		via   audit.Via
		by    audit.Actor
		code  string
	}{
		// A second agent is somebody else, and was there: the custodian says so.
		"confirmed by a staff face alone":   {unanswered, confirmOf, staff, colleague, ""},
		"confirmed via public":              {unanswered, confirmOf, public, colleague, ""},
		"confirmed by the requester":        {unanswered, confirmOf, gate, agent, policy.ReasonConfirmerSamePerson},
		"confirmed by the twin":             {unanswered, confirmOf, gate, role(twin, "agent"), policy.ReasonConfirmerSamePerson},
		"confirmed by a supervisor":         {unanswered, confirmOf, gate, supervisor, policy.ReasonRoleNotAllowed},
		"confirmed by nobody":               {unanswered, confirmOf, gate, person(colleague, ""), policy.ReasonPersonMissing},
		"confirmed in no session":           {unanswered, confirmOf, gate, session(colleague, ""), policy.ReasonPersonMissing},
		"confirmed twice":                   {confirmed, confirmOf, gate, colleague, policy.ReasonConfirmerAnswered},
		"confirmed by one's other account":  {confirmed, confirmOf, gate, account(colleague, "s-x"), policy.ReasonConfirmerAnswered},
		"confirmed another request":         {unanswered, ofAnother(confirmOf), gate, colleague, policy.ReasonRequestChanged},
		"confirmed too late":                {late, confirmOf, gate, colleague, policy.ReasonTooLate},
		"confirmed what is approved":        {approvedOnce, confirmOf, gate, colleague, policy.ReasonWrongState},
		"confirmed what never breaks":       {unbreakable, confirmOf, gate, colleague, policy.ReasonGlassNotBreakable},
		"confirmed a consent":               {consented, confirmOf, gate, colleague, policy.ReasonGlassNotBreakable},
		"confirmed an order":                {requisitioned, confirmOf, gate, colleague, policy.ReasonGlassNotBreakable},
		"confirmed without policy":          {unanswered, decided(confirmOf, nil), gate, colleague, ""},
		"confirmed after erasure":           {erasedUnanswered, confirmOf, gate, colleague, policy.ReasonConversationErased},
		"broken unconfirmed":                {unanswered, breakOf, staff, agent, policy.ReasonGlassNotConfirmed},
		"broken early":                      {confirmedEarly, breakOf, staff, agent, policy.ReasonGlassTooEarly},
		"broken too late":                   {confirmedLate, breakOf, staff, agent, policy.ReasonTooLate},
		"broken by the second agent":        {confirmed, breakOf, staff, colleague, policy.ReasonNotRequester},
		"broken by the twin":                {confirmed, breakOf, staff, role(twin, "agent"), policy.ReasonNotRequester},
		"broken in another role":            {confirmed, breakOf, staff, role(agent, "supervisor"), policy.ReasonRoleNotAllowed},
		"broken via public":                 {confirmed, breakOf, public, agent, ""},
		"broken via custodian":              {confirmed, breakOf, gate, agent, ""},
		"broken without policy":             {confirmed, decided(breakOf, nil), staff, agent, ""},
		"broken where policy refused":       {confirmed, decided(breakOf, &audit.Decision{Path: "escalation.break_glass", Result: "refuse"}), staff, agent, ""},
		"broken after handing over":         {confirmedThenHanded, breakOf, staff, agent, policy.ReasonNotParticipant},
		"broken for more":                   {confirmed, with("facets", "connection,contact,name", breakOf), staff, agent, policy.ReasonFacetsNotAsked},
		"broken for longer":                 {confirmed, later("use_by", breakOf), staff, agent, policy.ReasonGrantBeyondPolicy},
		"broken, reviewed never":            {confirmed, bare("review_by", breakOf), staff, agent, ""},
		"broken, reviewed before":           {confirmed, with("review_by", "2026-03-01T22:00:00.000000Z", breakOf), staff, agent, ""},
		"broken, reviewed in a century":     {confirmed, with("review_by", "2126-03-01T22:00:00.000000Z", breakOf), staff, agent, ""},
		"broken for another request":        {confirmed, ofAnother(breakOf), staff, agent, policy.ReasonRequestChanged},
		"broken twice":                      {broken, breakOf, staff, agent, policy.ReasonWrongState},
		"broken after approval":             {approvedOnce, breakOf, staff, agent, policy.ReasonWrongState},
		"broken what never breaks":          {unbreakable, breakOf, staff, agent, policy.ReasonGlassNotBreakable},
		"broken on consent":                 {consented, breakOf, staff, agent, policy.ReasonGlassNotBreakable},
		"approved after it was broken":      {broken, giveAll, staff, supervisor, policy.ReasonWrongState},
		"denied after it was broken":        {broken, deny("other_means"), staff, supervisor, policy.ReasonWrongState},
		"order while only confirmed":        {confirmed, order("name"), gate, agent, policy.ReasonWrongState},
		"order by the second agent":         {broken, order("name"), gate, colleague, policy.ReasonNotRequester},
		"order of more than was asked":      {broken, order("contact"), gate, agent, policy.ReasonFacetsNotGranted},
		"order of a broken glass, too late": {brokenUnused, order("name"), gate, agent, policy.ReasonGrantExpired},
		"order of a broken glass, expired":  {brokenExpired, order("name"), gate, agent, policy.ReasonGrantExpired},
		"a glass to break on consent":       {consenting, with("break_glass_from", "2026-03-02T22:00:00.000000Z", onConsent(consentID, "name")), staff, agent, policy.ReasonGlassNotBreakable},
		"a glass that is broken at once":    {talking, with("break_glass_from", "2026-03-01T22:00:00.000000Z", request), staff, agent, ""},

		// A review is by fresh eyes, and final.
		"reviewed by the requester":          {brokenRead, yes, staff, role(agent, "supervisor"), policy.ReasonReviewerTookPart},
		"reviewed by the twin":               {brokenRead, yes, staff, twin, policy.ReasonReviewerTookPart},
		"reviewed by who confirmed":          {brokenRead, yes, staff, role(colleague, "supervisor"), policy.ReasonReviewerTookPart},
		"reviewed by who revoked":            {brokenRevoked, yes, staff, second, policy.ReasonReviewerTookPart},
		"reviewed by who joined":             {brokenThenJoined, yes, staff, supervisor, policy.ReasonReviewerTookPart},
		"reviewed by an agent":               {brokenRead, yes, staff, person(account(colleague, "s-y"), "p-y"), policy.ReasonRoleNotAllowed},
		"reviewed by a privacy officer":      {brokenRead, yes, staff, officer, policy.ReasonRoleNotAllowed},
		"reviewed by nobody":                 {brokenRead, yes, staff, person(second, ""), policy.ReasonPersonMissing},
		"reviewed unread":                    {brokenRead, yes, staff, supervisor, policy.ReasonEvidenceNotRead},
		"reviewed on what was read before":   {readBefore, yes, staff, second, policy.ReasonEvidenceNotRead},
		"reviewed in another session":        {brokenRead, yes, staff, session(second, "x-99"), policy.ReasonEvidenceNotRead},
		"reviewed another request":           {brokenRead, ofAnother(yes), staff, second, policy.ReasonRequestChanged},
		"reviewed in free text":              {brokenRead, review("Camille exagère"), staff, second, policy.ReasonVerdictUnknown},
		"reviewed again":                     {brokenReviewed, review(policy.VerdictAbusive), staff, second, policy.ReasonReviewDone},
		"reviewed what was approved":         {approvedOnce, yes, staff, second, policy.ReasonReviewNotDue},
		"reviewed via custodian":             {brokenRead, yes, gate, second, ""},
		"reviewed via public":                {brokenRead, yes, public, second, ""},
		"reviewed without policy":            {brokenRead, decided(yes, nil), staff, second, ""},
		"read to review, by who confirmed":   {brokenClosed, evidenceOf, gate, role(colleague, "supervisor"), policy.ReasonReviewerTookPart},
		"read to review, by the twin":        {brokenClosed, evidenceOf, gate, twin, policy.ReasonApproverSamePerson},
		"read after the review":              {brokenReviewed, evidenceOf, gate, second, policy.ReasonWrongState},
		"read to review, after erasure":      {brokenErased, evidenceOf, gate, second, policy.ReasonConversationErased},
		"read to review, by privacy officer": {brokenClosed, orderOf, gate, officer, policy.ReasonRoleNotAllowed},

		// Revoking.
		"revoked by the requester":     {openedOnce, revoke("misuse"), staff, role(agent, "supervisor"), policy.ReasonApproverIsRequester},
		"revoked by the twin":          {openedOnce, revoke("misuse"), staff, twin, policy.ReasonApproverSamePerson},
		"revoked by an agent":          {openedOnce, revoke("misuse"), staff, colleague, policy.ReasonRoleNotAllowed},
		"revoked by nobody":            {openedOnce, revoke("misuse"), staff, person(second, ""), policy.ReasonPersonMissing},
		"revoked in free text":         {openedOnce, revoke("because Camille"), staff, second, policy.ReasonRevocationNotCoded},
		"revoked before it was given":  {requested, revoke("misuse"), staff, second, policy.ReasonWrongState},
		"revoked twice":                {revokedOnce, revoke("misuse"), staff, second, policy.ReasonWrongState},
		"revoked another request":      {openedOnce, ofAnother(revoke("misuse")), staff, second, policy.ReasonRequestChanged},
		"revoked via public":           {openedOnce, revoke("misuse"), public, second, ""},
		"revoked without policy":       {openedOnce, decided(revoke("misuse"), nil), staff, second, ""},
		"order after revocation":       {revokedOnce, order("connection"), gate, agent, policy.ReasonWrongState},
		"approved after revocation":    {revokedOnce, giveAll, staff, supervisor, policy.ReasonWrongState},
		"order after a suspension":     {suspended, order("connection"), gate, agent, policy.ReasonWrongState},
		"suspended by a person":        {openedOnce, suspendOf, staff, supervisor, policy.ReasonRoleNotAllowed},
		"suspended for another reason": {openedOnce, with("reason", "dislike", suspendOf), staff, sweeper, ""},
		"suspended via public":         {openedOnce, suspendOf, public, sweeper, ""},
		"suspended when it was over":   {revokedOnce, suspendOf, staff, sweeper, policy.ReasonWrongState},
		"suspended years after":        {windowOver, suspendOf, staff, sweeper, policy.ReasonWrongState},
		"suspended, unused in time":    {unused, suspendOf, staff, sweeper, policy.ReasonWrongState},
		"closed by nobody":             {openedOnce, closedOf, staff, sweeper, policy.ReasonNotRequester},

		// Widening.
		"widened early":           {requested, widenOf, staff, sweeper, policy.ReasonWrongState},
		"widened by a person":     {unanswered, widenOf, staff, supervisor, policy.ReasonRoleNotAllowed},
		"widened twice":           {widened, widenOf, staff, sweeper, policy.ReasonWrongState},
		"widened too late":        {late, widenOf, staff, sweeper, policy.ReasonTooLate},
		"widened another request": {unanswered, ofAnother(widenOf), staff, sweeper, policy.ReasonRequestChanged},
		"widened via public":      {unanswered, widenOf, public, sweeper, ""},

		// Consent is the child's, of these facets, until it is taken back.
		"request on no consent":              {talking, onConsent(consentID, "name"), staff, agent, policy.ReasonConsentMissing},
		"request on another consent":         {consenting, onConsent("x", "name"), staff, agent, policy.ReasonConsentMissing},
		"request on consent to other facets": {consenting, onConsent(consentID, "connection", "name"), staff, agent, policy.ReasonConsentOtherFacets},
		"request on consent taken back":      {consentTakenBack, asked("another", onConsent(consentID, "name")), staff, agent, policy.ReasonConsentWithdrawn},
		"request on consent and an order":    {consenting, with("authority", "prosecutor", onConsent(consentID, "name")), staff, agent, ""},
		"request in danger, on consent":      {consenting, with("consent", consentID, request), staff, agent, ""},
		"order after consent is taken back":  {consentTakenBack, order("name"), gate, agent, policy.ReasonWrongState},
		"closing what consent had closed":    {consentTakenBack, closedOf, staff, agent, policy.ReasonWrongState},
		"consent by a staff face":            {talking, same(consentGiven("name")), staff, minor, ""},
		"consent by an agent":                {talking, same(consentGiven("name")), public, agent, ""},
		"consent taken back by a staff face": {consentApproved, same(consentWithdrawn()), staff, minor, ""},

		// An order takes two roles, and the law's list for the connection.
		"order without a reference":       {talking, without(onOrder("three_years", "connection")), staff, agent, policy.ReasonRequisitionIncomplete},
		"order without an authority":      {talking, bare("authority", onOrder("three_years", "connection")), staff, agent, policy.ReasonRequisitionIncomplete},
		"connection without a case":       {talking, bare("listed_case", onOrder("three_years", "connection")), staff, agent, policy.ReasonRequisitionCaseNotListed},
		"a case without the connection":   {talking, with("listed_case", "cold_case", onOrder("", "name")), staff, agent, policy.ReasonRequisitionCaseNotListed},
		"order on a consent":              {consenting, with("consent", consentID, onOrder("", "name")), staff, agent, ""},
		"half an order":                   {orderHalf, approve("connection", "name"), staff, supervisor, policy.ReasonApprovalsMissing},
		"release on half an order":        {orderHalf, order("name"), gate, agent, policy.ReasonWrongState},
		"order approved unread":           {requisitioned, give("name"), staff, officer, policy.ReasonEvidenceNotRead},
		"order approved twice by a human": {orderReadByOne, give("name"), staff, person(officer, supervisor.Person), policy.ReasonApproverAnswered},
		"order approved by the twin":      {orderRead, give("name"), staff, role(twin, "privacy_officer"), policy.ReasonApproverSamePerson},
		"order read with its messages":    {requisitioned, evidenceOf, gate, officer, policy.ReasonEvidenceUnknown},
		"order read by half":              {requisitioned, orderOf, gate, supervisor, policy.ReasonEvidenceUnknown},
		"order read by a staff face":      {requisitioned, orderOf, staff, officer, ""},
		"danger approved by an officer":   {reviewed, giveAll, staff, officer, policy.ReasonRoleNotAllowed},
		"danger denied by an officer":     {reviewed, deny("other_means"), staff, officer, policy.ReasonRoleNotAllowed},
		"danger read by an officer":       {requested, orderOf, gate, officer, policy.ReasonRoleNotAllowed},

		// Telling.
		"told of nothing":               {approvedOnce, tell(policy.Told, "", 0), staff, agent, policy.ReasonTellingNotDue},
		"told again":                    {told, tell(policy.Told, "", 0), staff, agent, policy.ReasonTellingNotDue},
		"put off after telling":         {told, tell(policy.TellLater, "", tomorrow), staff, agent, policy.ReasonTellingNotDue},
		"told by a stranger":            {openedOnce, tell(policy.Told, "", 0), staff, colleague, policy.ReasonNotParticipant},
		"told by a supervisor":          {openedOnce, tell(policy.Told, "", 0), staff, supervisor, policy.ReasonRoleNotAllowed},
		"told when all is destroyed":    {openedErased, tell(policy.Told, "", 0), staff, agent, policy.ReasonTellingNotDue},
		"told by an inspector, overdue": {tellingOverdue, tell(policy.Told, "", 0), staff, inspector, policy.ReasonRoleNotAllowed},
		"told by a psychologist":        {openedOnce, tell(policy.Told, "", 0), staff, psychologist, policy.ReasonRoleNotAllowed},
		"told in free text":             {openedOnce, tell("she cried", "", 0), staff, agent, policy.ReasonTellingNotCoded},
		"told, with a reason":           {openedOnce, tell(policy.Told, "not_reachable", 0), staff, agent, policy.ReasonTellingNotCoded},
		"unsafe, without a reason":      {openedOnce, tell(policy.TellUnsafe, "", 0), staff, agent, policy.ReasonTellingNotCoded},
		"unsafe, in free text":          {openedOnce, tell(policy.TellUnsafe, "his father", 0), staff, agent, policy.ReasonTellingNotCoded},
		"unsafe, for ever":              {openedOnce, bare("until", tell(policy.TellUnsafe, "not_reachable", 0)), staff, agent, ""},
		"later, without a time":         {openedOnce, bare("until", tell(policy.TellLater, "", tomorrow)), staff, agent, policy.ReasonTellingNotCoded},
		"later, before":                 {openedOnce, tell(policy.TellLater, "", -tomorrow), staff, agent, policy.ReasonTellingNotCoded},
		"later, in a century":           {openedOnce, tell(policy.TellLater, "", 100*365*tomorrow), staff, agent, ""},
		"told via public":               {openedOnce, tell(policy.Told, "", 0), public, agent, ""},
		"told without policy":           {openedOnce, decided(tell(policy.Told, "", 0), nil), staff, agent, ""},
		"told by the requester's twin":  {openedOnce, tell(policy.Told, "", 0), staff, role(twin, "agent"), policy.ReasonNotParticipant},
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

func erasedUnanswered(t testing.TB) *story {
	s := unanswered(t)
	s.gate(key(audit.ActionKeyDestroyed, "transcript"), custodian)
	return s
}

func confirmedThenHanded(t testing.TB) *story {
	s := confirmed(t)
	s.staff(left(), agent)
	return s
}

// brokenThenJoined: a supervisor read it, then joined the conversation as an agent's
// psychologist would.
func brokenThenJoined(t testing.TB) *story {
	s := broken(t)
	s.read(supervisor)
	s.staff(joined(), role(doubler, "psychologist"))
	return s
}

// orderReadByOne: the supervisor, who has approved, reads the order as a privacy officer.
func orderReadByOne(t testing.TB) *story {
	s := orderHalf(t)
	s.gate(RequisitionReadEntry(s.esc()), person(officer, supervisor.Person))
	return s
}

// asked gives a request another id.
func asked(id string, m maker) maker {
	return func(s *story) audit.Entry {
		e := m(s)
		e.Subject.ID = id
		return e
	}
}

// What a compromised staff face invents is listed, and opens nothing: not with the
// confirmation that it made up, nor with the review that would hide it.
func TestAnInventedSecondAgentOpensNothing(t *testing.T) {
	s := unanswered(t)
	for _, forged := range []audit.Entry{ConfirmedEntry(s.esc()), GlassBrokenEntry(s.esc(), terms, s.at)} {
		by := agent
		if forged.Action == audit.ActionEscalationBreakGlassConfirmed {
			by = colleague
		}
		l := s.leaf(forged, audit.ViaStaff, by)
		if err := s.c.Apply(l.Entry, l.Hash); err != nil {
			t.Fatal(err)
		}
		s.seq++
	}
	if e := s.esc(); e.State != Requested || len(e.Confirmations) != 0 || len(s.c.Disregarded) != 2 {
		t.Fatalf("%s, %+v, %+v", e.State, e.Confirmations, s.c.Disregarded)
	}
	if err := s.c.CheckRelease(s.esc(), agent, []string{"name"}, s.at); Code(err) != policy.ReasonWrongState {
		t.Error(err)
	}
}

// A consent that is taken back ends everything that rests on it in that very entry,
// whatever its state, and nothing else.
func TestConsentTakenBackEndsAtOnce(t *testing.T) {
	for name, told := range map[string]func(testing.TB) *story{"requested": consented, "approved": consentApproved, "released": consentOpened} {
		s := told(t)
		s.tell(consentWithdrawn(), audit.ViaPublic, minor)
		if e := s.esc(); e.State != Closed || e.LastSeq != s.seq-1 {
			t.Errorf("%s: %s by entry %d", name, e.State, e.LastSeq)
		}
		if err := s.c.CheckRelease(s.esc(), agent, []string{"name"}, s.at); Code(err) != policy.ReasonWrongState {
			t.Errorf("%s: %v", name, err)
		}
		if name == "released" { // was on its way
			s.gate(outcomeOf(s), agent)
		}
	}
	s := consenting(t)
	s.staff(request(s), agent) // in danger, whatever they agreed to
	s.tell(consentWithdrawn(), audit.ViaPublic, minor)
	if s.esc().State != Requested {
		t.Error("what does not rest on consent ended with it")
	}
}

func outcomeOf(s *story) audit.Entry {
	in := s.esc().Intents[0]
	return ReleasedEntry(s.esc(), in.Hash, in.Facets, "v")
}

func TestABrokenGlassFromBeginningToReview(t *testing.T) {
	s := broken(t)
	e := s.esc()
	if e.State != GlassBroken || !reflect.DeepEqual(e.Granted, e.Asked) || !e.UseBy.Equal(e.BrokenAt.Add(15*time.Minute)) ||
		!e.ReviewBy.Equal(e.BrokenAt.Add(72*time.Hour)) || !e.ReviewDue() || len(e.Approvals) != 0 {
		t.Fatalf("%+v", e)
	}
	s.order("name")
	s.fails(0) // nothing left Vault: the use comes back, and no approval comes out of it
	if e.State != GlassBroken || e.Uses != 0 {
		t.Fatalf("%+v", e)
	}
	s.order("name")
	s.opens(1)
	if e.State != Released || e.Uses != 1 {
		t.Fatalf("%+v", e)
	}
	s.at = e.ReviewBy.Add(time.Hour) // overdue, and still due
	s.read(second)
	s.staff(ReviewedEntry(e, policy.VerdictAbusive), second)
	if e.ReviewDue() || e.Review.Verdict != policy.VerdictAbusive || e.State != Released {
		t.Fatalf("%+v", e)
	}
	folded, err := Fold(s.leaves)
	if err != nil || !reflect.DeepEqual(folded, s.c) {
		t.Fatalf("folding gives another case: %v", err)
	}
}

func TestWhenTheMinorIsToBeTold(t *testing.T) {
	s := approved(t)
	e := s.esc()
	by := func(want time.Time) {
		t.Helper()
		if got := e.TellBy(); !got.Equal(want) {
			t.Errorf("by %s, want %s", got, want)
		}
	}
	by(time.Time{})
	s.order("connection")
	opened := e.Intents[0].At
	by(opened.Add(tomorrow)) // possibly opened is opened
	s.fails(0)
	by(time.Time{})
	s.order("connection")
	opened = e.Intents[1].At
	s.opens(1)
	s.order("connection") // a reload moves nothing
	by(opened.Add(tomorrow))
	s.staff(tell(policy.TellUnsafe, "perpetrator_reads", 0)(s), agent)
	by(e.Tellings[0].At.Add(7 * tomorrow))
	s.staff(handedOver(colleague), agent)
	s.staff(tell(policy.TellLater, "", tomorrow)(s), colleague) // whoever talks with them now
	by(e.Tellings[1].At.Add(tomorrow))
	s.staff(tell(policy.TellRefused, "", 0)(s), agent) // or who had it opened
	by(time.Time{})
}

// Who opened it may be gone for good, and the conversation closed: a supervisor tells.
func TestASupervisorTellsWhatIsOverdue(t *testing.T) {
	s := tellingOverdue(t)
	s.staff(tell(policy.TellUnsafe, "not_reachable", 0)(s), supervisor)
	if err := s.try(tell(policy.Told, "", 0)(s), audit.ViaStaff, supervisor); err == nil {
		t.Error("told what is not overdue any more")
	}
	s.at = s.esc().TellBy().Add(time.Second)
	s.staff(tell(policy.Told, "", 0)(s), second)
	if by := s.esc().TellBy(); !by.IsZero() {
		t.Errorf("due by %s", by)
	}
}

// A duty that nobody can do any more is none.
func TestNobodyIsToldOfWhatIsDestroyed(t *testing.T) {
	if by := openedOnce(t).esc().TellBy(); by.IsZero() {
		t.Error("nothing was due")
	}
	if by := openedErased(t).esc().TellBy(); !by.IsZero() {
		t.Errorf("due by %s", by)
	}
}

func TestAnOrderTakesBothRoles(t *testing.T) {
	s := orderApproved(t)
	e := s.esc()
	if e.State != Approved || FormatFacets(e.Granted) != "connection" || e.Authority != "prosecutor" || e.ListedCase != "three_years" {
		t.Fatalf("%+v", e)
	}
	s.gate(RequisitionReadEntry(e), officer) // looks again
	s.order("connection")
	if e.State != Released {
		t.Fatalf("%+v", e)
	}
	s = orderHalf(t)
	if e := s.esc(); e.Awaits("supervisor") || !e.Awaits("privacy_officer") || e.Awaits("agent") {
		t.Errorf("awaits the wrong role")
	}
}
