package conversation_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

const (
	caseA = "7f1cce14-0000-4000-8000-00000000000a"
	caseB = "7f1cce14-0000-4000-8000-00000000000b"
	sum   = "sha256:00000000000000000000000000000000000000000000000000000000000000aa"
)

var (
	minor     = audit.Actor{ID: "minor", Role: "minor"}
	custodian = audit.Actor{ID: "custodian"}
	amal      = audit.Actor{ID: "s-amal", Person: "p-amal", Role: "agent"}
	bruno     = audit.Actor{ID: "s-bruno", Person: "p-bruno", Role: "agent"}
	farah     = audit.Actor{ID: "s-farah", Person: "p-farah", Role: "psychologist"}
	diane     = audit.Actor{ID: "s-diane", Person: "p-diane", Role: "supervisor"}
)

func key(class string) audit.Entry {
	return audit.Entry{Via: audit.ViaCustodian, Actor: custodian, Action: audit.ActionKeyCreated, Case: caseA,
		Subject: audit.Subject{Type: "key", ID: class}, Details: audit.Details{"recipient": sum}}
}

func destroyed(class string) audit.Entry {
	e := key(class)
	e.Action, e.Details = audit.ActionKeyDestroyed, audit.Details{"reason": "retention"}
	e.Decision = allowed(policy.PointKeyDestroy)
	return e
}

func allowed(point policy.Point) *audit.Decision {
	return &audit.Decision{Path: string(point), Result: audit.ResultAllow}
}

func act(via audit.Via, who audit.Actor, action audit.Action, messages int) audit.Entry {
	link := [32]byte{byte(messages)}
	return audit.Entry{Via: via, Actor: who, Action: action, Case: caseA,
		Details: audit.Details{"messages": int64(messages), "head": conversation.FormatHead(link)}}
}

func opened() audit.Entry {
	e := act(audit.ViaPublic, minor, audit.ActionConversationOpened, 1)
	e.Details["topic"] = "threats"
	return e
}

func sealed(facet string, number int64) audit.Entry {
	return audit.Entry{Via: audit.ViaPublic, Actor: minor, Action: audit.ActionIdentitySealed, Case: caseA,
		Subject: audit.Subject{Type: "facet", ID: facet}, Details: audit.Details{"header": sum, "number": number}}
}

func joined(who audit.Actor) audit.Entry {
	return act(audit.ViaStaff, who, audit.ActionConversationJoined, 2)
}

func handed(from audit.Actor, to *audit.Actor) audit.Entry {
	e := act(audit.ViaStaff, from, audit.ActionConversationHandedOver, 3)
	if to != nil {
		e.Details["to"], e.Details["to_person"] = to.ID, to.Person
	}
	return e
}

func asks(who audit.Actor) audit.Entry {
	return act(audit.ViaStaff, who, audit.ActionPsychologistAsked, 2)
}

func closedBy(via audit.Via, who audit.Actor) audit.Entry {
	return act(via, who, audit.ActionConversationClosed, 9)
}

// story numbers entries and gives them a time.
func story(entries ...audit.Entry) []audit.Entry {
	for i := range entries {
		entries[i].V, entries[i].Seq = audit.Version, int64(10+i)
		entries[i].At = time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)
	}
	return entries
}

// open is how every story begins.
func open(more ...audit.Entry) []audit.Entry {
	return story(append([]audit.Entry{key("transcript"), key("identity"), opened(), sealed("connection", 0)}, more...)...)
}

func with(e audit.Entry, change func(*audit.Entry)) audit.Entry { change(&e); return e }

