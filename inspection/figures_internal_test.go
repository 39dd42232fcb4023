package inspection

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC) // a Monday

// told is a case as it was folded, without the entries that say so.
func told(all ...*escalation.Escalation) *Story {
	return &Story{folded: &escalation.Case{Escalations: all}}
}

// approved is a request that somebody answered after so long, having read for so long.
func approved(requester, approver string, after, read time.Duration) *escalation.Escalation {
	who := audit.Actor{ID: "s-" + approver, Person: approver, Role: "supervisor", Session: "x"}
	at := noon.Add(after)
	return &escalation.Escalation{
		ID: "e", State: escalation.Released, Ground: escalation.GroundImminentDanger, RequestedAt: noon,
		Requester: audit.Actor{Person: requester}, Asked: []string{"connection", "name"}, Granted: []string{"name"},
		Reads: []escalation.Reading{
			{Actor: audit.Actor{Person: approver, Session: "yesterday"}, At: noon}, // another session's does not count
			{Actor: who, At: at.Add(-read)}, {Actor: who, At: at},
		},
		Approvals: []escalation.Approval{{Actor: who, At: at}}, ApprovedAt: at,
		Intents: []escalation.Intent{{Outcome: escalation.Unknown}}, // possibly opened is opened
	}
}

func TestFigures(t *testing.T) {
	y := NewTally(noon.AddDate(0, 0, -1), noon.AddDate(0, 0, 2), noon.AddDate(0, 0, 9))
	for i := 1; i <= 20; i++ {
		y.Add(told(approved("amal", "diane", time.Duration(i)*time.Minute, time.Duration(i)*time.Second)))
	}
	failed := approved("amal", "etienne", time.Hour, time.Minute)
	failed.Intents[0].Outcome, failed.Granted = escalation.Failed, failed.Asked
	glass := &escalation.Escalation{State: escalation.GlassBroken, Ground: escalation.GroundImminentDanger, RequestedAt: noon,
		BrokenAt: noon.Add(time.Hour), ReviewBy: noon.Add(73 * time.Hour)}
	early, late := approved("a", "b", 1, 1), approved("a", "b", 1, 1)
	early.RequestedAt, late.RequestedAt = noon.AddDate(0, 0, -1).Add(-1), noon.AddDate(0, 0, 2)
	y.Add(told(failed, glass, early, late))
	y.Add(&Story{Broken: &escalation.HistoryError{}, folded: told(approved("a", "b", 1, 1)).folded})
	f := y.Figures()

	if f.Requests != 22 || f.Ignored != 1 || f.Unit != "day" || len(f.Series) != 4 {
		t.Errorf("%+v", f)
	}
	if b := f.Series[1]; b.Requests != 22 || b.Opened[1] != 20 || b.Opened[0] != 0 || f.Series[0].Requests != 0 {
		t.Errorf("%+v", f.Series)
	}
	g := f.Grounds[1]
	want := OfGround{Ground: "imminent_danger", Requests: 22, Approved: 21, InPart: 20, Broken: 1, Opened: 20, Decided: 21,
		Median: 11 * time.Minute, P95: 20 * time.Minute}
	if g != want {
		t.Errorf("%+v, want %+v", g, want)
	}
	if want := (Glass{Granted: 22, Broken: 1, Due: 1, Overdue: 1}); f.Glass != want {
		t.Errorf("%+v, want %+v", f.Glass, want)
	}
	a := f.Answers[0]
	if want := (Answerer{Person: "diane", Approved: 20, Timed: 20, Quick: 9, Median: 10 * time.Second, Quickest: time.Second}); a != want {
		t.Errorf("%+v, want %+v", a, want)
	}
	if len(f.Pairs) != 1 || f.Pairs[0].Observed != 20 || f.Pairs[0].StandsOut {
		t.Errorf("one requester cannot stand out: %+v", f.Pairs)
	}
}

func TestPairs(t *testing.T) {
	p := newPairs()
	// Ten agents and ten supervisors meet three times each; two of them nine times more.
	for a := range 10 {
		for s := range 10 {
			for range 3 {
				p.add(fmt.Sprint("a", a), fmt.Sprint("s", s))
			}
		}
	}
	for range 9 {
		p.add("a3", "s4")
	}
	all := p.standing()
	if len(all) != 1 || all[0].Requester != "a3" || all[0].Approver != "s4" || all[0].Observed != 12 || !all[0].StandsOut {
		t.Fatalf("%+v", all)
	}
	if e := all[0].Expected; math.Abs(e-39.*39./309.) > 1e-9 {
		t.Errorf("expected %v", e)
	}
	// Whoever always works with the same person does not stand out where everybody does.
	one := newPairs()
	for range 40 {
		one.add("a", "s")
	}
	if all := one.standing(); len(all) != 1 || all[0].StandsOut || all[0].Chance != 1 {
		t.Errorf("%+v", all)
	}
}

// Urns that can be counted by hand.
func TestAtLeast(t *testing.T) {
	for _, c := range []struct {
		n, all, marked, drawn int
		want                  float64
	}{
		{0, 10, 4, 3, 1},
		{1, 10, 4, 3, 1 - 20./120},      // none of 3 among the 6 others: C(6,3)/C(10,3)
		{3, 10, 4, 3, 4. / 120},         // C(4,3)/C(10,3)
		{5, 52, 13, 5, 1287. / 2598960}, // a flush of one suit
		{4, 5, 5, 4, 1},
	} {
		if got := atLeast(c.n, c.all, c.marked, c.drawn); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestPseudonym(t *testing.T) {
	key, other := []byte("a key of thirty-two bytes, or so"), []byte("another key of thirty-two bytes!")
	from, to := noon, noon.AddDate(0, 1, 0)
	p := Pseudonym(key, from, to, "p-1f3a")
	if len(p) != 9 || p != Pseudonym(key, from.In(time.FixedZone("", 3600)), to, "p-1f3a") {
		t.Errorf("not stable: %s", p)
	}
	for _, q := range []string{
		Pseudonym(other, from, to, "p-1f3a"), Pseudonym(key, from, to.Add(1000), "p-1f3a"), Pseudonym(key, from, to, "p-1f3b"),
	} {
		if q == p {
			t.Errorf("%s again", q)
		}
	}
	if Pseudonym(key, from, to, "") != "" {
		t.Error("nobody has a pseudonym")
	}
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct {
		days  int
		unit  string
		n     int
		first time.Time
	}{
		{7, "day", 8, time.Date(2026, 3, 4, 0, 0, 0, 0, time.UTC)}, // noon to noon touches eight days
		{90, "week", 14, time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)},
		{365, "month", 13, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
		{36500, "month", maxBuckets, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)},
	} {
		from := noon.AddDate(0, 0, 2)
		unit, all := buckets(from, from.AddDate(0, 0, c.days))
		if unit != c.unit || len(all) != c.n || !all[0].Start.Equal(c.first) {
			t.Errorf("%d days: %s, %d from %v", c.days, unit, len(all), all[0].Start)
		}
	}
}
