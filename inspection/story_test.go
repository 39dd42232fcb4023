package inspection_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/inspection"
)

func (n night) story(t *testing.T, change func([]audit.Entry) []audit.Entry, keep int, from int64) *inspection.Story {
	t.Helper()
	s := &inspection.Story{Keep: keep, From: from}
	for leaf, err := range audit.Leaves(n.rewritten(t, change)) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.Parse(bytes.Clone(leaf))
		if err != nil {
			t.Fatal(err)
		}
		if e.Case == n.caseID {
			s.Add(escalation.Leaf{Entry: e, Hash: audit.LeafHash(leaf)}, "")
		}
	}
	return s
}

func TestStory(t *testing.T) {
	n := happened(t)
	asItWas := func(es []audit.Entry) []audit.Entry { return es }
	s := n.story(t, asItWas, 100, 0)
	if s.Broken != nil || s.Disregarded() > 0 || s.More || len(s.Steps) != s.Total {
		t.Fatalf("%+v", s)
	}
	// What each entry came to, of the escalation that was opened.
	opened := s.Case().Escalations[1].ID
	var states []escalation.State
	for _, step := range s.Steps {
		for _, c := range step.Changes {
			if c.Escalation == opened && c.Before != c.After {
				states = append(states, c.After)
			}
		}
	}
	if want := []escalation.State{escalation.Requested, escalation.Approved, escalation.Released}; !slices.Equal(states, want) {
		t.Errorf("%v, want %v", states, want)
	}

	t.Run("page by page", func(t *testing.T) {
		var seqs []int64
		for from := int64(0); ; {
			p := n.story(t, asItWas, 3, from)
			if p.Total != s.Total || len(p.Case().Escalations) != 2 {
				t.Fatalf("a page folds all of the case: %+v", p)
			}
			for _, step := range p.Steps {
				seqs = append(seqs, step.Entry.Seq)
			}
			if from = p.Next; !p.More {
				break
			}
		}
		if len(seqs) != s.Total || !slices.IsSorted(seqs) {
			t.Errorf("%v", seqs)
		}
	})

	// A face writes that somebody approved what was refused long ago.
	t.Run("what a face writes around the rules is shown", func(t *testing.T) {
		s := n.story(t, func(es []audit.Entry) []audit.Entry {
			i := find(t, es, audit.ActionEscalationApproved, 0)
			forged := es[i]
			forged.Subject.ID = es[find(t, es, audit.ActionEscalationRefused, 0)].Subject.ID
			return slices.Insert(es, i+1, forged)
		}, 100, 0)
		i := slices.IndexFunc(s.Steps, func(step inspection.Step) bool { return step.Disregarded != "" })
		if s.Broken != nil || s.Disregarded() != 1 || i < 0 || s.Steps[i].Entry.Action != audit.ActionEscalationApproved || len(s.Steps[i].Changes) > 0 {
			t.Fatalf("%+v", s)
		}
		if s.Case().Escalations[0].State != escalation.Refused || s.Case().Escalations[1].State != escalation.Released {
			t.Error("something followed from it")
		}
	})

	t.Run("what the custodian cannot have written ends it", func(t *testing.T) {
		s := n.story(t, func(es []audit.Entry) []audit.Entry {
			i := find(t, es, audit.ActionEscalationApproved, 0)
			return slices.Delete(es, i, i+1)
		}, 100, 0)
		if s.Broken == nil || s.Broken.Action != string(audit.ActionIdentityReleaseOrdered) {
			t.Fatalf("%+v", s.Broken)
		}
		last := s.Steps[len(s.Steps)-1]
		if !last.Unjudged || last.Entry.Action != audit.ActionIdentityReleased {
			t.Errorf("%+v", last)
		}
	})

	t.Run("damaged", func(t *testing.T) {
		s := &inspection.Story{Keep: 2}
		s.Add(escalation.Leaf{Entry: audit.Entry{Seq: 4}}, "its hash is not its leaf's")
		s.Add(escalation.Leaf{Entry: audit.Entry{Seq: 5, Action: audit.ActionKeyCreated}}, "")
		if s.Broken == nil || s.Broken.Seq != 4 || !strings.Contains(s.Steps[0].Impossible, "hash") || !s.Steps[1].Unjudged {
			t.Errorf("%+v", s)
		}
	})

	t.Run("begun before the log does", func(t *testing.T) {
		s := &inspection.Story{Keep: 2, Pruned: true}
		s.Add(escalation.Leaf{Entry: audit.Entry{Seq: 9, Case: n.caseID, Action: audit.ActionEscalationApproved}}, "")
		if !s.Beyond || s.Broken != nil || !s.Steps[0].Unjudged {
			t.Errorf("%+v", s)
		}
	})
}

// The figures of what really happened, from its entries.
func TestFiguresOfANight(t *testing.T) {
	n := happened(t)
	s := n.story(t, func(es []audit.Entry) []audit.Entry { return es }, 100, 0)
	now := s.Steps[len(s.Steps)-1].Entry.At
	y := inspection.NewTally(now.AddDate(0, 0, -1), now.Add(1), now)
	y.Add(s)
	f := y.Figures()
	g := f.Grounds[slices.Index(escalation.Grounds, escalation.GroundImminentDanger)]
	if f.Requests != 2 || g.Requests != 2 || g.Refused != 1 || g.Approved != 1 || g.Opened != 1 || g.Decided != 1 || g.Median <= 0 {
		t.Errorf("%+v", f)
	}
	if len(f.Refusals) == 0 || f.Refusals[0].N != 1 || len(f.Answers) != 1 || f.Answers[0].Approved != 1 || f.Answers[0].Timed != 1 || f.Answers[0].Quick != 1 {
		t.Errorf("%+v, %+v", f.Refusals, f.Answers)
	}
}
