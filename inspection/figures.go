package inspection

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
)

// Figures are what a period comes to: of the requests made in it, whatever happened to
// them later. Persons are the log's random ids; whoever shows them gives them pseudonyms
// first (see [Pseudonym]).
type Figures struct {
	From, To time.Time // From <= requested < To
	At       time.Time // as of when: what is overdue
	Requests int
	Grounds  []OfGround // in the order of escalation.Grounds, each there
	Series   []Bucket   // in order, without gaps
	Unit     string     // of the series: day, week or month
	Refusals []Count    // why policy refused, the most frequent first; a refusal may have several reasons
	Denials  []Count    // why supervisors denied
	Glass    Glass
	Answers  []Answerer // the most answers first
	Pairs    []Pair     // what stands out first; only those seen often enough
	Ignored  int        // cases whose history cannot have happened: none of their requests is counted
}

// OfGround is what became of the requests on one ground.
type OfGround struct {
	Ground                                         string
	Requests, Refused, Denied, Withdrawn, Expired  int
	Approved, InPart, Broken, Opened, Revoked, Now int           // Now: still waiting for an answer
	Decided                                        int           // answers that Median and P95 are of
	Median, P95                                    time.Duration // from the request to the last approval that it took, or to the denial
}

// A Bucket is a day, a week from Monday, or a month of the period, in UTC.
type Bucket struct {
	Start    time.Time
	Requests int
	Opened   []int // by ground, in the order of escalation.Grounds
}

// A Count is how often a code occurred.
type Count struct {
	Code string
	N    int
}

// Glass is how often it was broken, and whether that was looked at.
type Glass struct {
	Granted                               int // by approval or by breaking the glass
	Broken, Due, Overdue, Abusive, Upheld int
}

// Quick is how soon an answer after the evidence was opened is counted as quick: nobody
// reads what is cited in less.
const Quick = 10 * time.Second

// An Answerer is one human who answered requests.
type Answerer struct {
	Person           string
	Approved, Denied int
	Timed            int           // answers whose reading is known
	Quick            int           // of these, sooner than [Quick] after it
	Median, Quickest time.Duration // with the evidence open: from the first reading in the session to the answer
}

// Tally adds up cases. Begin with [NewTally].
type Tally struct {
	f         Figures
	times     map[string][]time.Duration // by ground
	refusals  map[string]int
	denials   map[string]int
	answerers map[string]*answerer
	pairs     pairs
}

type answerer struct {
	Answerer
	open []time.Duration
}

// NewTally begins the figures of the requests made from one time, and before another, as
// of a third.
func NewTally(from, to, at time.Time) *Tally {
	t := &Tally{
		f: Figures{From: from.UTC(), To: to.UTC(), At: at}, times: map[string][]time.Duration{},
		refusals: map[string]int{}, denials: map[string]int{}, answerers: map[string]*answerer{}, pairs: newPairs(),
	}
	for _, g := range escalation.Grounds {
		t.f.Grounds = append(t.f.Grounds, OfGround{Ground: g})
	}
	t.f.Unit, t.f.Series = buckets(t.f.From, t.f.To)
	return t
}

// Add counts the requests of one case, told to its end with all its steps.
func (t *Tally) Add(s *Story) {
	if s.Broken != nil || s.Beyond {
		t.f.Ignored++
		return
	}
	denied := map[string]time.Time{}
	reasons := map[string]string{}
	for _, step := range s.Steps {
		for _, c := range step.Changes {
			switch {
			case c.Before == c.After:
			case c.After == escalation.Denied:
				denied[c.Escalation] = step.Entry.At
			case c.After == escalation.Refused:
				reasons[c.Escalation], _ = step.Entry.Details["reasons"].(string)
			}
		}
	}
	for _, e := range s.Case().Escalations {
		if !e.RequestedAt.Before(t.f.From) && e.RequestedAt.Before(t.f.To) {
			t.request(e, denied[e.ID], reasons[e.ID])
		}
	}
}

func (t *Tally) request(e *escalation.Escalation, deniedAt time.Time, refused string) {
	t.f.Requests++
	bucket := t.bucket(e.RequestedAt)
	if bucket != nil {
		bucket.Requests++
	}
	if e.State == escalation.Refused {
		for _, code := range strings.Split(refused, ",") {
			if code != "" {
				t.refusals[code]++
			}
		}
	}
	i := slices.Index(escalation.Grounds, e.Ground)
	if i < 0 {
		return // only what policy refused has none
	}
	g := &t.f.Grounds[i]
	g.Requests++
	switch e.State {
	case escalation.Refused:
		g.Refused++
	case escalation.Denied:
		g.Denied++
		t.denials[e.DenialReason]++
		t.times[e.Ground] = append(t.times[e.Ground], deniedAt.Sub(e.RequestedAt))
	case escalation.Withdrawn:
		g.Withdrawn++
	case escalation.Expired:
		g.Expired++
	case escalation.Revoked:
		g.Revoked++
	case escalation.Requested:
		g.Now++
	}
	if !e.ApprovedAt.IsZero() {
		g.Approved++
		if len(e.Granted) < len(e.Asked) {
			g.InPart++
		}
		t.times[e.Ground] = append(t.times[e.Ground], e.ApprovedAt.Sub(e.RequestedAt))
	}
	if opened(e) {
		g.Opened++
		if bucket != nil {
			bucket.Opened[i]++
		}
	}
	t.glass(e, g)
	t.answers(e, deniedAt)
}

