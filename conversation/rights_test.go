package conversation_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

const (
	idA = "0a0a0a0a-0000-4000-8000-00000000000a"
	idB = "0b0b0b0b-0000-4000-8000-00000000000b"
)

var (
	olivia = audit.Actor{ID: "s-olivia", Person: "p-olivia", Role: "privacy_officer"}
	chloe  = audit.Actor{ID: "s-chloe", Person: "p-chloe", Role: "psychologist"}
)

func about(via audit.Via, who audit.Actor, action audit.Action, subject, id string, details audit.Details) audit.Entry {
	return audit.Entry{Via: via, Actor: who, Action: action, Case: caseA, Subject: audit.Subject{Type: subject, ID: id}, Details: details}
}

func consented(id, facets string) audit.Entry {
	return about(audit.ViaPublic, minor, audit.ActionConsentGiven, "consent", id, audit.Details{"facets": facets, "words": sum})
}

func takenBack(id string) audit.Entry {
	return about(audit.ViaPublic, minor, audit.ActionConsentWithdrawn, "consent", id, nil)
}

func thinks(who audit.Actor, id, opinion string) audit.Entry {
	return about(audit.ViaStaff, who, audit.ActionOpinionRecorded, "opinion", id, audit.Details{"opinion": opinion, "note": sum})
}

func askErasure(id string) audit.Entry {
	return about(audit.ViaPublic, minor, audit.ActionErasureRequested, "erasure", id, nil)
}

func byOfficer(action audit.Action, point policy.Point, subject, id string, details audit.Details) audit.Entry {
	e := about(audit.ViaStaff, olivia, action, subject, id, details)
	if e.Decision = allowed(point); action != audit.ActionHoldSet {
		e.Via = audit.ViaCustodian
	}
	return e
}

func decide(id, verdict, reason string) audit.Entry {
	details := audit.Details{"verdict": verdict}
	if reason != "" {
		details["reason"] = reason
	}
	return byOfficer(audit.ActionErasureDecided, policy.PointErasureDecide, "erasure", id, details)
}

func hold(id string) audit.Entry {
	return byOfficer(audit.ActionHoldSet, policy.PointHoldSet, "hold", id, audit.Details{"reason": "proceedings"})
}

func lift(id string) audit.Entry {
	return byOfficer(audit.ActionHoldLifted, policy.PointHoldLift, "hold", id, audit.Details{"reason": "proceedings"})
}

func erasing(class, erasure string) audit.Entry {
	e := destroyed(class)
	e.Details = audit.Details{"reason": "erasure", "erasure": erasure}
	return e
}

func openingsErased(reason string) audit.Entry {
	return audit.Entry{Via: audit.ViaCustodian, Actor: custodian, Action: audit.ActionOpeningsErased, Case: caseA,
		Details: audit.Details{"reason": reason}, Decision: allowed(policy.PointOpeningsErase)}
}

func TestFoldTellsOfRights(t *testing.T) {
	c, err := conversation.Fold(open( // 10 to 13
		joined(amal), joined(farah), // 14, 15
		consented(idA, "connection,name"),                   // 16
		thinks(farah, idA, "danger"),                        // 17
		consented(idB, "contact"),                           // 18
		takenBack(idA),                                      // 19
		thinks(farah, idB, "no_danger"),                     // 20
		askErasure(idA),                                     // 21
		hold(idA),                                           // 22
		decide(idA, "refused", "proceedings_under_way"),     // 23
		closedBy(audit.ViaPublic, minor),                    // 24
		takenBack(idB),                                      // 25: at any time
		lift(idA),                                           // 26
		askErasure(idB),                                     // 27: again, after closing
		decide(idB, "granted", ""),                          // 28
		erasing("identity", idB), openingsErased("erasure"), // 29, 30
	))
	if err != nil {
		t.Fatal(err)
	}
	given := c.Consent(idA)
	if given == nil || !slices.Equal(given.Facets, []string{"connection", "name"}) || given.Words != sum || given.GivenSeq != 16 ||
		given.Stands() || given.WithdrawnSeq != 19 || given.WithdrawnAt.Second() != 9 || c.Consent(idB).WithdrawnSeq != 25 || c.Consent("") != nil {
		t.Errorf("consents %+v", c.Consents)
	}
	if len(c.Opinions) != 2 || c.Opinion() != "no_danger" || c.Opinions[0].By != "s-farah" || c.Opinions[0].Person != "p-farah" || c.Opinions[0].Seq != 17 {
		t.Errorf("opinions %+v", c.Opinions)
	}
	if a, b := c.Erasure(idA), c.Granted(); a.Verdict != "refused" || a.Reason != "proceedings_under_way" || a.RequestedSeq != 21 || a.DecidedSeq != 23 || b == nil || b.ID != idB {
		t.Errorf("erasures %+v", c.Erasures)
	}
	if h := c.Hold(idA); c.Held() || h.SetSeq != 22 || h.LiftedSeq != 26 || h.Reason != "proceedings" {
		t.Errorf("holds %+v", c.Holds)
	}
	if c.OpeningsErased != 30 || !c.Erased() || c.Gone() {
		t.Errorf("%+v", c)
	}
	if c.QuietSince != c.ClosedAt {
		t.Errorf("quiet since %s, closed at %s", c.QuietSince, c.ClosedAt)
	}
}

