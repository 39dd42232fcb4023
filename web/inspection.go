package web

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// What an inspector sees: the log, what follows from it, and figures. Never what a seal
// holds: no transcript, no identity, no narrative. Every look is decided, and recorded
// before anything is shown.

// Search says which entries are looked for. Everything is the exact form of an id, a code
// that exists or a time, since the search itself becomes an entry, which no erasure
// reaches: whoever types a name is refused. It is all of a search's state.
type Search struct {
	From    time.Time `query:"from" doc:"At or after"`
	To      time.Time `query:"to" doc:"Before"`
	Actor   string    `query:"actor" pattern:"^(s-[0-9a-f]{16}|minor|custodian|operator)?$" doc:"Random id of an account, or minor, custodian or operator"`
	Person  string    `query:"person" pattern:"^(p-[0-9a-f]{16})?$" doc:"Random id of a human"`
	Role    string    `query:"role" pattern:"^[a-z_]{0,32}$" doc:"Of who acted"`
	Via     string    `query:"via" pattern:"^[a-z]{0,16}$" doc:"The process that wrote it: public, staff, custodian or operator"`
	Case    string    `query:"case" pattern:"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})?$"`
	Action  string    `query:"action" pattern:"^([a-z]+[.][a-z_]+)?$" maxLength:"64"`
	Subject string    `query:"subject" pattern:"^([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|sha256:[0-9a-f]{64}|p-[0-9a-f]{16}|transcript|identity|connection|name|contact|location|begun|ended)?$" doc:"The subject's id"`
	Ground  string    `query:"ground" pattern:"^[a-z_]{0,32}$" doc:"consent, imminent_danger or judicial_requisition"`
	Result  string    `query:"result" pattern:"^(allow|refuse)?$" doc:"What policy said"`
	State   string    `query:"state" pattern:"^[a-z_]{0,32}$" doc:"Entries that bring an escalation to this state"`
	Looks   string    `query:"looks" pattern:"^(hide)?$" doc:"hide: leave out that somebody looked at the log"`
}

