package inspection_test

import (
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
)

func TestLives(t *testing.T) {
	n := happened(t)
	if r := audit.Verify(n.export, audit.Options{}); r.Damage != nil {
		t.Fatal(r.Damage)
	}
	l, err := inspection.Lives(n.export, 0)
	if err != nil {
		t.Fatal(err)
	}
	if l.Damage != nil || len(l.Warnings) > 0 || l.Disregarded > 0 || l.Cases != 1 || l.Escalations != 2 {
		t.Fatalf("what really happened: %+v", l)
	}

	// Each is a whole chain from origin to head: nothing but what it says is wrong.
	for _, c := range []struct {
		name   string
		change func([]audit.Entry) []audit.Entry
		damage audit.Action // the entry that cannot have happened
		detail string
		warns  audit.Action // an entry that is disregarded besides
	}{
		{
			name: "a release without a grant",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionEscalationApprovalGiven, 0)
				return slices.Delete(es, i, i+2)
			},
			damage: audit.ActionIdentityReleaseOrdered, detail: "wrong_state",
		},
		{
			name: "a release to somebody else",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionIdentityReleaseOrdered, 0)
				es[i].Actor.Person, es[i].Actor.ID = "p-other", "s-other"
				return es
			},
			damage: audit.ActionIdentityReleaseOrdered,
		},
		{
			name: "facets that were not granted",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionIdentityReleaseOrdered, 0)
				es[i].Details["facets"] = "connection,name"
				return es
			},
			damage: audit.ActionIdentityReleaseOrdered, detail: "facets.not_granted",
		},
		{
			name: "after the time to use it",
			change: func(es []audit.Entry) []audit.Entry {
				for i := find(t, es, audit.ActionIdentityReleaseOrdered, 0); i < len(es); i++ {
					es[i].At = es[i].At.Add(24 * time.Hour)
				}
				return es
			},
			damage: audit.ActionIdentityReleaseOrdered, detail: "expired",
		},
		{
			name: "a second use",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionIdentityReleaseOrdered, 0)
				again := es[i]
				again.At = es[i].At.Add(48 * time.Hour)
				again.Details = audit.Details{}
				for k, v := range es[i].Details {
					again.Details[k] = v
				}
				again.Details["use"] = int64(2)
				last := es[len(es)-1]
				last.At = again.At
				return append(es[:len(es)-1], again, last)
			},
			damage: audit.ActionIdentityReleaseOrdered,
		},
		{
			name: "two eyes of one person",
			change: func(es []audit.Entry) []audit.Entry {
				requester := es[find(t, es, audit.ActionEscalationRequested, 0)].Actor
				for _, a := range []audit.Action{audit.ActionEvidenceRead, audit.ActionEscalationApprovalGiven, audit.ActionEscalationApproved} {
					es[find(t, es, a, 0)].Actor.Person = requester.Person
				}
				return es
			},
			damage: audit.ActionEvidenceRead,
		},
		{
			name: "an approval of evidence that was not read",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionEvidenceRead, 0)
				return slices.Delete(es, i, i+1)
			},
			damage: audit.ActionIdentityReleaseOrdered, warns: audit.ActionEscalationApprovalGiven,
		},
		{
			name: "an outcome of facets that were not ordered",
			change: func(es []audit.Entry) []audit.Entry {
				es[find(t, es, audit.ActionIdentityReleased, 0)].Details["facets"] = "name"
				return es
			},
			damage: audit.ActionIdentityReleased,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			forged := n.rewritten(t, c.change)
			l, err := inspection.Lives(forged, 0)
			if err != nil {
				t.Fatal(err)
			}
			if l.Damage == nil {
				t.Fatalf("nothing is wrong with it: %+v", l)
			}
			if l.Damage.Code != audit.CodeLife || !has(l.Damage.Detail, string(c.damage)) || !has(l.Damage.Detail, c.detail) {
				t.Errorf("%v, want %s, %s", l.Damage, c.damage, c.detail)
			}
		})
	}
}

// What a broken face wrote around the rules changes nothing, and is shown.
func TestWhatIsDisregardedIsShown(t *testing.T) {
	n := happened(t)
	var at int64
	forged := n.rewritten(t, func(es []audit.Entry) []audit.Entry {
		i := find(t, es, audit.ActionEscalationApproved, 0)
		again := es[i] // approved twice
		at = int64(i) + 1
		return slices.Insert(es, i+1, again)
	})
	l, err := inspection.Lives(forged, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := audit.Warning{Seq: at, Code: audit.CodeDisregarded, Case: n.caseID}
	if l.Damage != nil || len(l.Warnings) != 1 || l.Warnings[0] != want {
		t.Errorf("%+v, want the warning %+v", l, want)
	}
}

// Of a case that began before the export, nothing is judged: its beginning is not there.
func TestACaseThatBeganBeforeIsNotJudged(t *testing.T) {
	n := happened(t)
	cut := n.rewritten(t, func(es []audit.Entry) []audit.Entry {
		return es[find(t, es, audit.ActionConversationJoined, 0):]
	})
	l, err := inspection.Lives(cut, 7)
	if err != nil {
		t.Fatal(err)
	}
	if l.Damage != nil || l.Beyond != 1 || len(l.Warnings) > 0 {
		t.Errorf("%+v", l)
	}
}
