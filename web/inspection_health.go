package web

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// verified is what the last verification came to, as its own entry says it.
type verified struct {
	Seq      int64     `json:"seq" doc:"The entry that says it"`
	At       time.Time `json:"at"`
	By       string    `json:"by" doc:"Random id of the account that asked for it"`
	Holds    bool      `json:"holds"`
	Entries  int64     `json:"entries" doc:"How many were checked and hold"`
	First    int64     `json:"first" doc:"The first of them"`
	Head     string    `json:"head,omitempty" doc:"Hash of the last of them"`
	Warnings int64     `json:"warnings"`
	DamageAt *int64    `json:"damage_at,omitempty" doc:"The first entry that cannot be relied on"`
	Damage   string    `json:"damage,omitempty" doc:"Code of the damage"`
}

// verifying is a verification under way, or the lack of one.
type verifying struct {
	Running bool   `json:"running"`
	Checked int64  `json:"checked"`
	Total   int64  `json:"total"`
	Failed  string `json:"failed,omitempty" doc:"Why the last one of this process could not be ended"`
}

// waitingFor is how much of something waits, and for how long the oldest of it.
type waitingFor struct {
	What    string `json:"what" enum:"conversations,requests,reviews,tellings,erasures"`
	Count   int    `json:"count"`
	More    bool   `json:"more" doc:"There are more than were counted"`
	OldestS int64  `json:"oldest_s" doc:"The oldest waits for so many seconds; of reviews and tellings, it is overdue for so long"`
	Overdue int    `json:"overdue" doc:"Of these, past their time"`
}

type healthOutput struct {
	Body struct {
		Read         int64        `json:"read" doc:"The entry that records this look"`
		Origin       string       `json:"origin"`
		First        int64        `json:"first" doc:"The first entry; above 0 after pruning"`
		Size         int64        `json:"size" doc:"How many entries there are"`
		Head         string       `json:"head" doc:"Hash of the last entry: keep it with its number, where the operator cannot reach it"`
		HeadSeq      int64        `json:"head_seq"`
		HeadAt       time.Time    `json:"head_at"`
		Last         *verified    `json:"last,omitempty" doc:"The last verification, whoever asked for it"`
		LastUnknown  bool         `json:"last_unknown" doc:"There may have been one: its entry cannot be believed, or the log is too long to have been searched whole"`
		Since        int64        `json:"since" doc:"Entries that came after what it checked"`
		Verification verifying    `json:"verification"`
		Waiting      []waitingFor `json:"waiting"`
	}
}

// health says how the chain is, and what waits for people.
func (s *staff) health(ctx context.Context, _ *struct{}) (*healthOutput, error) {
	read, err := s.look(ctx, policy.ViewLog, audit.Details{"as": "health"})
	if err != nil {
		return nil, err
	}
	head, err := pglog.ReadHead(ctx, s.reader)
	if err != nil {
		return nil, err
	}
	out := &healthOutput{}
	b := &out.Body
	if b.First, err = s.firstSeq(ctx); err != nil {
		return nil, err
	}
	b.Read, b.Origin, b.Size, b.Head, b.HeadSeq, b.HeadAt = read.Seq, head.Origin, head.Next-b.First, head.Hash.String(), head.Next-1, head.At
	if b.Last, b.LastUnknown, err = s.lastVerified(ctx); err != nil {
		return nil, err
	}
	if b.Since = b.Size; b.Last != nil {
		b.Since = head.Next - b.Last.First - b.Last.Entries
	}
	b.Verification = s.verifier.state()
	b.Waiting, err = s.waits(ctx)
	return out, err
}

// The subject of entries that record a verification.
const (
	verificationType  = "verification"
	verificationBegun = "begun"
	verificationEnded = "ended"
)

// lastVerified finds what the log says of its last verification. Without one, unknown
// says that there may be one all the same.
func (s *staff) lastVerified(ctx context.Context) (last *verified, unknown bool, err error) {
	page, err := pglog.Search(ctx, s.reader, pglog.Query{Newest: true, Via: audit.ViaStaff, Filter: pglog.Filter{
		Actions: []audit.Action{audit.ActionLogRead}, SubjectType: verificationType, SubjectID: verificationEnded, Limit: 1,
	}}, searchPatience)
	if err != nil {
		return nil, false, err
	}
	last, unknown = verifiedIn(page)
	return last, unknown, nil
}

func verifiedIn(page pglog.Page) (last *verified, unknown bool) {
	if len(page.Found) == 0 {
		return nil, page.More
	}
	f := page.Found[0]
	if f.Damage != nil {
		return nil, true
	}
	v := &verified{Seq: f.Seq, At: f.At, By: f.Actor.ID}
	v.Holds, _ = f.Details["holds"].(bool)
	v.Entries, _ = f.Details["entries"].(int64)
	v.First, _ = f.Details["first"].(int64)
	v.Head, _ = f.Details["head"].(string)
	v.Warnings, _ = f.Details["warnings"].(int64)
	v.Damage, _ = f.Details["damage"].(string)
	if at, ok := f.Details["damage_at"].(int64); ok {
		v.DamageAt = &at
	}
	return v, false
}