func TestFoldTellsTheStory(t *testing.T) {
	c, err := conversation.Fold(open(
		joined(amal),
		act(audit.ViaCustodian, amal, audit.ActionConversationRead, 2),
		asks(amal),
		joined(farah),
		sealed("name", 0),
		sealed("name", 1),
		act(audit.ViaStaff, amal, audit.ActionEscalationRequested, 5),
		audit.Entry{Via: audit.ViaStaff, Actor: diane, Action: audit.ActionEscalationDenied, Case: caseA},
		handed(amal, &bruno),
		handed(farah, nil),
		closedBy(audit.ViaPublic, minor),
		act(audit.ViaCustodian, bruno, audit.ActionConversationRead, 9),
		sealed("connection", 1), // the child came back to read
		destroyed("identity"),
		destroyed("identity"), // again, after a restored backup
	))
	if err != nil {
		t.Fatal(err)
	}
	if c.Case != caseA || c.Topic != conversation.TopicThreats || c.State != conversation.StateClosed ||
		c.OpenedSeq != 12 || c.ClosedSeq != 24 || c.LastSeq != 28 || c.OpenedAt.Second() != 2 || c.ClosedAt.Second() != 14 {
		t.Errorf("conversation: %+v", c)
	}
	got := fmt.Sprint(c.Participants[0].ID, c.Participants[0].Active, c.Participants[0].LeftSeq,
		c.Participants[1].ID, c.Participants[1].Active, c.Participants[1].LeftSeq,
		c.Participants[2].ID, c.Participants[2].Active, c.Participants[2].JoinedSeq)
	if want := fmt.Sprint("s-amal", false, 22, "s-farah", false, 23, "s-bruno", true, 22); got != want {
		t.Errorf("participants %s, want %s", got, want)
	}
	for person, want := range map[string]bool{"p-amal": true, "p-farah": true, "p-bruno": true, "p-diane": false, "": false} {
		if c.TookPart(person) != want {
			t.Errorf("TookPart(%q) = %t", person, !want)
		}
	}
	if a := c.Agent(); a == nil || a.ID != "s-bruno" {
		t.Errorf("agent %+v, want bruno", a)
	}
	if n := c.Count(conversation.FacetName); n != 2 || c.Count(conversation.FacetConnection) != 2 || c.Count(conversation.FacetContact) != 0 {
		t.Errorf("facets: %+v", c.Sealed)
	}
	if k := c.Key("identity"); !k.Destroyed || k.DestroyedSeq != 27 || c.Key("transcript").Destroyed {
		t.Errorf("keys: %+v", c.Keys)
	}
	if len(c.Heads) != 10 {
		t.Errorf("%d heads, want 10: %+v", len(c.Heads), c.Heads)
	}
}

// Policy lets an agent ask while a closed conversation can still be read. Were such a
// request no possible history, the child's case could never be read again.
func TestAnEscalationMayBeAskedForAfterClosing(t *testing.T) {
	c, err := conversation.Fold(open(joined(amal), closedBy(audit.ViaPublic, minor), act(audit.ViaStaff, amal, audit.ActionEscalationRequested, 9)))
	if err != nil {
		t.Fatal(err)
	}
	if last := c.Heads[len(c.Heads)-1]; c.State != conversation.StateClosed || last.Seq != c.LastSeq {
		t.Errorf("%+v", c)
	}
}

func TestFoldOfLittle(t *testing.T) {
	for name, tt := range map[string]struct {
		entries []audit.Entry
		state   conversation.State
	}{
		"nothing":             {nil, ""},
		"a ready case":        {story(key("transcript"), key("identity")), ""},
		"nobody has come yet": {open(), conversation.StateWaiting},
		"an agent has":        {open(joined(amal)), conversation.StateActive},
		"and left":            {open(joined(amal), handed(amal, nil)), conversation.StateWaiting},
		"and came back":       {open(joined(amal), handed(amal, nil), joined(amal)), conversation.StateActive},
	} {
		if c, err := conversation.Fold(tt.entries); err != nil || c.State != tt.state {
			t.Errorf("%s: state %q, %v; want %q", name, c.State, err, tt.state)
		}
	}
}

