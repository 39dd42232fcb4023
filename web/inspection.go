package web

import (
	"context"
	"encoding/json"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// searchInput selects entries. Everything is an id, a code or a time, since the
// search itself becomes an entry.
type searchInput struct {
	From    time.Time `query:"from" doc:"At or after"`
	To      time.Time `query:"to" doc:"Before"`
	Actor   string    `query:"actor" pattern:"^[a-z0-9-]{0,64}$"`
	Person  string    `query:"person" pattern:"^[a-z0-9-]{0,64}$"`
	Case    string    `query:"case" pattern:"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$"`
	Action  string    `query:"action" pattern:"^([a-z]+[.][a-z_]+)?$" maxLength:"64"`
	Subject string    `query:"subject" pattern:"^[a-z0-9:-]{0,80}$" doc:"The subject's id"`
	FromSeq int64     `query:"from_seq" minimum:"0" doc:"Read on from here"`
	Limit   int       `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type entry struct {
	Seq  int64           `json:"seq"`
	Hash string          `json:"hash" doc:"Leaf hash, padded base64"`
	Leaf json.RawMessage `json:"leaf" doc:"The entry. Its exact bytes, which the hash covers, are in an export"`
}

type entriesOutput struct {
	Body struct {
		Read    int64   `json:"read" doc:"The entry that records this search"`
		Entries []entry `json:"entries"`
		Next    *int64  `json:"next,omitempty" doc:"from_seq of the next page"`
	}
}

// search reads the log. The search is decided and recorded first; what it finds
// lies before its own entry.
func (s *staff) search(ctx context.Context, in *searchInput) (*entriesOutput, error) {
	read, err := s.look(ctx, policy.ViewLog, in.details())
	if err != nil {
		return nil, err
	}
	out := &entriesOutput{}
	out.Body.Read, out.Body.Entries = read.Seq, []entry{}
	for record, err := range pglog.Entries(ctx, s.reader, in.filter()) {
		if err != nil {
			return nil, err
		}
		if record.Seq >= read.Seq {
			break
		}
		out.Body.Entries = append(out.Body.Entries, entry{Seq: record.Seq, Hash: record.Hash.String(), Leaf: record.Leaf})
	}
	if n := len(out.Body.Entries); n == in.Limit {
		next := out.Body.Entries[n-1].Seq + 1
		out.Body.Next = &next
	}
	return out, nil
}

func (in *searchInput) filter() pglog.Filter {
	f := pglog.Filter{
		From: in.From, To: in.To, Actor: in.Actor, Person: in.Person, Case: in.Case,
		SubjectID: in.Subject, FromSeq: in.FromSeq, Limit: in.Limit,
	}
	if in.Action != "" {
		f.Actions = []audit.Action{audit.Action(in.Action)}
	}
	return f
}

// details say what was searched for. The case is named here and not as the
// entry's own: the search is about the log, and changes nothing of the case.
func (in *searchInput) details() audit.Details {
	d := audit.Details{"limit": int64(in.Limit)}
	for name, value := range map[string]string{
		"by_actor": in.Actor, "by_person": in.Person, "by_case": in.Case, "by_action": in.Action, "by_subject": in.Subject,
	} {
		if value != "" {
			d[name] = value
		}
	}
	for name, at := range map[string]time.Time{"from": in.From, "to": in.To} {
		if !at.IsZero() {
			d[name] = audit.FormatTime(at)
		}
	}
	if in.FromSeq > 0 {
		d["from_seq"] = in.FromSeq
	}
	return d
}

// look decides and records that the caller looks at a view of the log, before they do.
func (s *staff) look(ctx context.Context, view string, details audit.Details) (pglog.Ref, error) {
	return s.policy.Look(ctx, s.journal, callerOf(ctx).actor, view, details)
}