// opened says whether a key has left Vault, or may have.
func opened(e *escalation.Escalation) bool {
	return slices.ContainsFunc(e.Intents, func(i escalation.Intent) bool { return i.Outcome != escalation.Failed })
}

func (t *Tally) glass(e *escalation.Escalation, g *OfGround) {
	if !e.ApprovedAt.IsZero() || !e.BrokenAt.IsZero() {
		t.f.Glass.Granted++
	}
	if e.BrokenAt.IsZero() {
		return
	}
	g.Broken++
	t.f.Glass.Broken++
	switch {
	case e.Review.Verdict == "confirmed":
		t.f.Glass.Upheld++
	case e.Review.Verdict != "":
		t.f.Glass.Abusive++
	case e.ReviewDue():
		t.f.Glass.Due++
		if escalation.Passed(e.ReviewBy, t.f.At) {
			t.f.Glass.Overdue++
		}
	}
}

func (t *Tally) answers(e *escalation.Escalation, deniedAt time.Time) {
	for _, a := range e.Approvals {
		t.answered(e, a.Actor, a.At).Approved++
		t.pairs.add(e.Requester.Person, a.Actor.Person)
	}
	if !deniedAt.IsZero() && e.DeniedBy.ID != "" {
		t.answered(e, e.DeniedBy, deniedAt).Denied++
	}
}

func (t *Tally) answered(e *escalation.Escalation, who audit.Actor, at time.Time) *answerer {
	a := t.answerers[who.Person]
	if a == nil {
		a = &answerer{Answerer: Answerer{Person: who.Person}}
		t.answerers[who.Person] = a
	}
	for _, r := range e.Reads {
		if r.Actor.Person == who.Person && r.Actor.Session == who.Session && !r.At.After(at) {
			open := at.Sub(r.At)
			a.open = append(a.open, open)
			if open < Quick {
				a.Quick++
			}
			break // the first reading in the session
		}
	}
	return a
}

// Figures concludes.
func (t *Tally) Figures() Figures {
	f := t.f
	f.Grounds = slices.Clone(f.Grounds)
	for i := range f.Grounds {
		g := &f.Grounds[i]
		g.Decided = len(t.times[g.Ground])
		g.Median, g.P95 = quantile(t.times[g.Ground], 50), quantile(t.times[g.Ground], 95)
	}
	f.Refusals, f.Denials = counts(t.refusals), counts(t.denials)
	for _, a := range t.answerers {
		a.Timed, a.Median, a.Quickest = len(a.open), quantile(a.open, 50), quantile(a.open, 0)
		f.Answers = append(f.Answers, a.Answerer)
	}
	slices.SortFunc(f.Answers, func(a, b Answerer) int {
		return cmp.Or(cmp.Compare(b.Approved+b.Denied, a.Approved+a.Denied), cmp.Compare(a.Person, b.Person))
	})
	f.Pairs = t.pairs.standing()
	return f
}

func counts(of map[string]int) []Count {
	var all []Count
	for code, n := range of {
		all = append(all, Count{code, n})
	}
	slices.SortFunc(all, func(a, b Count) int { return cmp.Or(cmp.Compare(b.N, a.N), cmp.Compare(a.Code, b.Code)) })
	return all
}

// quantile is the smallest value that percent of the values do not exceed; 0 of none.
func quantile(of []time.Duration, percent int) time.Duration {
	if len(of) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(of))
	rank := (len(sorted)*percent + 99) / 100 // from 1
	return sorted[max(rank, 1)-1]
}

// buckets divides a period so that a chart of it can be read: days of a month, weeks of
// half a year, months of anything longer.
func buckets(from, to time.Time) (string, []Bucket) {
	unit, start := "month", time.Date(from.Year(), from.Month(), 1, 0, 0, 0, 0, time.UTC)
	next := func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }
	day := time.Date(from.Year(), from.Month(), from.Day(), 0, 0, 0, 0, time.UTC)
	switch span := to.Sub(from); {
	case span <= 31*24*time.Hour:
		unit, start = "day", day
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }
	case span <= 26*7*24*time.Hour:
		unit, start = "week", day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
		next = func(t time.Time) time.Time { return t.AddDate(0, 0, 7) }
	}
	var all []Bucket
	for at := start; at.Before(to) && len(all) < maxBuckets; at = next(at) {
		all = append(all, Bucket{Start: at, Opened: make([]int, len(escalation.Grounds))})
	}
	return unit, all
}

// maxBuckets are ten years of months.
const maxBuckets = 121

func (t *Tally) bucket(at time.Time) *Bucket {
	i, found := slices.BinarySearchFunc(t.f.Series, at, func(b Bucket, at time.Time) int { return b.Start.Compare(at) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return &t.f.Series[i]
}
