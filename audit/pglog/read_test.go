package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

func TestFilters(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	var times []time.Time
	for n := range 12 {
		d := pglog.Draft{
			Actor:   audit.Actor{ID: fmt.Sprintf("s-%d", n%3), Person: fmt.Sprintf("p-%d", n%2)},
			Action:  audit.ActionEscalationRequested,
			Case:    []string{caseA, caseB}[n%2],
			Subject: audit.Subject{Type: "escalation", ID: fmt.Sprintf("e-%d", n/4)},
		}
		if n%4 == 3 {
			d.Action = audit.ActionEscalationApproved
		}
		ref, err := l.Append(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, ref.At)
	}
	for name, c := range map[string]struct {
		f    pglog.Filter
		want []int64
	}{
		"all":               {pglog.Filter{}, []int64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}},
		"actor":             {pglog.Filter{Actor: "s-1"}, []int64{1, 4, 7, 10}},
		"person":            {pglog.Filter{Person: "p-1"}, []int64{1, 3, 5, 7, 9, 11}},
		"actor and person":  {pglog.Filter{Actor: "s-0", Person: "p-1"}, []int64{3, 9}},
		"case":              {pglog.Filter{Case: caseB}, []int64{1, 3, 5, 7, 9, 11}},
		"action":            {pglog.Filter{Actions: []audit.Action{audit.ActionEscalationApproved}}, []int64{3, 7, 11}},
		"two actions":       {pglog.Filter{Actions: []audit.Action{audit.ActionEscalationApproved, audit.ActionEscalationRequested}, Limit: 4}, []int64{0, 1, 2, 3}},
		"subject":           {pglog.Filter{SubjectType: "escalation", SubjectID: "e-2"}, []int64{8, 9, 10, 11}},
		"no such subject":   {pglog.Filter{SubjectType: "facet", SubjectID: "e-2"}, nil},
		"from a number":     {pglog.Filter{FromSeq: 9}, []int64{9, 10, 11}},
		"limit":             {pglog.Filter{FromSeq: 3, Limit: 2}, []int64{3, 4}},
		"from a time":       {pglog.Filter{From: times[8]}, []int64{8, 9, 10, 11}},
		"to a time":         {pglog.Filter{To: times[2]}, []int64{0, 1}},
		"between":           {pglog.Filter{From: times[2], To: times[5]}, []int64{2, 3, 4}},
		"between, a case":   {pglog.Filter{From: times[2], To: times[5], Case: caseB}, []int64{3}},
		"between, backward": {pglog.Filter{From: times[5], To: times[2]}, nil},
		"after the end":     {pglog.Filter{From: times[11].Add(time.Microsecond)}, nil},
		"before the start":  {pglog.Filter{To: times[0]}, nil},
		"time and number":   {pglog.Filter{From: times[2], FromSeq: 7, To: times[9]}, []int64{7, 8}},
	} {
		t.Run(name, func(t *testing.T) {
			var got []int64
			for r, err := range pglog.Entries(t.Context(), db.Pool(t, "sceau_staff"), c.f) {
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, r.Seq)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

// More entries than a page holds, read on one connection that the reader uses
// in between.
func TestReadingGoesOnPastAPage(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	const n = 1100
	_, err := l.Do(t.Context(), pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
		for i := range n {
			if _, err := turn.Append(signedIn(i)); err != nil {
				return nil, err
			}
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Super.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	next := int64(0)
	for r, err := range pglog.Entries(t.Context(), conn, pglog.Filter{Actions: []audit.Action{audit.ActionStaffSignedIn}}) {
		if err != nil {
			t.Fatal(err)
		}
		if r.Seq != next {
			t.Fatalf("entry %d after %d", r.Seq, next-1)
		}
		next++
		if r.Seq%500 == 0 {
			if _, err := pglog.At(t.Context(), conn, r.Seq); err != nil {
				t.Fatal(err)
			}
		}
	}
	if next != n {
		t.Errorf("read %d of %d", next, n)
	}
}

func TestWhatIsNotThere(t *testing.T) {
	db := pgtest.New(t)
	if _, err := pglog.At(t.Context(), db.Super, 0); !errors.Is(err, pglog.ErrNoEntry) {
		t.Errorf("an entry of an empty log: %v", err)
	}
	h, err := pglog.ReadHead(t.Context(), db.Super)
	if err != nil || h.Next != 0 || h.Hash != audit.Genesis(h.Origin) || h.Origin != pgtest.Origin {
		t.Errorf("head of an empty log: %+v, %v", h, err)
	}
}
