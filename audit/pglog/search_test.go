package pglog_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// What only leaves say, in both directions, page after page: each way of reading on finds
// the same entries, each once.
func TestSearch(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	for n := range 24 {
		d := pglog.Draft{
			Actor:  audit.Actor{ID: fmt.Sprintf("s-%d", n%3), Person: "p-1", Role: []string{"agent", "supervisor"}[n%2]},
			Action: audit.ActionEscalationRequested, Case: caseA, Ground: []string{"consent", "imminent_danger"}[n/12],
			// The words of a filter, where they are something else.
			Details: audit.Details{"role": "inspector", "ground": "judicial_requisition", "result": "refuse"},
		}
		if n%4 == 0 {
			d.Decision = &audit.Decision{ID: "d", Path: "escalation.request", Policy: "sha256:x", Engine: "e",
				Input: audit.Commit(make([]byte, 32), "input", caseA, nil), Result: []string{audit.ResultAllow, audit.ResultRefuse}[n/4%2]}
		}
		if _, err := l.Append(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
	for name, c := range map[string]struct {
		of   pglog.Query
		want []int64
	}{
		"role":                 {pglog.Query{Role: "supervisor", Filter: pglog.Filter{FromSeq: 18}}, []int64{19, 21, 23}},
		"ground":               {pglog.Query{Ground: "imminent_danger", UpTo: 14}, []int64{12, 13}},
		"allowed":              {pglog.Query{Result: "allow"}, []int64{0, 8, 16}},
		"refused":              {pglog.Query{Result: "refuse"}, []int64{4, 12, 20}},
		"all of it":            {pglog.Query{Result: "refuse", Role: "agent", Ground: "consent", Via: "staff"}, []int64{4}},
		"a detail is no role":  {pglog.Query{Role: "inspector"}, nil},
		"except":               {pglog.Query{Except: []audit.Action{audit.ActionEscalationRequested}}, nil},
		"another's":            {pglog.Query{Via: "operator"}, nil},
		"with what has column": {pglog.Query{Role: "agent", Filter: pglog.Filter{Actor: "s-1"}}, []int64{4, 10, 16, 22}},
	} {
		for _, newest := range []bool{false, true} {
			for limit := 1; limit < 5; limit++ {
				of, got := c.of, []int64(nil)
				of.Newest, of.Limit = newest, limit
				for {
					p, err := pglog.Search(t.Context(), db.Pool(t, "sceau_staff"), of, time.Minute)
					if err != nil {
						t.Fatal(err)
					}
					for _, f := range p.Found {
						if f.Damage != nil {
							t.Fatal(f.Damage)
						}
						got = append(got, f.Seq)
					}
					if len(p.Found) > limit {
						t.Fatalf("%s: %d on a page of %d", name, len(p.Found), limit)
					}
					if !p.More {
						break
					}
					if of.FromSeq = p.Next; newest {
						of.FromSeq, of.UpTo = c.of.FromSeq, p.Next
					}
				}
				want := slices.Clone(c.want)
				if newest {
					slices.Reverse(want)
				}
				if !slices.Equal(got, want) {
					t.Errorf("%s, newest first %v, %d a page: %v, want %v", name, newest, limit, got, want)
				}
			}
		}
	}
	// Without patience nothing is found, and where to read on is the beginning.
	p, err := pglog.Search(t.Context(), db.Super, pglog.Query{Filter: pglog.Filter{Limit: 3}}, -1)
	if err != nil || !p.More || p.Next != 0 || p.Looked != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// An entry that somebody altered is shown, and what lies beyond it too.
func TestSearchShowsDamage(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	for n := range 3 {
		if _, err := l.Append(t.Context(), signedIn(n)); err != nil {
			t.Fatal(err)
		}
	}
	db.Tampered()
	conn, err := db.Super.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	for _, sql := range []string{
		`SET session_replication_role = replica`,
		`ALTER TABLE sceau.entries DISABLE TRIGGER ALL`, `ALTER TABLE sceau.entries_0000000 DISABLE TRIGGER ALL`,
		`UPDATE sceau.entries SET leaf = convert_to(replace(convert_from(leaf, 'UTF8'), '"s-', '"t-'), 'UTF8') WHERE seq = 1`,
	} {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
	p, err := pglog.Search(t.Context(), db.Super, pglog.Query{Filter: pglog.Filter{Limit: 9}}, time.Minute)
	if err != nil || len(p.Found) != 3 || p.Found[0].Damage != nil || p.Found[1].Damage == nil || p.Found[2].Damage != nil {
		t.Fatalf("%+v, %v", p, err)
	}
	f, err := pglog.AsStored(t.Context(), db.Super, 1)
	if err != nil || f.Damage == nil || len(f.Leaf) == 0 {
		t.Errorf("%+v, %v", f, err)
	}
}
