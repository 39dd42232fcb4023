package web

import (
	"context"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
)

// CasePath names a case.
type CasePath struct {
	ID string `path:"id" pattern:"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"`
}

type caseInput struct {
	CasePath
	From  int64 `query:"from_seq" minimum:"0" doc:"Steps from this entry on; what came before is folded all the same"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"200"`
}

// actor is who acted, in the log's random ids.
type actor struct {
	ID     string `json:"id"`
	Person string `json:"person,omitempty"`
	Role   string `json:"role,omitempty"`
	Unit   string `json:"unit,omitempty"`
}

func actorOf(a audit.Actor) actor { return actor{a.ID, a.Person, a.Role, a.Unit} }

// change is what an entry did to an escalation.
type change struct {
	Escalation string `json:"escalation"`
	Before     string `json:"before,omitempty" doc:"Absent when it begins here"`
	After      string `json:"after"`
}

// step is one entry of a case, and what came of it.
type step struct {
	Seq         int64         `json:"seq"`
	At          time.Time     `json:"at"`
	Via         string        `json:"via"`
	Actor       actor         `json:"actor"`
	Action      string        `json:"action"`
	SubjectType string        `json:"subject_type,omitempty"`
	Subject     string        `json:"subject,omitempty"`
	Ground      string        `json:"ground,omitempty"`
	Result      string        `json:"result,omitempty" enum:"allow,refuse" doc:"What policy said, where it was asked"`
	Details     audit.Details `json:"details,omitempty"`
	Hash        string        `json:"hash"`
	Changes     []change      `json:"changes,omitempty"`
	Disregarded string        `json:"disregarded,omitempty" doc:"Why nothing follows from it: a face wrote it around the rules"`
	Impossible  string        `json:"impossible,omitempty" doc:"Why it cannot have happened: nothing opens on such a case"`
	Unjudged    bool          `json:"unjudged,omitempty" doc:"It comes after one that cannot have happened, or the case's beginning was pruned"`
}

type release struct {
	Seq     int64     `json:"seq" doc:"Of the order"`
	At      time.Time `json:"at"`
	Facets  []string  `json:"facets"`
	Until   time.Time `json:"until" doc:"End of the reading window"`
	Outcome string    `json:"outcome" enum:"possibly_opened,opened,failed"`
}

// escalationShown is an escalation as the entries of its case tell it: who and when, never what was
// opened.
type escalationShown struct {
	ID          string     `json:"id"`
	Seq         int64      `json:"seq" doc:"Of the request"`
	Ground      string     `json:"ground,omitempty"`
	State       string     `json:"state"`
	Requester   actor      `json:"requester"`
	RequestedAt time.Time  `json:"requested_at"`
	Asked       []string   `json:"asked,omitempty"`
	Granted     []string   `json:"granted,omitempty"`
	Messages    int        `json:"messages" doc:"How many messages it cites"`
	AnswerBy    *time.Time `json:"answer_by,omitempty"`
	ApprovedAt  *time.Time `json:"approved_at,omitempty"`
	BrokenAt    *time.Time `json:"broken_at,omitempty"`
	UseBy       *time.Time `json:"use_by,omitempty"`
	ReadUntil   *time.Time `json:"read_until,omitempty"`
	ReviewBy    *time.Time `json:"review_by,omitempty"`
	Review      string     `json:"review,omitempty"`
	TellBy      *time.Time `json:"tell_by,omitempty" doc:"The young person is still to be told, by then"`
	Denial      string     `json:"denial,omitempty"`
	Revocation  string     `json:"revocation,omitempty"`
	ClosedFor   string     `json:"closed_for,omitempty"`
	Openings    []release  `json:"openings,omitempty"`
}

type broken struct {
	Seq int64  `json:"seq"`
	Why string `json:"why"`
}

type caseBody struct {
	Read        int64             `json:"read" doc:"The entry that records this look"`
	ID          string            `json:"id"`
	Topic       string            `json:"topic,omitempty"`
	State       string            `json:"state,omitempty"`
	OpenedAt    *time.Time        `json:"opened_at,omitempty"`
	ClosedAt    *time.Time        `json:"closed_at,omitempty"`
	Erased      bool              `json:"erased" doc:"A key of the case was destroyed"`
	Entries     int               `json:"entries" doc:"How many there are of this case"`
	Disregarded int               `json:"disregarded" doc:"Of these, entries that a face wrote around the rules"`
	Broken      *broken           `json:"broken,omitempty" doc:"The first entry that cannot have happened"`
	Beyond      bool              `json:"beyond" doc:"The case began before the log does: nothing of it is judged"`
	Escalations []escalationShown `json:"escalations"`
	Steps       []step            `json:"steps"`
	Next        *int64            `json:"next,omitempty" doc:"from_seq of the next steps"`
}

type caseOutput struct{ Body caseBody }