// Before it is closed, what counts is what somebody did; not who decided or looked.
func TestQuietSince(t *testing.T) {
	for name, tt := range map[string]struct {
		more   []audit.Entry
		second int
	}{
		"opened":                 {nil, 3},
		"joined":                 {[]audit.Entry{joined(amal)}, 4},
		"read":                   {[]audit.Entry{joined(amal), act(audit.ViaCustodian, amal, audit.ActionConversationRead, 2)}, 5},
		"consented":              {[]audit.Entry{joined(amal), consented(idA, "name")}, 5},
		"a hold stirs nothing":   {[]audit.Entry{joined(amal), hold(idA)}, 4},
		"nor an erasure":         {[]audit.Entry{joined(amal), askErasure(idA), decide(idA, "refused", "legal_hold")}, 4},
		"closed":                 {[]audit.Entry{joined(amal), closedBy(audit.ViaPublic, minor)}, 5},
		"read after":             {[]audit.Entry{joined(amal), closedBy(audit.ViaPublic, minor), act(audit.ViaCustodian, amal, audit.ActionConversationRead, 9)}, 5},
		"came back after":        {[]audit.Entry{joined(amal), closedBy(audit.ViaPublic, minor), sealed("connection", 1)}, 5},
		"came back before":       {[]audit.Entry{joined(amal), sealed("connection", 1)}, 5},
		"taken back after":       {[]audit.Entry{consented(idA, "name"), closedBy(audit.ViaPublic, minor), takenBack(idA)}, 5},
		"a request stirs no one": {[]audit.Entry{joined(amal), act(audit.ViaStaff, amal, audit.ActionEscalationRequested, 3)}, 4},
	} {
		c, err := conversation.Fold(open(tt.more...))
		if err != nil || c.QuietSince.Second() != tt.second {
			t.Errorf("%s: quiet since second %d, %v; want %d", name, c.QuietSince.Second(), err, tt.second)
		}
	}
}

