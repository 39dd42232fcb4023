package policy

import (
	"reflect"
	"sync"

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
		"consent", in.Consent.term(), "requisition", in.Requisition.term(),
		"on_duty", list(in.OnDuty, func(d OnDuty) *ast.Term {
			return term(object("role", text(d.Role), "persons", number(d.Persons)))
		}),
	)
}

func (in EscalationApprove) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "verdict", text(in.Verdict), "request", text(in.Request),
		"facets", list(in.Facets, text), "escalation", in.Escalation.term(), "session", text(in.Session),
		"reads", list(in.Reads, Reading.term),
	)
}

func (in EscalationRevoke) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"escalation", in.Escalation.term(), "reason", text(in.Reason),
	)
}

func (in EscalationConfirm) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "escalation", in.Escalation.term(),
		"request", text(in.Request), "session", text(in.Session), "clock_trails", ast.InternedTerm(in.ClockTrails),
	)
}

func (in EscalationBreakGlass) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "escalation", in.Escalation.term(),
		"request", text(in.Request), "clock_trails", ast.InternedTerm(in.ClockTrails),
	)
}

func (in EscalationReview) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "escalation", in.Escalation.term(),
		"verdict", text(in.Verdict), "request", text(in.Request), "session", text(in.Session),
		"reads", list(in.Reads, Reading.term),
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

func (in MinorTell) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "escalation", in.Escalation.term(), "tell_by", text(in.TellBy),
		"outcome", text(in.Outcome), "reason", text(in.Reason), "until", text(in.Until),
		"later_for_s", number(in.LaterForS),
	)
}

func (in MinorReceipt) value() ast.Value {
	return object(
		"at", text(in.At), "case", text(in.Case), "escalations", list(in.Escalations, Escalation.term),
	)
}

func (in ErasureDecide) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case),
		"conversation", in.Conversation.term(), "verdict", text(in.Verdict), "reason", text(in.Reason),
		"erasure", in.Erasure.term(), "holds", list(in.Holds, Hold.term),
		"escalations", list(in.Escalations, Escalation.term),
	)
}

func (in HoldSet) value() ast.Value { return HoldChange(in).value() }

func (in HoldLift) value() ast.Value { return HoldChange(in).value() }

func (in HoldChange) value() ast.Value {
	return object(
		"at", text(in.At), "actor", in.Actor.term(), "case", text(in.Case), "conversation", in.Conversation.term(),
		"reason", text(in.Reason), "holds", list(in.Holds, Hold.term),
		"escalations", list(in.Escalations, Escalation.term), "hold", text(in.Hold),
	)
}

func (in KeyDestroy) value() ast.Value {
	return object(
		"at", text(in.At), "case", text(in.Case), "class", text(in.Class), "reason", text(in.Reason),
		"conversation", in.Conversation.term(), "erasures", list(in.Erasures, Erasure.term),
		"holds", list(in.Holds, Hold.term), "escalations", list(in.Escalations, Escalation.term),
		"destroyed", ast.InternedTerm(in.Destroyed),
	)
}

func (in OpeningsErase) value() ast.Value {
	return object(
		"at", text(in.At), "case", text(in.Case), "reason", text(in.Reason),
		"conversation", in.Conversation.term(), "erasures", list(in.Erasures, Erasure.term),
		"holds", list(in.Holds, Hold.term), "escalations", list(in.Escalations, Escalation.term),
		"destroyed", ast.InternedTerm(in.Destroyed),
	)
}

func (in LogRead) value() ast.Value {
	return object("at", text(in.At), "actor", in.Actor.term(), "view", text(in.View), "reason", text(in.Reason))
}

// object takes names and terms in turn.
func object(fields ...any) ast.Object {
	o := ast.NewObjectWithCapacity(len(fields) / 2)
	for i := 0; i < len(fields); i += 2 {
		o.Insert(names[fields[i].(string)], fields[i+1].(*ast.Term))
	}
	return o
}

// names holds a term for each field of an input, made once. It is only read after
// the start.
var names = map[string]*ast.Term{}

func init() {
	var add func(t reflect.Type)
	add = func(t reflect.Type) {
		switch t.Kind() {
		case reflect.Slice:
			add(t.Elem())
		case reflect.Struct:
			for f := range t.Fields() {
				name := f.Tag.Get("json")
				names[name] = ast.StringTerm(name)
				add(f.Type)
			}
		}
	}
	for _, in := range []Input{
		ConversationRead{},
		EscalationRequest{}, EscalationApprove{}, EscalationRevoke{},
		EscalationConfirm{}, EscalationBreakGlass{}, EscalationReview{},
		EvidenceRead{}, IdentityRelease{},
		MinorTell{}, MinorReceipt{},
		ErasureDecide{}, HoldSet{}, HoldLift{}, KeyDestroy{}, OpeningsErase{},
		LogRead{},
	} {
		add(reflect.TypeOf(in))
	}
}

// noConsent is what escalations of the other grounds rest on: values are never
// written to, so one serves all.
var noConsent = sync.OnceValue(func() *ast.Term { return Consent{Facets: []string{}}.made() })

func term(v ast.Value) *ast.Term { return &ast.Term{Value: v} }

func text[T ~string](s T) *ast.Term { return ast.InternedTerm(string(s)) }

func number(n int64) *ast.Term { return ast.InternedTerm(n) }

// list is an array; nil is null, as in JSON.
func list[T any](items []T, each func(T) *ast.Term) *ast.Term {
	if items == nil {
		return ast.InternedNullTerm
	}
	if len(items) == 0 {
		return ast.InternedEmptyArray
	}
	terms := make([]*ast.Term, len(items))
	for i, item := range items {
		terms[i] = each(item)
	}
	return term(ast.NewArray(terms...))
}
