package policy

import "github.com/open-policy-agent/opa/v1/ast"

func (a Actor) term() *ast.Term {
	return term(object("id", text(a.ID), "person", text(a.Person), "role", text(a.Role)))
}

func (c Conversation) term() *ast.Term {
	return term(object(
		"state", text(c.State), "closed_for_s", number(c.ClosedForS), "quiet_for_s", number(c.QuietForS),
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

func (e Escalation) term() *ast.Term {
	return term(object(
		"id", text(e.ID), "state", text(e.State), "ground", text(e.Ground), "request", text(e.Request),
		"requested_at", text(e.RequestedAt), "requester", e.Requester.term(), "asked", list(e.Asked, text),
		"answer_within_s", number(e.AnswerWithinS), "answer_by", text(e.AnswerBy),
		"approvals", list(e.Approvals, func(a ApprovalGiven) *ast.Term {
			return term(object("actor", a.Actor.term(), "facets", list(a.Facets, text), "at", text(a.At)))
		}),
		"needed", list(e.Needed, func(n ApprovalNeeded) *ast.Term {
			return term(object("role", text(n.Role), "count", number(n.Count)))
		}),
		"granted", list(e.Granted, text), "use_within_s", number(e.UseWithinS), "use_by", text(e.UseBy),
		"read_for_s", number(e.ReadForS), "read_until", text(e.ReadUntil),
		"uses", number(e.Uses), "uses_allowed", number(e.UsesAllowed),
		"widen_at", text(e.WidenAt), "break_glass_after_s", number(e.BreakGlassAfterS),
		"break_glass_from", text(e.BreakGlassFrom),
		"confirmations", list(e.Confirmations, func(c Confirmation) *ast.Term {
			return term(object("actor", c.Actor.term(), "at", text(c.At)))
		}),
		"broken_at", text(e.BrokenAt), "review_by", text(e.ReviewBy), "review_within_s", number(e.ReviewWithinS), "review", text(e.Review),
		"answered", list(e.Answered, Actor.term), "consent", e.Consent.term(),
		"authority", text(e.Authority), "listed_case", text(e.ListedCase), "opened_at", text(e.OpenedAt),
		"tellings", list(e.Tellings, func(t Telling) *ast.Term {
			return term(object("outcome", text(t.Outcome), "at", text(t.At), "until", text(t.Until)))
		}),
	))
}

func (c Consent) term() *ast.Term {
	if c.ID == "" && c.GivenAt == "" && c.WithdrawnAt == "" && c.Facets != nil && len(c.Facets) == 0 {
		return noConsent()
	}
	return c.made()
}

func (c Consent) made() *ast.Term {
	return term(object(
		"id", text(c.ID), "facets", list(c.Facets, text), "given_at", text(c.GivenAt), "withdrawn_at", text(c.WithdrawnAt),
	))
}

func (r Requisition) term() *ast.Term {
	return term(object(
		"authority", text(r.Authority), "listed_case", text(r.ListedCase),
		"reference_given", ast.InternedTerm(r.ReferenceGiven), "facets", list(r.Facets, text),
	))
}

func (r Reading) term() *ast.Term {
	return term(object("actor", r.Actor.term(), "session", text(r.Session), "at", text(r.At)))
}

func (h Hold) term() *ast.Term {
	return term(object(
		"id", text(h.ID), "reason", text(h.Reason), "set_at", text(h.SetAt), "set_by", h.SetBy.term(), "lifted_at", text(h.LiftedAt),
	))
}

func (e Erasure) term() *ast.Term {
	return term(object("id", text(e.ID), "requested_at", text(e.RequestedAt), "decided", text(e.Decided)))
}