func TestFoldRefusesForgedRights(t *testing.T) {
	undecided := func(e audit.Entry) audit.Entry { e.Decision = nil; return e }
	by := func(who audit.Actor, e audit.Entry) audit.Entry { e.Actor = who; return e }
	via := func(v audit.Via, e audit.Entry) audit.Entry { e.Via = v; return e }
	without := func(e audit.Entry, keys ...string) audit.Entry {
		d := audit.Details{}
		for k, v := range e.Details {
			if !slices.Contains(keys, k) {
				d[k] = v
			}
		}
		e.Details = d
		return e
	}
	psy := []audit.Entry{joined(amal), joined(farah)}
	for name, more := range map[string][]audit.Entry{
		"a consent by staff":                     {by(amal, consented(idA, "name"))},
		"a consent via staff":                    {via(audit.ViaStaff, consented(idA, "name"))},
		"a consent to nothing":                   {consented(idA, "")},
		"a consent to what is no facet":          {consented(idA, "postal_code")},
		"a consent to a facet and what is none":  {consented(idA, "name,transcript")},
		"a consent unsorted":                     {consented(idA, "name,contact")},
		"a consent to one facet twice":           {consented(idA, "name,name")},
		"a consent without words":                {without(consented(idA, "name"), "words")},
		"a consent twice":                        {consented(idA, "name"), consented(idA, "contact")},
		"a consent of no id":                     {consented("c-1", "name")},
		"a consent under another subject":        {with(consented(idA, "name"), func(e *audit.Entry) { e.Subject.Type = "facet" })},
		"a consent after closing":                {closedBy(audit.ViaPublic, minor), consented(idA, "name")},
		"a consent after a key is gone":          {destroyed("identity"), consented(idA, "name")},
		"taken back, never given":                {takenBack(idA)},
		"taken back twice":                       {consented(idA, "name"), takenBack(idA), takenBack(idA)},
		"taken back by staff":                    {consented(idA, "name"), via(audit.ViaStaff, by(amal, takenBack(idA)))},
		"given again after taking back":          {consented(idA, "name"), takenBack(idA), consented(idA, "name")},
		"an opinion by an agent":                 {joined(amal), thinks(amal, idA, "danger")},
		"an opinion from outside":                append(slices.Clone(psy), thinks(chloe, idA, "danger")),
		"an opinion under another human":         append(slices.Clone(psy), by(audit.Actor{ID: "s-farah", Person: "p-chloe", Role: "psychologist"}, thinks(farah, idA, "danger"))),
		"an opinion after leaving":               append(slices.Clone(psy), handed(farah, nil), thinks(farah, idA, "danger")),
		"an opinion after closing":               append(slices.Clone(psy), closedBy(audit.ViaPublic, minor), thinks(farah, idA, "danger")),
		"an opinion by a face of minors":         append(slices.Clone(psy), via(audit.ViaPublic, thinks(farah, idA, "danger"))),
		"an opinion that is none":                append(slices.Clone(psy), thinks(farah, idA, "none")),
		"an opinion twice":                       append(slices.Clone(psy), thinks(farah, idA, "danger"), thinks(farah, idA, "no_danger")),
		"an opinion without a note":              append(slices.Clone(psy), without(thinks(farah, idA, "danger"), "note")),
		"two erasures at once":                   {askErasure(idA), askErasure(idB)},
		"an erasure after one was granted":       {askErasure(idA), decide(idA, "granted", ""), askErasure(idB)},
		"an erasure asked for twice":             {askErasure(idA), decide(idA, "refused", "legal_hold"), askErasure(idA)},
		"an erasure by staff":                    {via(audit.ViaStaff, by(amal, askErasure(idA)))},
		"an erasure by staff as the minor":       {via(audit.ViaStaff, askErasure(idA))},
		"an erasure when all is gone":            {destroyed("identity"), destroyed("transcript"), askErasure(idA)},
		"decided by the minor":                   {askErasure(idA), via(audit.ViaPublic, by(minor, decide(idA, "granted", "")))},
		"decided by a supervisor":                {askErasure(idA), by(diane, decide(idA, "granted", ""))},
		"decided by nobody":                      {askErasure(idA), by(audit.Actor{Role: "privacy_officer"}, decide(idA, "granted", ""))},
		"decided without policy":                 {askErasure(idA), undecided(decide(idA, "granted", ""))},
		"decided against policy":                 {askErasure(idA), with(decide(idA, "granted", ""), func(e *audit.Entry) { e.Decision = &audit.Decision{Path: "erasure.decide", Result: audit.ResultRefuse} })},
		"decided by another decision":            {askErasure(idA), with(decide(idA, "granted", ""), func(e *audit.Entry) { e.Decision = allowed(policy.PointHoldSet) })},
		"decided, never asked for":               {decide(idA, "granted", "")},
		"decided twice":                          {askErasure(idA), decide(idA, "refused", "legal_hold"), decide(idA, "granted", "")},
		"decided for another":                    {askErasure(idA), decide(idB, "granted", "")},
		"refused without a reason":               {askErasure(idA), decide(idA, "refused", "")},
		"refused for no listed reason":           {askErasure(idA), decide(idA, "refused", "too_much_work")},
		"granted with a reason":                  {askErasure(idA), decide(idA, "granted", "legal_hold")},
		"neither granted nor refused":            {askErasure(idA), decide(idA, "maybe", "")},
		"granted under a hold":                   {askErasure(idA), hold(idA), decide(idA, "granted", "")},
		"a hold by a supervisor":                 {by(diane, hold(idA))},
		"a hold without policy":                  {undecided(hold(idA))},
		"a hold for no reason":                   {without(hold(idA), "reason")},
		"a hold twice":                           {hold(idA), hold(idA)},
		"a hold by a face of minors":             {via(audit.ViaPublic, hold(idA))},
		"another hold lifted":                    {hold(idA), lift(idB)},
		"a hold lifted twice":                    {hold(idA), lift(idA), lift(idA)},
		"a hold lifted without policy":           {hold(idA), undecided(lift(idA))},
		"a hold lifted by an agent":              {hold(idA), by(amal, lift(idA))},
		"a key destroyed under a hold":           {hold(idA), destroyed("identity")},
		"a key destroyed under a second hold":    {hold(idA), hold(idB), lift(idA), destroyed("identity")},
		"a key destroyed without policy":         {undecided(destroyed("identity"))},
		"a key destroyed for no reason":          {with(destroyed("identity"), func(e *audit.Entry) { e.Details = nil })},
		"a key destroyed by a face":              {via(audit.ViaStaff, destroyed("identity"))},
		"erased, never asked for":                {erasing("identity", idA)},
		"erased while it waits":                  {askErasure(idA), erasing("identity", idA)},
		"erased though refused":                  {askErasure(idA), decide(idA, "refused", "legal_hold"), erasing("identity", idA)},
		"erased for another erasure":             {askErasure(idA), decide(idA, "granted", ""), erasing("identity", idB)},
		"erased for an erasure that has no name": {askErasure(idA), decide(idA, "granted", ""), without(erasing("identity", idA), "erasure")},
		"openings erased under a hold":           {hold(idA), openingsErased("retention")},
		"openings erased, never asked for":       {openingsErased("erasure")},
		"openings erased by a face":              {via(audit.ViaStaff, openingsErased("retention"))},
		"openings erased without policy":         {undecided(openingsErased("retention"))},
		"entrusted after a key is gone":          {destroyed("identity"), sealed("name", 0)},
	} {
		entries := open(more...)
		c, err := conversation.Fold(entries[:len(entries)-1])
		if err != nil {
			t.Errorf("%s: what comes before is refused: %v", name, err)
			continue
		}
		if err := c.Apply(entries[len(entries)-1]); !errors.Is(err, conversation.ErrHistory) {
			t.Errorf("%s: folds, %v", name, err)
		}
	}
}

