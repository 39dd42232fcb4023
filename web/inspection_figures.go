package web

import (
	"context"
	"errors"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// Period is a span of time. Without an end it is the end of today, without a beginning
// thirty days before the end; in UTC.
type Period struct {
	From time.Time `query:"from" doc:"Requested at or after; by default thirty days before the end"`
	To   time.Time `query:"to" doc:"Requested before; by default the end of today, UTC"`
}

func (p *Period) bounds(now time.Time) (from, to time.Time, err error) {
	from, to = p.From.UTC(), p.To.UTC()
	if p.To.IsZero() {
		y, m, d := now.UTC().Date()
		to = time.Date(y, m, d+1, 0, 0, 0, 0, time.UTC)
	}
	if p.From.IsZero() {
		from = to.AddDate(0, 0, -30)
	}
	if !from.Before(to) || to.Sub(from) > maxPeriod {
		return from, to, invalid("query.from", "expected a time before the end, by ten years at most")
	}
	return from, to, nil
}

const maxPeriod = 10 * 366 * 24 * time.Hour

// maxCases bounds the cases that figures fold: some seconds of work.
const maxCases = 20_000

// batchCases is how many cases one query reads.
const batchCases = 100

type seconds struct {
	N      int   `json:"n" doc:"How many they are of"`
	Median int64 `json:"median_s"`
	P95    int64 `json:"p95_s"`
}

type groundFigures struct {
	Ground    string  `json:"ground"`
	Requests  int     `json:"requests"`
	Refused   int     `json:"refused" doc:"By policy"`
	Denied    int     `json:"denied"`
	Withdrawn int     `json:"withdrawn"`
	Expired   int     `json:"expired"`
	Waiting   int     `json:"waiting" doc:"For an answer, still"`
	Approved  int     `json:"approved"`
	InPart    int     `json:"in_part" doc:"Of these, with fewer facets than asked"`
	Broken    int     `json:"broken" doc:"Granted by breaking the glass"`
	Opened    int     `json:"opened" doc:"Opened, or possibly opened"`
	Revoked   int     `json:"revoked"`
	Decision  seconds `json:"decision" doc:"From the request to the last approval that it took, or to the denial"`
}

type bucket struct {
	Start    time.Time `json:"start"`
	Requests int       `json:"requests"`
	Opened   []int     `json:"opened" doc:"By ground, in the order of grounds"`
}

type count struct {
	Code string `json:"code"`
	N    int    `json:"n"`
}

type glassFigures struct {
	Granted  int `json:"granted" doc:"By approval or by breaking the glass"`
	Broken   int `json:"broken"`
	Due      int `json:"due" doc:"Of the broken, those still to be reviewed"`
	Overdue  int `json:"overdue" doc:"Of these, past their time"`
	Upheld   int `json:"upheld"`
	Abusive  int `json:"abusive"`
	SharePct int `json:"share_pct" doc:"Broken, of granted, rounded"`
}

type answerer struct {
	Who       string `json:"who" doc:"Pseudonym, of this period alone"`
	Approved  int    `json:"approved"`
	Denied    int    `json:"denied"`
	Timed     int    `json:"timed" doc:"Answers whose reading of the evidence is known"`
	Quick     int    `json:"quick" doc:"Of these, less than ten seconds after the evidence was opened"`
	MedianS   int64  `json:"median_s" doc:"Seconds from opening the evidence, in the same session, to the answer"`
	QuickestS int64  `json:"quickest_s"`
}

type pair struct {
	Requester string  `json:"requester" doc:"Pseudonym"`
	Approver  string  `json:"approver" doc:"Pseudonym"`
	Observed  int     `json:"observed" doc:"Approvals by the one of requests of the other"`
	Expected  float64 `json:"expected" doc:"Had approvals been dealt out without regard to who asks"`
	Chance    float64 `json:"chance" doc:"Of so many or more, then (hypergeometric)"`
	StandsOut bool    `json:"stands_out" doc:"Less than one in a hundred for all the pairs looked at together"`
}

type figuresBody struct {
	Read      int64           `json:"read" doc:"The entry that records this look"`
	From      time.Time       `json:"from"`
	To        time.Time       `json:"to"`
	At        time.Time       `json:"at" doc:"What is overdue is so at this time"`
	Cases     int             `json:"cases"`
	Until     *time.Time      `json:"until,omitempty" doc:"There were too many: only requests before this time were counted"`
	Requests  int             `json:"requests"`
	Ignored   int             `json:"ignored" doc:"Cases whose history cannot have happened, or whose beginning was pruned: not counted"`
	Grounds   []groundFigures `json:"grounds"`
	Unit      string          `json:"unit" enum:"day,week,month"`
	Series    []bucket        `json:"series"`
	Refusals  []count         `json:"refusals" doc:"Why policy refused; one refusal may have several reasons"`
	Denials   []count         `json:"denials"`
	Glass     glassFigures    `json:"glass"`
	Answers   []answerer      `json:"answers"`
	PairsFrom int             `json:"pairs_from" doc:"How often a pair must have met to be looked at"`
	Pairs     []pair          `json:"pairs"`
}

type figuresOutput struct{ Body figuresBody }

// figures says what a period comes to. Who answered is told under a pseudonym: the log is
// there to check lawfulness, not how people perform.
func (s *staff) figures(ctx context.Context, in *Period) (*figuresOutput, error) {
	body, err := s.compute(ctx, in, audit.Details{})
	if err != nil {
		return nil, err
	}
	return &figuresOutput{*body}, nil
}

func (s *staff) compute(ctx context.Context, in *Period, details audit.Details) (*figuresBody, error) {
	now := s.cfg.Now()
	from, to, err := in.bounds(now)
	if err != nil {
		return nil, err
	}
	details["from"], details["to"] = audit.FormatTime(from), audit.FormatTime(to)
	read, err := s.look(ctx, policy.ViewFigures, details)
	if err != nil {
		return nil, err
	}
	key, err := staffstore.PseudonymKey(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	first, err := s.firstSeq(ctx)
	if err != nil {
		return nil, err
	}
	y := inspection.NewTally(from, to, now)
	c := counting{staff: s, upTo: read.Seq, pruned: first > 0, tally: y, seen: map[string]bool{}}
	if err := c.walk(ctx, from, to); err != nil {
		return nil, err
	}
	body := figuresOf(y.Figures(), func(person string) string { return inspection.Pseudonym(key, from, to, person) })
	body.Read, body.Cases, body.Until = read.Seq, len(c.seen), c.until
	return body, nil
}

// counting folds the cases in which something was asked for, some at a time.
type counting struct {
	*staff
	upTo   int64
	pruned bool
	tally  *inspection.Tally
	seen   map[string]bool
	batch  []string
	until  *time.Time
}

func (c *counting) walk(ctx context.Context, from, to time.Time) error {
	for r, err := range pglog.Entries(ctx, c.reader, pglog.Filter{
		From: from, To: to, Actions: []audit.Action{audit.ActionEscalationRequested, audit.ActionEscalationRefused},
	}) {
		if err != nil {
			return err
		}
		if c.seen[r.Case] {
			continue
		}
		if len(c.seen) == maxCases {
			c.until = &r.At
			break
		}
		c.seen[r.Case] = true
		if c.batch = append(c.batch, r.Case); len(c.batch) == batchCases {
			if err := c.fold(ctx); err != nil {
				return err
			}
		}
	}
	return c.fold(ctx)
}

func (c *counting) fold(ctx context.Context) error {
	if len(c.batch) == 0 {
		return nil
	}
	var story *inspection.Story
	last := ""
	end := func() {
		if story != nil {
			c.tally.Add(story)
		}
	}
	err := pglog.EachOfCases(ctx, c.reader, c.batch, c.upTo, func(f pglog.Found) error {
		if story == nil || f.Case != last {
			end()
			story, last = &inspection.Story{Keep: keepSteps, Pruned: c.pruned}, f.Case
		}
		story.Add(leafOf(f))
		return nil
	})
	if err == nil {
		end()
	}
	c.batch = c.batch[:0]
	return err
}

// keepSteps bounds the entries of one case that figures look at.
const keepSteps = 50_000

func whole(d time.Duration) int64 { return int64(d.Round(time.Second) / time.Second) }

func figuresOf(f inspection.Figures, alias func(person string) string) *figuresBody {
	b := &figuresBody{
		From: f.From, To: f.To, At: f.At, Requests: f.Requests, Ignored: f.Ignored, Unit: f.Unit, PairsFrom: inspection.PairsFrom,
		Grounds: []groundFigures{}, Series: []bucket{}, Refusals: countsOf(f.Refusals), Denials: countsOf(f.Denials), Answers: []answerer{}, Pairs: []pair{},
		Glass: glassFigures{Granted: f.Glass.Granted, Broken: f.Glass.Broken, Due: f.Glass.Due, Overdue: f.Glass.Overdue,
			Upheld: f.Glass.Upheld, Abusive: f.Glass.Abusive, SharePct: percent(f.Glass.Broken, f.Glass.Granted)},
	}
	for _, g := range f.Grounds {
		b.Grounds = append(b.Grounds, groundFigures{
			Ground: g.Ground, Requests: g.Requests, Refused: g.Refused, Denied: g.Denied, Withdrawn: g.Withdrawn, Expired: g.Expired,
			Waiting: g.Now, Approved: g.Approved, InPart: g.InPart, Broken: g.Broken, Opened: g.Opened, Revoked: g.Revoked,
			Decision: seconds{N: g.Decided, Median: whole(g.Median), P95: whole(g.P95)},
		})
	}
	for _, at := range f.Series {
		b.Series = append(b.Series, bucket{at.Start, at.Requests, at.Opened})
	}
	for _, a := range f.Answers {
		b.Answers = append(b.Answers, answerer{
			Who: alias(a.Person), Approved: a.Approved, Denied: a.Denied, Timed: a.Timed, Quick: a.Quick,
			MedianS: whole(a.Median), QuickestS: whole(a.Quickest),
		})
	}
	for _, p := range f.Pairs {
		b.Pairs = append(b.Pairs, pair{alias(p.Requester), alias(p.Approver), p.Observed, p.Expected, p.Chance, p.StandsOut})
	}
	return b
}

func countsOf(list []inspection.Count) []count {
	all := []count{}
	for _, c := range list {
		all = append(all, count(c))
	}
	return all
}

func percent(part, of int) int {
	if of == 0 {
		return 0
	}
	return (200*part + of) / (2 * of)
}

type nameInput struct {
	Body struct {
		Who    string    `json:"who" pattern:"^[A-Z2-7]{4}-[A-Z2-7]{4}$" doc:"The pseudonym"`
		From   time.Time `json:"from" doc:"Of the figures that show it"`
		To     time.Time `json:"to"`
		Reason string    `json:"reason" pattern:"^[a-z_]{0,32}$" doc:"collusion, complaint, misuse or proceedings"`
	}
}

// account is one of a human's.
type account struct {
	ID   string `json:"id" doc:"The random id that entries name"`
	Name string `json:"name,omitempty" doc:"Absent when it was erased"`
}

type nameOutput struct {
	Body struct {
		Read     int64     `json:"read" doc:"The entry that records it, with the reason"`
		Person   string    `json:"person" doc:"The random id that entries name"`
		Accounts []account `json:"accounts"`
	}
}

// name says whom a pseudonym stands for. Policy wants a reason, and the entry names the
// human who was looked up: whoever asks who looked at whom finds it by its subject.
func (s *staff) name(ctx context.Context, in *nameInput) (*nameOutput, error) {
	person, err := s.behind(ctx, in.Body.Who, in.Body.From.UTC(), in.Body.To.UTC())
	if err != nil {
		return nil, err
	}
	if person == "" {
		// No entry: nobody was looked at, and what was typed must not stay in the log.
		return nil, refuse("pseudonym.unknown")
	}
	looking := policystore.Looking{View: policy.ViewNames, Reason: in.Body.Reason, Details: audit.Details{"pseudonym": in.Body.Who},
		Subject: audit.Subject{Type: "person", ID: person}}
	read, err := s.policy.LookAt(ctx, s.journal, callerOf(ctx).actor, looking)
	if err != nil {
		return nil, err
	}
	known, err := staffstore.Accounts(ctx, s.reader, person)
	if err != nil {
		return nil, err
	}
	out := &nameOutput{}
	out.Body.Read, out.Body.Person, out.Body.Accounts = read.Seq, person, make([]account, len(known))
	for i, a := range known {
		out.Body.Accounts[i] = account(a)
	}
	return out, nil
}

// behind finds the human behind a pseudonym of a period, "" when there is none.
func (s *staff) behind(ctx context.Context, who string, from, to time.Time) (string, error) {
	key, err := staffstore.PseudonymKey(ctx, s.reader)
	if err != nil {
		return "", err
	}
	all, err := staffstore.Persons(ctx, s.reader)
	if err != nil {
		return "", err
	}
	found := ""
	for _, person := range all {
		if inspection.Pseudonym(key, from, to, person) != who {
			continue
		}
		if found != "" {
			return "", errors.New("two people have one pseudonym") // once in a trillion
		}
		found = person
	}
	return found, nil
}