// Each of these histories could only be written by a process that was taken over,
// or by somebody with the database in hand.
func TestFoldRefusesForgedHistories(t *testing.T) {
	for name, entries := range map[string][]audit.Entry{
		"no keys":                                story(opened()),
		"one key only":                           story(key("transcript"), opened()),
		"a key that was destroyed":               story(key("transcript"), key("identity"), destroyed("identity"), opened()),
		"a key by a face":                        story(with(key("transcript"), func(e *audit.Entry) { e.Via = audit.ViaPublic })),
		"a key twice":                            story(key("transcript"), key("transcript")),
		"a key changed after opening":            open(key("transcript")),
		"a key of no class":                      story(key("narrative")),
		"a key without fingerprint":              story(with(key("identity"), func(e *audit.Entry) { e.Details = nil })),
		"a key never created destroyed":          story(destroyed("identity")),
		"opened by a staff face":                 story(key("transcript"), key("identity"), with(opened(), func(e *audit.Entry) { e.Via = audit.ViaStaff })),
		"opened by an agent":                     story(key("transcript"), key("identity"), with(opened(), func(e *audit.Entry) { e.Actor = amal })),
		"opened twice":                           open(opened()),
		"opened on no topic":                     story(key("transcript"), key("identity"), with(opened(), func(e *audit.Entry) { e.Details["topic"] = "" })),
		"opened without head":                    story(key("transcript"), key("identity"), with(opened(), func(e *audit.Entry) { delete(e.Details, "head") })),
		"opened with many messages":              story(key("transcript"), key("identity"), with(opened(), func(e *audit.Entry) { e.Details["messages"] = int64(2) })),
		"another case":                           open(with(joined(amal), func(e *audit.Entry) { e.Case = caseB })),
		"no case":                                story(with(key("transcript"), func(e *audit.Entry) { e.Case = "" })),
		"sealed by a staff face":                 open(with(sealed("name", 0), func(e *audit.Entry) { e.Via = audit.ViaStaff })),
		"sealed by an agent":                     open(with(sealed("name", 0), func(e *audit.Entry) { e.Actor = amal })),
		"sealed twice under one number":          open(sealed("connection", 0)),
		"sealed with a gap":                      open(sealed("connection", 2)),
		"sealed without header":                  open(with(sealed("name", 0), func(e *audit.Entry) { delete(e.Details, "header") })),
		"an unknown facet":                       open(sealed("postal_code", 0)),
		"entrusted after closing":                open(closedBy(audit.ViaPublic, minor), sealed("name", 0)),
		"joined before opening":                  story(key("transcript"), key("identity"), joined(amal)),
		"joined by a public face":                open(with(joined(amal), func(e *audit.Entry) { e.Via = audit.ViaPublic })),
		"joined by the custodian":                open(with(joined(amal), func(e *audit.Entry) { e.Via = audit.ViaCustodian })),
		"joined by a supervisor":                 open(joined(diane)),
		"joined by nobody":                       open(joined(audit.Actor{Role: "agent"})),
		"joined without a person":                open(joined(audit.Actor{ID: "s-x", Role: "agent"})),
		"joined twice":                           open(joined(amal), joined(amal)),
		"two agents":                             open(joined(amal), joined(bruno)),
		"a psychologist alone":                   open(joined(farah)),
		"joined after closing":                   open(closedBy(audit.ViaPublic, minor), joined(amal)),
		"handed over by a stranger":              open(joined(amal), handed(bruno, &bruno)),
		"handed over by a psychologist":          open(joined(amal), joined(farah), handed(farah, &bruno)),
		"handed over after leaving":              open(joined(amal), handed(amal, nil), handed(amal, &bruno)),
		"handed over to nobody":                  open(joined(amal), handed(amal, &audit.Actor{})),
		"handed over to no person":               open(joined(amal), with(handed(amal, &bruno), func(e *audit.Entry) { delete(e.Details, "to_person") })),
		"handed over to the present":             open(joined(amal), joined(farah), handed(amal, &farah)),
		"handed over under another role":         open(joined(amal), with(handed(amal, nil), func(e *audit.Entry) { e.Actor.Role = "psychologist" })),
		"closed twice":                           open(closedBy(audit.ViaPublic, minor), closedBy(audit.ViaPublic, minor)),
		"closed by the custodian":                open(closedBy(audit.ViaCustodian, minor)),
		"closed by an agent elsewhere":           open(joined(amal), closedBy(audit.ViaStaff, bruno)),
		"closed by a psychologist":               open(joined(amal), joined(farah), closedBy(audit.ViaStaff, farah)),
		"closed by staff as the minor":           open(joined(amal), closedBy(audit.ViaStaff, minor)),
		"closed by public as the agent":          open(joined(amal), closedBy(audit.ViaPublic, amal)),
		"read through a face":                    open(joined(amal), act(audit.ViaStaff, amal, audit.ActionConversationRead, 2)),
		"a head of nothing":                      open(joined(amal), act(audit.ViaCustodian, amal, audit.ActionConversationRead, 0)),
		"an escalation before opening":           story(key("transcript"), key("identity"), act(audit.ViaStaff, amal, audit.ActionEscalationRequested, 9)),
		"a psychologist asked by none of it":     open(joined(amal), asks(bruno)),
		"a psychologist asked by nobody's agent": open(asks(amal)),
		"a psychologist asked by one":            open(joined(amal), joined(farah), asks(farah)),
		"a psychologist asked beside another":    open(joined(amal), joined(farah), asks(amal)),
		"a psychologist asked after the end":     open(joined(amal), closedBy(audit.ViaPublic, minor), asks(amal)),
		"out of order":                           {open()[2], open()[1]},
		"one entry twice":                        {open()[0], open()[0]},
	} {
		c, err := conversation.Fold(entries)
		if !errors.Is(err, conversation.ErrHistory) {
			t.Errorf("%s: folds to %+v, %v", name, c, err)
		}
		if c.State != "" || len(c.Keys) != 0 {
			t.Errorf("%s: a refused history still says something: %+v", name, c)
		}
	}
}

