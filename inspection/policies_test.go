package inspection_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/internal/devsigners"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

func TestWhoseRules(t *testing.T) {
	n := happened(t)
	p, err := inspection.WhoseRules(n.export, 0, n.pinned)
	if err != nil {
		t.Fatal(err)
	}
	if p.Damage != nil || len(p.Warnings) > 0 || p.Unjudged > 0 || p.Decided == 0 || len(p.InForce) != 1 {
		t.Fatalf("what really happened: %+v", p)
	}
	if a := p.InForce[0]; a.Seq != 0 || a.Serial != 1 || a.At.IsZero() || !slices.Equal(a.Persons, devsigners.Names[:]) {
		t.Errorf("in force: %+v", a)
	}

	// Somebody who pins other people finds that the service followed rules of its own.
	others, err := devsigners.New()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := others.Pin("sceau.test/another")
	if err != nil {
		t.Fatal(err)
	}
	p, err = inspection.WhoseRules(n.export, 0, theirs)
	if err != nil {
		t.Fatal(err)
	}
	if p.Damage == nil || p.Damage.Code != audit.CodePolicy || p.Decided > 0 || len(p.InForce) > 0 ||
		len(p.Warnings) != 3 || p.Warnings[0].Seq != 0 || p.Warnings[0].Code != audit.CodeActivation {
		t.Errorf("with other people's pins: %+v", p)
	}

	if _, err := inspection.WhoseRules(n.export, 0, policy.Verification{}); err == nil {
		t.Error("without pins, something was concluded")
	}

	// Each is a whole chain from origin to head: nothing but what it says is wrong.
	other := "sha256:" + strings.Repeat("e", 64)
	for _, c := range []struct {
		name   string
		change func([]audit.Entry) []audit.Entry
		first  int64
		damage bool
		detail string
		warns  int
		judged bool
	}{
		{
			name: "the bundle swapped",
			change: func(es []audit.Entry) []audit.Entry {
				es[0].Subject = audit.Subject{Type: activation.SubjectType, ID: other}
				es[0].Details["policy"] = other
				return es
			},
			damage: true, detail: "nothing was in force", warns: 3, // two are decisions of the staff face
		},
		{
			name:   "never activated",
			change: func(es []audit.Entry) []audit.Entry { return es[1:] },
			damage: true, detail: "nothing was in force", warns: 2,
		},
		{
			name: "a face decides by rules that never were",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionEscalationRequested, 0)
				d := *es[i].Decision
				d.Policy = other
				es[i].Decision = &d
				return es
			},
			warns: 1, judged: true,
		},
		{
			name: "one decision by other rules",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionIdentityReleaseOrdered, 0)
				d := *es[i].Decision
				d.Policy = other
				es[i].Decision = &d
				return es
			},
			damage: true, detail: "was in force since entry 0", judged: true,
		},
		{
			name: "replayed at the end: nothing was decided by it, and nothing is in force",
			change: func(es []audit.Entry) []audit.Entry {
				again := es[0]
				again.At = es[len(es)-1].At
				return append(es, again)
			},
			warns: 1, judged: true,
		},
		{
			name: "replayed before a decision",
			change: func(es []audit.Entry) []audit.Entry {
				i := find(t, es, audit.ActionIdentityReleaseOrdered, 0)
				again := es[0]
				again.At = es[i].At
				return slices.Insert(es, i, again)
			},
			damage: true, detail: "nothing was in force", warns: 1, judged: true,
		},
		{
			name:   "an export that begins after the activation",
			change: func(es []audit.Entry) []audit.Entry { return es[1:] },
			first:  7,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := inspection.WhoseRules(n.rewritten(t, c.change), c.first, n.pinned)
			if err != nil {
				t.Fatal(err)
			}
			if (p.Damage != nil) != c.damage || len(p.Warnings) != c.warns || (p.Decided > 0) != c.judged || (p.Unjudged > 0) != (c.first > 0) {
				t.Fatalf("%+v, damage %v", p, p.Damage)
			}
			if p.Damage != nil && (p.Damage.Code != audit.CodePolicy || !has(p.Damage.Detail, c.detail)) {
				t.Errorf("%v, want %s", p.Damage, c.detail)
			}
		})
	}
}