// Who keeps a Conversation keeps what it was, whatever is applied to a copy of it:
// escalation.Case takes an entry back that way.
func TestACopyStaysAsItWas(t *testing.T) {
	c, err := conversation.Fold(open(consented(idA, "name"), hold(idA), askErasure(idA)))
	if err != nil {
		t.Fatal(err)
	}
	before := c
	for _, e := range []audit.Entry{takenBack(idA), lift(idA), decide(idA, "granted", ""), erasing("identity", idA)} {
		e.Seq = c.LastSeq + 1
		if err := c.Apply(e); err != nil {
			t.Fatal(err)
		}
	}
	if !before.Consents[0].Stands() || !before.Held() || before.Granted() != nil || before.Erased() {
		t.Errorf("before is now %+v", before)
	}
}

// Whatever is written, in any order: at most one erasure waits or is granted, nothing
// withdrawn stands again, and nothing is destroyed while a hold stands.
func TestRightsHoldForAnyEntries(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, err := conversation.Fold(open(joined(amal), joined(farah)))
		if err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 60).Draw(t, "length") {
			id := rapid.SampledFrom([]string{idA, idB}).Draw(t, "id")
			class := rapid.SampledFrom([]string{"transcript", "identity"}).Draw(t, "class")
			e := rapid.SampledFrom([]audit.Entry{
				consented(id, "name"), takenBack(id), thinks(farah, id, "danger"), askErasure(id), decide(id, "granted", ""),
				decide(id, "refused", "legal_hold"), hold(id), lift(id), destroyed(class), erasing(class, id),
				openingsErased("retention"), openingsErased("erasure"), closedBy(audit.ViaPublic, minor),
			}).Draw(t, "entry")
			e.Seq = c.LastSeq + 1
			before := c
			if err := c.Apply(e); err != nil {
				if c = before; !strings.Contains(err.Error(), string(e.Action)) {
					t.Fatal(err)
				}
				continue
			}
			open := 0
			for _, r := range c.Erasures {
				if r.Verdict != "refused" {
					open++
				}
			}
			if open > 1 {
				t.Fatalf("erasures %+v", c.Erasures)
			}
			for i, g := range before.Consents {
				if !g.Stands() && c.Consents[i].WithdrawnSeq != g.WithdrawnSeq {
					t.Fatalf("consents %+v", c.Consents)
				}
			}
			destroyed := before.Erased() != c.Erased() || before.Gone() != c.Gone() || before.OpeningsErased != c.OpeningsErased
			if destroyed && before.Held() {
				t.Fatalf("%+v destroyed what a hold keeps", e)
			}
			if c.Granted() != nil && before.Granted() == nil && c.Held() {
				t.Fatalf("%+v grants what a hold forbids", e)
			}
		}
	})
}

func TestFacetLists(t *testing.T) {
	if got := conversation.FormatFacets([]conversation.Facet{"name", "connection", "name"}); got != "connection,name" {
		t.Errorf("%q", got)
	}
	for _, s := range []string{"", ",", "name,", "name,name", "name,contact", "NAME", "name, contact", "identity"} {
		if got, err := conversation.ParseFacets(s); err == nil {
			t.Errorf("ParseFacets(%q) = %v", s, got)
		}
	}
}
