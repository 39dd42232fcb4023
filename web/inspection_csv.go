package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// eachFound reads what an export holds, one entry at a time.
type eachFound func(context.Context, func(pglog.Found) error) error

func entriesCSV(ctx context.Context, to io.Writer, each eachFound) error {
	t, err := newSheet(to, "seq", "at", "via", "actor", "person", "role", "unit", "session", "action", "case", "subject_type", "subject",
		"ground", "decision", "policy", "result", "details", "hash", "damage")
	if err != nil {
		return err
	}
	if err := each(ctx, func(f pglog.Found) error {
		damage, path, revision, result, details, at := "", "", "", "", "", ""
		if f.Damage != nil {
			damage = f.Damage.Why
		} else {
			at = audit.FormatTime(f.At)
		}
		if d := f.Decision; d != nil {
			path, revision, result = d.Path, d.Policy, d.Result
		}
		if len(f.Details) > 0 {
			text, err := json.Marshal(f.Details)
			if err != nil {
				return err
			}
			details = string(text)
		}
		return t.row(strconv.FormatInt(f.Seq, 10), at, string(f.Via), f.Actor.ID, f.Actor.Person, f.Actor.Role, f.Actor.Unit,
			f.Actor.Session, string(f.Action), f.Case, f.Subject.Type, f.Subject.ID, f.Ground, path, revision, result, details, f.Hash.String(), damage)
	}); err != nil {
		return err
	}
	return t.end()
}

func caseCSV(to io.Writer, b *caseBody) error {
	t, err := newSheet(to, "seq", "at", "via", "actor", "person", "role", "action", "subject_type", "subject", "ground", "result",
		"changes", "disregarded", "impossible", "unjudged", "hash")
	if err != nil {
		return err
	}
	for _, s := range b.Steps {
		var changes []string
		for _, c := range s.Changes {
			changes = append(changes, c.Escalation+": "+c.Before+" > "+c.After)
		}
		at := ""
		if !s.At.IsZero() {
			at = audit.FormatTime(s.At)
		}
		if err := t.row(strconv.FormatInt(s.Seq, 10), at, s.Via, s.Actor.ID, s.Actor.Person, s.Actor.Role, s.Action, s.SubjectType, s.Subject,
			s.Ground, s.Result, strings.Join(changes, "; "), s.Disregarded, s.Impossible, strconv.FormatBool(s.Unjudged), s.Hash); err != nil {
			return err
		}
	}
	return t.end()
}

// figuresCSV writes one figure a line: a table, a row of it, a measure.
func figuresCSV(to io.Writer, b *figuresBody) error {
	t, err := newSheet(to, "table", "row", "measure", "value")
	if err != nil {
		return err
	}
	var failed error
	put := func(of, row, measure string, value any) {
		if failed == nil {
			failed = t.row(of, row, measure, fmt.Sprint(value))
		}
	}
	put("period", "", "from", audit.FormatTime(b.From))
	put("period", "", "to", audit.FormatTime(b.To))
	put("period", "", "requests", b.Requests)
	put("period", "", "cases", b.Cases)
	put("period", "", "ignored", b.Ignored)
	for _, g := range b.Grounds {
		for _, m := range []struct {
			name string
			n    int64
		}{
			{"requests", int64(g.Requests)}, {"refused", int64(g.Refused)}, {"denied", int64(g.Denied)}, {"withdrawn", int64(g.Withdrawn)},
			{"expired", int64(g.Expired)}, {"waiting", int64(g.Waiting)}, {"approved", int64(g.Approved)}, {"in_part", int64(g.InPart)},
			{"broken", int64(g.Broken)}, {"opened", int64(g.Opened)}, {"revoked", int64(g.Revoked)}, {"decided", int64(g.Decision.N)},
			{"median_s", g.Decision.Median}, {"p95_s", g.Decision.P95},
		} {
			put("grounds", g.Ground, m.name, m.n)
		}
	}
	for _, at := range b.Series {
		start := at.Start.Format(time.DateOnly)
		put("series", start, "requests", at.Requests)
		for i, n := range at.Opened {
			put("series", start, "opened_"+b.Grounds[i].Ground, n)
		}
	}
	for _, c := range b.Refusals {
		put("refusals", c.Code, "n", c.N)
	}
	for _, c := range b.Denials {
		put("denials", c.Code, "n", c.N)
	}
	put("glass", "", "granted", b.Glass.Granted)
	put("glass", "", "broken", b.Glass.Broken)
	put("glass", "", "due", b.Glass.Due)
	put("glass", "", "overdue", b.Glass.Overdue)
	put("glass", "", "upheld", b.Glass.Upheld)
	put("glass", "", "abusive", b.Glass.Abusive)
	for _, a := range b.Answers {
		put("answers", a.Who, "approved", a.Approved)
		put("answers", a.Who, "denied", a.Denied)
		put("answers", a.Who, "timed", a.Timed)
		put("answers", a.Who, "quick", a.Quick)
		put("answers", a.Who, "median_s", a.MedianS)
		put("answers", a.Who, "quickest_s", a.QuickestS)
	}
	for _, p := range b.Pairs {
		row := p.Requester + " > " + p.Approver
		put("pairs", row, "observed", p.Observed)
		put("pairs", row, "expected", strconv.FormatFloat(p.Expected, 'f', 2, 64))
		put("pairs", row, "chance", strconv.FormatFloat(p.Chance, 'g', 3, 64))
		put("pairs", row, "stands_out", p.StandsOut)
	}
	if failed != nil {
		return failed
	}
	return t.end()
}

func reviewsCSV(to io.Writer, list []reviewed) error {
	t, err := newSheet(to, "id", "requester", "confirmed_by", "ground", "facets", "state", "broken_at", "review_by", "overdue", "verdict", "reviewed_at", "reviewer")
	if err != nil {
		return err
	}
	for _, r := range list {
		var confirmed []string
		for _, c := range r.Confirmed {
			confirmed = append(confirmed, c.ID)
		}
		reviewer, at := "", ""
		if r.Reviewer != nil {
			reviewer = r.Reviewer.ID
		}
		if r.ReviewedAt != nil {
			at = audit.FormatTime(*r.ReviewedAt)
		}
		if err := t.row(r.ID, r.Requester.ID, strings.Join(confirmed, " "), r.Ground, strings.Join(r.Facets, " "), r.State,
			audit.FormatTime(r.BrokenAt), audit.FormatTime(r.ReviewBy), strconv.FormatBool(r.Overdue), r.Verdict, at, reviewer); err != nil {
			return err
		}
	}
	return t.end()
}