// waits counts what people have not done yet.
func (s *staff) waits(ctx context.Context) ([]waitingFor, error) {
	now := s.cfg.Now()
	talks := waitingFor{What: "conversations"}
	queue, err := s.conversations.Queue(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range queue {
		talks.Count++
		talks.OldestS = max(talks.OldestS, int64(w.Age/time.Second))
	}
	asked := waitingFor{What: "requests"}
	oldest, n, err := s.escalations.Oldest(ctx)
	if err != nil {
		return nil, err
	}
	asked.Count, asked.OldestS = n, int64(oldest/time.Second)
	due := waitingFor{What: "reviews"}
	reviews, err := s.escalations.Reviews(ctx)
	if err != nil {
		return nil, err
	}
	for _, e := range reviews.Items {
		if !e.ReviewDue() {
			continue
		}
		due.Count++
		due.More = reviews.More
		due.late(e.ReviewBy, now)
	}
	told := waitingFor{What: "tellings"}
	untold, err := s.escalations.Untold(ctx)
	if err != nil {
		return nil, err
	}
	told.Count, told.Overdue, told.OldestS = untold.Count, untold.Overdue, int64(untold.Late/time.Second)
	erasures := waitingFor{What: "erasures"}
	oldest, erasures.Count, err = s.retention.Oldest(ctx)
	if err != nil {
		return nil, err
	}
	erasures.OldestS = int64(oldest / time.Second)
	return []waitingFor{talks, asked, due, told, erasures}, nil
}

func (w *waitingFor) late(by, now time.Time) {
	if escalation.Passed(by, now) {
		w.Overdue++
		w.OldestS = max(w.OldestS, int64(now.Sub(by)/time.Second))
	}
}

// verifier verifies the log in the database, one time at a time, on behalf of whoever
// asks. What it finds becomes an entry, so that whoever looks later, through whatever
// process, sees when that was, by whom and up to where.
type verifier struct {
	mu      sync.Mutex
	running bool
	failed  string
	known   []audit.Known // the last head that this process has found whole
	checked atomic.Int64
	total   atomic.Int64
	ended   sync.WaitGroup
}

func (v *verifier) state() verifying {
	v.mu.Lock()
	defer v.mu.Unlock()
	return verifying{Running: v.running, Checked: v.checked.Load(), Total: v.total.Load(), Failed: v.failed}
}

type verifyingOutput struct{ Body verifying }

// progress says how far a verification is. It shows nothing of the log, and is no entry.
func (s *staff) progress(context.Context, *struct{}) (*verifyingOutput, error) {
	return &verifyingOutput{s.verifier.state()}, nil
}

// verify begins a verification of the whole log. One that is under way serves whoever asks
// meanwhile.
func (s *staff) verify(ctx context.Context, _ *struct{ NoBody }) (*verifyingOutput, error) {
	v := &s.verifier
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return &verifyingOutput{verifying{Running: true, Checked: v.checked.Load(), Total: v.total.Load()}}, nil
	}
	who := callerOf(ctx).actor
	if _, err := s.policy.LookAt(ctx, s.journal, who, policystore.Looking{
		View: policy.ViewLog, Subject: audit.Subject{Type: verificationType, ID: verificationBegun}, Details: audit.Details{"as": "verification"},
	}); err != nil {
		return nil, err
	}
	// It outlives the request, and ends with the process.
	run, cancel := context.WithCancel(context.Background())
	live, err := pglog.OpenLive(run, s.reader, -1)
	if err != nil {
		cancel()
		return nil, err
	}
	v.running, v.failed = true, ""
	v.checked.Store(0)
	v.total.Store(live.Meta.Count)
	v.ended.Go(func() {
		defer cancel()
		done := make(chan struct{})
		defer close(done)
		go func() {
			select {
			case <-s.stop:
				cancel()
			case <-done:
			}
		}()
		err := s.conclude(run, who, live)
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.running = false; err != nil {
			p, _ := s.problem(err, false)
			v.failed = p.Code
			s.face.note(run, p, err)
		}
	})
	return &verifyingOutput{verifying{Running: true, Total: live.Meta.Count}}, nil
}

// conclude verifies, and writes down what came of it.
func (s *staff) conclude(ctx context.Context, who audit.Actor, live *pglog.Live) error {
	v := &s.verifier
	v.mu.Lock()
	known := v.known
	v.mu.Unlock()
	report := audit.Verify(live, audit.Options{Known: known, Progress: func(checked, _ int64) { v.checked.Store(checked) }})
	v.checked.Store(report.Checked)
	if err := ctx.Err(); err != nil {
		return err // what could not be read is no damage
	}
	if report.Damage != nil && report.Damage.Code == audit.CodeUnreadable {
		return report.Damage
	}
	details := audit.Details{
		"as": "verification", "holds": report.Damage == nil && live.Damage() == nil, "first": live.Meta.First,
		"entries": report.Checked, "warnings": int64(len(report.Warnings)),
	}
	damage := func(seq int64, code string) {
		details["damage"] = code
		if seq >= 0 {
			details["damage_at"] = seq
		}
	}
	switch d, l := report.Damage, live.Damage(); {
	case l != nil && (d == nil || l.Seq <= d.Seq):
		damage(l.Seq, "stored") // its own columns contradict it
	case d != nil:
		damage(d.Seq, string(d.Code))
	default:
		details["head"] = live.Meta.Head.String()
	}
	if _, err := s.policy.LookAt(ctx, s.journal, who, policystore.Looking{
		View: policy.ViewLog, Subject: audit.Subject{Type: verificationType, ID: verificationEnded}, Details: details,
	}); err != nil {
		return err
	}
	if details["holds"] == true && live.Meta.Count > 0 {
		v.mu.Lock()
		// Only who remembers a head from before can tell that all of the log was written anew.
		v.known = []audit.Known{{Seq: live.Meta.First + live.Meta.Count - 1, Hash: live.Meta.Head}}
		v.mu.Unlock()
	}
	return nil
}