// Whatever is written, what Fold accepts has one agent at most, participants only of
// roles that take part, and facets numbered without gaps.
func TestFoldHoldsForAnyEntries(t *testing.T) {
	actors := []audit.Actor{minor, custodian, amal, bruno, farah, diane, {}}
	vias := []audit.Via{audit.ViaPublic, audit.ViaStaff, audit.ViaCustodian}
	rapid.Check(t, func(t *rapid.T) {
		c, err := conversation.Fold(open())
		if err != nil {
			t.Fatal(err)
		}
		for i := range rapid.IntRange(1, 40).Draw(t, "length") {
			who := rapid.SampledFrom(actors).Draw(t, "actor")
			to := rapid.SampledFrom(actors).Draw(t, "to")
			e := rapid.SampledFrom([]audit.Entry{
				joined(who), handed(who, nil), handed(who, &to), closedBy(audit.ViaStaff, who), closedBy(audit.ViaPublic, minor),
				sealed("name", int64(i%4)), sealed("location", int64(i%4)), destroyed("transcript"),
				act(audit.ViaCustodian, who, audit.ActionConversationRead, i),
			}).Draw(t, "entry")
			if rapid.IntRange(0, 9).Draw(t, "lie") == 0 {
				e.Via = rapid.SampledFrom(vias).Draw(t, "via")
			}
			e.Seq = c.LastSeq + 1
			before := c
			before.Participants = append([]conversation.Participant(nil), c.Participants...)
			if err := c.Apply(e); err != nil {
				c = before // an attacker tries on
				continue
			}
			agents := 0
			for _, p := range c.Participants {
				if p.Role != "agent" && p.Role != "psychologist" || p.ID == "" || p.Person == "" {
					t.Fatalf("participant %+v after %+v", p, e)
				}
				if p.Active && p.Role == "agent" {
					agents++
				}
			}
			if agents > 1 || (c.State == conversation.StateActive && agents == 0) {
				t.Fatalf("%d agents in state %s after %+v", agents, c.State, e)
			}
			next := map[conversation.Facet]int{}
			for _, s := range c.Sealed {
				if s.Number != next[s.Facet] {
					t.Fatalf("facets %+v", c.Sealed)
				}
				next[s.Facet]++
			}
		}
	})
}