type searchInput struct {
	Search
	Order   string `query:"order" enum:"oldest,newest" default:"oldest"`
	FromSeq int64  `query:"from_seq" minimum:"0" doc:"Oldest first: read on from here"`
	Before  int64  `query:"before" minimum:"0" doc:"Newest first: read on below this"`
	Limit   int    `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type entry struct {
	Seq    int64           `json:"seq"`
	Hash   string          `json:"hash" doc:"Leaf hash, padded base64"`
	Leaf   json.RawMessage `json:"leaf,omitempty" doc:"The entry. Its exact bytes, which the hash covers, are in the entry's own page and in exports; absent when they are not JSON any more"`
	Damage string          `json:"damage,omitempty" doc:"Why this is not what was once appended"`
}

type entriesOutput struct {
	Body struct {
		Read    int64   `json:"read" doc:"The entry that records this search"`
		Entries []entry `json:"entries"`
		More    bool    `json:"more" doc:"The search ended before the log did: read on"`
		Next    *int64  `json:"next,omitempty" doc:"from_seq of the next page; newest first, before"`
		Looked  int64   `json:"looked" doc:"How many entries were looked at"`
	}
}

// searchPatience is how long one page is looked for; then its reader is asked to read on.
const searchPatience = 3 * time.Second

// search reads the log. The search is decided and recorded first; what it finds
// lies before its own entry.
func (s *staff) search(ctx context.Context, in *searchInput) (*entriesOutput, error) {
	if err := in.known(); err != nil {
		return nil, err
	}
	query, details := in.query(), in.details()
	for name, v := range map[string]int64{"from_seq": in.FromSeq, "before": in.Before} {
		if v > 0 {
			details[name] = v
		}
	}
	details["limit"] = int64(in.Limit)
	read, err := s.look(ctx, policy.ViewLog, details)
	if err != nil {
		return nil, err
	}
	query.FromSeq, query.Newest, query.Limit = in.FromSeq, in.Order == "newest", in.Limit
	if query.UpTo = read.Seq; in.Before > 0 {
		query.UpTo = min(in.Before, read.Seq)
	}
	out := &entriesOutput{}
	out.Body.Read, out.Body.Entries = read.Seq, []entry{}
	if query.none() {
		return out, nil
	}
	page, err := pglog.Search(ctx, s.reader, query.Query, searchPatience)
	if err != nil {
		return nil, err
	}
	for _, f := range page.Found {
		out.Body.Entries = append(out.Body.Entries, entryOf(f))
	}
	if out.Body.More, out.Body.Looked = page.More, page.Looked; page.More {
		out.Body.Next = &page.Next
	}
	return out, nil
}

func entryOf(f pglog.Found) entry {
	e := entry{Seq: f.Seq, Hash: f.Hash.String()}
	if json.Valid(f.Leaf) {
		e.Leaf = f.Leaf
	}
	if f.Damage != nil {
		e.Damage = f.Damage.Why
	}
	return e
}

// known refuses what is no code of the log.
func (in *Search) known() error {
	_, action := audit.MayRecord(audit.ViaStaff, audit.Action(in.Action))
	_, state := reaching[in.State]
	roles := append([]string{minor, "custodian"}, policy.StaffRoles...)
	for _, one := range []struct {
		name, value string
		known       bool
	}{
		{"action", in.Action, action}, {"state", in.State, state}, {"role", in.Role, slices.Contains(roles, in.Role)},
		{"via", in.Via, slices.Contains([]audit.Via{audit.ViaPublic, audit.ViaStaff, audit.ViaCustodian, audit.ViaPublisher, audit.ViaOperator}, audit.Via(in.Via))}, {"ground", in.Ground, slices.Contains(escalation.Grounds, in.Ground)},
	} {
		if one.value != "" && !one.known {
			return invalid("query."+one.name, "expected a code of the log")
		}
	}
	return nil
}

// searched is a query, or one that nothing can answer.
type searched struct {
	pglog.Query
	nothing bool
}

func (q searched) none() bool { return q.nothing }

func (in *Search) query() searched {
	q := searched{Query: pglog.Query{
		Filter: pglog.Filter{From: in.From, To: in.To, Actor: in.Actor, Person: in.Person, Case: in.Case, SubjectID: in.Subject},
		Via:    audit.Via(in.Via), Role: in.Role, Ground: in.Ground, Result: in.Result,
	}}
	if in.Looks == "hide" {
		q.Except = []audit.Action{audit.ActionLogRead}
	}
	if in.Action != "" {
		q.Actions = []audit.Action{audit.Action(in.Action)}
	}
	if in.State != "" {
		to := reaching[in.State]
		if in.Action != "" && slices.Contains(to, audit.Action(in.Action)) {
			to = q.Actions
		} else if in.Action != "" {
			to = nil
		}
		q.Actions, q.nothing = to, len(to) == 0
	}
	return q
}

// reaching are the actions that bring an escalation to a state. A release begins with its
// order, not with its outcome.
var reaching = map[string][]audit.Action{
	"requested":    {audit.ActionEscalationRequested},
	"refused":      {audit.ActionEscalationRefused},
	"denied":       {audit.ActionEscalationDenied},
	"withdrawn":    {audit.ActionEscalationWithdrawn},
	"expired":      {audit.ActionEscalationExpired},
	"approved":     {audit.ActionEscalationApproved},
	"glass_broken": {audit.ActionEscalationGlassBroken},
	"released":     {audit.ActionIdentityReleaseOrdered},
	"revoked":      {audit.ActionEscalationRevoked},
	"closed":       {audit.ActionEscalationClosed, audit.ActionConsentWithdrawn},
}

// details say what was searched for. The case is named here and not as the
// entry's own: the search is about the log, and changes nothing of the case.
func (in *Search) details() audit.Details {
	d := audit.Details{}
	for name, value := range map[string]string{
		"by_actor": in.Actor, "by_person": in.Person, "by_case": in.Case, "by_action": in.Action, "by_subject": in.Subject,
		"by_role": in.Role, "by_via": in.Via, "by_ground": in.Ground, "by_result": in.Result, "by_state": in.State, "looks": in.Looks,
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
	return d
}

// look decides and records that the caller looks at a view of the log, before they do.
func (s *staff) look(ctx context.Context, view string, details audit.Details) (pglog.Ref, error) {
	return s.policy.Look(ctx, s.journal, callerOf(ctx).actor, view, details)
}