// caseStory tells a case from its first entry to its last, as the service itself folds it.
func (s *staff) caseStory(ctx context.Context, in *caseInput) (*caseOutput, error) {
	details := audit.Details{"as": "case", "by_case": in.ID, "limit": int64(in.Limit)}
	if in.From > 0 {
		details["from_seq"] = in.From
	}
	body, err := s.tellCase(ctx, in.ID, details, in.From, in.Limit)
	if err != nil {
		return nil, err
	}
	return &caseOutput{*body}, nil
}

func (s *staff) tellCase(ctx context.Context, id string, details audit.Details, from int64, keep int) (*caseBody, error) {
	read, err := s.look(ctx, policy.ViewLog, details)
	if err != nil {
		return nil, err
	}
	first, err := s.firstSeq(ctx)
	if err != nil {
		return nil, err
	}
	story := &inspection.Story{From: from, Keep: keep, Pruned: first > 0}
	if err := pglog.EachOfCases(ctx, s.reader, []string{id}, read.Seq, func(f pglog.Found) error {
		story.Add(leafOf(f))
		return nil
	}); err != nil {
		return nil, err
	}
	if story.Total == 0 {
		return nil, refuse("entry.not_found")
	}
	return caseOf(id, read.Seq, story), nil
}

// leafOf is a stored entry as folds want it, and its damage.
func leafOf(f pglog.Found) (escalation.Leaf, string) {
	why := ""
	if f.Damage != nil {
		why = f.Damage.Why
	}
	return escalation.Leaf{Entry: f.Entry, Hash: f.Hash}, why
}

func caseOf(id string, read int64, story *inspection.Story) *caseBody {
	c := story.Case()
	b := &caseBody{
		Read: read, ID: id, Topic: string(c.Topic), State: string(c.State), OpenedAt: timeOrNil(c.OpenedAt), ClosedAt: timeOrNil(c.ClosedAt),
		Erased: c.Erased(), Entries: story.Total, Disregarded: story.Disregarded(), Beyond: story.Beyond,
		Escalations: make([]escalationShown, len(c.Escalations)), Steps: make([]step, len(story.Steps)),
	}
	if story.Broken != nil {
		b.Broken = &broken{story.Broken.Seq, story.Broken.Err.Error()}
	}
	if story.More {
		b.Next = &story.Next
	}
	for i, e := range c.Escalations {
		b.Escalations[i] = shownOf(e)
	}
	for i := range story.Steps {
		b.Steps[i] = stepOf(&story.Steps[i])
	}
	return b
}

func shownOf(e *escalation.Escalation) escalationShown {
	out := escalationShown{
		ID: e.ID, Seq: e.RequestSeq, Ground: e.Ground, State: string(e.State), Requester: actorOf(e.Requester), RequestedAt: e.RequestedAt,
		Asked: e.Asked, Granted: e.Granted, Messages: len(e.Evidence), AnswerBy: timeOrNil(e.AnswerBy), ApprovedAt: timeOrNil(e.ApprovedAt),
		BrokenAt: timeOrNil(e.BrokenAt), UseBy: timeOrNil(e.UseBy), ReadUntil: timeOrNil(e.ReadUntil), ReviewBy: timeOrNil(e.ReviewBy),
		Review: e.Review.Verdict, TellBy: timeOrNil(e.TellBy()), Denial: e.DenialReason, Revocation: e.RevocationReason, ClosedFor: e.ClosedFor,
	}
	for _, i := range e.Intents {
		outcome := map[escalation.Outcome]string{escalation.Unknown: "possibly_opened", escalation.Opened: "opened", escalation.Failed: "failed"}[i.Outcome]
		out.Openings = append(out.Openings, release{Seq: i.Seq, At: i.At, Facets: i.Facets, Until: i.Until, Outcome: outcome})
	}
	return out
}

func stepOf(from *inspection.Step) step {
	e := &from.Entry
	s := step{
		Seq: e.Seq, At: e.At, Via: string(e.Via), Actor: actorOf(e.Actor), Action: string(e.Action), SubjectType: e.Subject.Type, Subject: e.Subject.ID,
		Ground: e.Ground, Details: e.Details, Hash: from.Hash.String(),
		Disregarded: from.Disregarded, Impossible: from.Impossible, Unjudged: from.Unjudged,
	}
	if e.Decision != nil {
		s.Result = e.Decision.Result
	}
	for _, c := range from.Changes {
		s.Changes = append(s.Changes, change{c.Escalation, string(c.Before), string(c.After)})
	}
	return s
}

// firstSeq is where the log begins: above 0 after pruning.
func (s *staff) firstSeq(ctx context.Context) (int64, error) {
	page, err := pglog.Search(ctx, s.reader, pglog.Query{Filter: pglog.Filter{Limit: 1}}, searchPatience)
	if err != nil || len(page.Found) == 0 {
		return 0, err
	}
	return page.Found[0].Seq, nil
}
