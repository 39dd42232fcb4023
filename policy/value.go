package policy

import (
	"slices"
	"strconv"

	"github.com/open-policy-agent/opa/v1/ast"
)

// The value methods give the engine an input without writing JSON and reading
// it back, which would cost as much as a quarter of a decision. A test holds
// each to what reading the input's JSON gives, field by field: a replay, which
// has only the JSON, must see the same.

func (in ConversationRead) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(),
	)
}

func (in EscalationRequest) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "ground", text(in.Ground), "assessment", in.Assessment.term(),
		"facets", list(in.Facets, text), "evidence", list(in.Evidence, number), "messages", number(in.Messages),
		"pending", list(in.Pending, func(p Pending) *ast.Term {
			return term(object("id", text(p.ID), "requester", p.Requester.term()))
		}),
	)
}

func (in EscalationApprove) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "verdict", text(in.Verdict), "request", text(in.Request),
		"facets", list(in.Facets, text), "escalation", in.Escalation.term(), "session", text(in.Session),
		"reads", list(in.Reads, func(r Reading) *ast.Term {
			return term(object("actor", r.Actor.term(), "session", text(r.Session), "at", text(r.At)))
		}),
	)
}

func (in IdentityRelease) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "facets", list(in.Facets, text),
		"clock_trails", ast.InternedTerm(in.ClockTrails), "escalation", in.Escalation.term(),
	)
}

func (in EvidenceRead) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "escalation", in.Escalation.term(),
	)
}

func (in LogRead) value() ast.Value {
	return object("at", text(in.At), "actor", in.Actor.term())
}

func (a Actor) term() *ast.Term {
	return term(object("id", text(a.ID), "person", text(a.Person), "role", text(a.Role)))
}

func (c Conversation) term() *ast.Term {
	return term(object(
		"state", text(c.State), "closed_for_s", number(c.ClosedForS),
		"participants", list(c.Participants, func(p Participant) *ast.Term {
			return term(object(
				"id", text(p.ID), "person", text(p.Person), "role", text(p.Role), "active", ast.InternedTerm(p.Active),
			))
		}),
	))
}

func (a Assessment) term() *ast.Term {
	return term(object(
		"immediacy", text(a.Immediacy), "violence", text(a.Violence), "suicide", text(a.Suicide),
		"perpetrator_present", text(a.PerpetratorPresent), "captive", text(a.Captive), "age_band", text(a.AgeBand),
		"alone", text(a.Alone), "location_known", text(a.LocationKnown),
		"psychologist_opinion", text(a.PsychologistOpinion),
	))
}

func (l Escalation) term() *ast.Term {
	return term(object(
		"id", text(l.ID), "state", text(l.State), "ground", text(l.Ground), "request", text(l.Request),
		"requested_at", text(l.RequestedAt), "requester", l.Requester.term(), "asked", list(l.Asked, text),
		"answer_within_s", number(l.AnswerWithinS), "answer_by", text(l.AnswerBy),
		"approvals", list(l.Approvals, func(a ApprovalGiven) *ast.Term {
			return term(object("actor", a.Actor.term(), "facets", list(a.Facets, text), "at", text(a.At)))
		}),
		"needed", list(l.Needed, func(n ApprovalNeeded) *ast.Term {
			return term(object("role", text(n.Role), "count", number(n.Count)))
		}),
		"granted", list(l.Granted, text), "use_within_s", number(l.UseWithinS), "use_by", text(l.UseBy),
		"read_for_s", number(l.ReadForS), "read_until", text(l.ReadUntil),
		"uses", number(l.Uses), "uses_allowed", number(l.UsesAllowed),
	))
}

// object takes names and terms in turn.
func object(fields ...any) ast.Object {
	o := ast.NewObjectWithCapacity(len(fields) / 2)
	for pair := range slices.Chunk(fields, 2) {
		o.Insert(ast.InternedTerm(pair[0].(string)), pair[1].(*ast.Term))
	}
	return o
}

func term(v ast.Value) *ast.Term { return &ast.Term{Value: v} }

func text[T ~string](s T) *ast.Term { return ast.InternedTerm(string(s)) }

func number(n int64) *ast.Term {
	return &ast.Term{Value: ast.Number(strconv.FormatInt(n, 10))}
}

// list is an array; nil is null, as in JSON.
func list[T any](items []T, each func(T) *ast.Term) *ast.Term {
	if items == nil {
		return ast.InternedNullTerm
	}
	terms := make([]*ast.Term, len(items))
	for i, item := range items {
		terms[i] = each(item)
	}
	return term(ast.NewArray(terms...))
}