func TestChain(t *testing.T) {
	sums := [][32]byte{{1}, {2}, {3}, {4}}
	var heads []conversation.Head
	link := conversation.ChainStart(caseA)
	for i, s := range sums {
		link = conversation.ChainNext(link, i, s)
		heads = append(heads, conversation.Head{Messages: i + 1, Link: link, Seq: int64(i)})
	}
	if head, err := conversation.CheckChain(caseA, sums, heads); err != nil || head != link {
		t.Fatalf("the chain that was written does not hold: %v", err)
	}
	if _, err := conversation.CheckChain(caseA, append(sums, [32]byte{5}), heads); err != nil {
		t.Errorf("a message after the last head: %v", err)
	}
	for name, tt := range map[string]struct {
		caseID string
		sums   [][32]byte
		heads  []conversation.Head
	}{
		"altered":            {caseA, [][32]byte{{1}, {2}, {9}, {4}}, heads},
		"altered, one head":  {caseA, [][32]byte{{9}, {2}, {3}, {4}}, heads[3:]},
		"dropped at the end": {caseA, sums[:3], heads[3:]},
		"dropped within":     {caseA, [][32]byte{{1}, {3}, {4}}, heads[3:]},
		"moved":              {caseA, [][32]byte{{2}, {1}, {3}, {4}}, heads[3:]},
		"inserted":           {caseA, [][32]byte{{1}, {1}, {2}, {3}, {4}}, heads[3:]},
		"another case":       {caseB, sums, heads[3:]},
		"a head of nothing":  {caseA, sums, []conversation.Head{{Messages: 0}}},
		"all gone":           {caseA, nil, heads[:1]},
	} {
		if _, err := conversation.CheckChain(tt.caseID, tt.sums, tt.heads); !errors.Is(err, conversation.ErrChain) {
			t.Errorf("%s: %v, want a broken chain", name, err)
		}
	}
}

// What a face recorded is compared, and binds nobody: one false head must not take a
// conversation away from a child.
func TestHeadsOfFacesDoNotBind(t *testing.T) {
	c, err := conversation.Fold(open(joined(amal), act(audit.ViaCustodian, amal, audit.ActionConversationRead, 2), closedBy(audit.ViaPublic, minor)))
	if err != nil {
		t.Fatal(err)
	}
	if b := conversation.Binding(c.Heads); len(c.Heads) != 4 || len(b) != 1 || b[0].Seq != 15 {
		t.Fatalf("%+v bind", b)
	}
	sums := [][32]byte{{1}, {2}}
	first := conversation.ChainNext(conversation.ChainStart(caseA), 0, sums[0])
	good, bad := conversation.Head{Messages: 1, Link: first, Seq: 1}, conversation.Head{Messages: 1, Link: [32]byte{9}, Seq: 2}
	long := conversation.Head{Messages: 3, Link: first, Seq: 3}
	if d := conversation.Doubtful(caseA, sums, []conversation.Head{good, bad, long}); len(d) != 2 || d[0] != bad || d[1] != long {
		t.Errorf("%+v are doubtful", d)
	}
}

// The chain as another language would compute it from the package's comment.
func TestChainVector(t *testing.T) {
	link := conversation.ChainNext(conversation.ChainStart(caseA), 0, [32]byte{})
	if got, want := conversation.FormatHead(link), "sha256:b15981c991312cce0b52b0c21c7c054c79d9bc5f1aa0862bf191ed474019311b"; got != want {
		t.Errorf("link 0 is %s, want %s", got, want)
	}
}

func TestParseHead(t *testing.T) {
	good := "sha256:" + strings.Repeat("0a", 32)
	if link, err := conversation.ParseHead(good); err != nil || conversation.FormatHead(link) != good {
		t.Errorf("ParseHead(%q): %v", good, err)
	}
	for _, s := range []string{"", "sha256:", strings.ToUpper(good), "sha256:" + strings.Repeat("0A", 32), good + "00", good[:70], good[7:],
		"sha512:" + good[7:], "sha256:" + strings.Repeat("0g", 32), " " + good} {
		if _, err := conversation.ParseHead(s); err == nil {
			t.Errorf("ParseHead(%q) accepts", s)
		}
	}
}
