package sceau.escalation.request_test

import data.sceau.escalation.request
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:15:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation, "ground": "imminent_danger", "assessment": fixtures.assessment,
	"facets": ["connection", "name"], "evidence": [1, 3], "messages": 4, "pending": [],
	"consent": fixtures.no_consent, "requisition": none, "on_duty": [{"role": "supervisor", "persons": 1}],
}

none := {"authority": "", "listed_case": "", "reference_given": false, "facets": []}

allowed(change) := d.obligations if {
	d := request.decision with input as object.union(base, change)
	d.allow
	d.reasons == []
}

refused(change) := reasons if {
	d := request.decision with input as object.union(base, change)
	d.allow == false
	d.obligations == {}
	reasons := d.reasons
}

test_agent_in_danger_asks if {
	allowed({}) == {
		"approvals": [{"role": "supervisor", "count": 1}], "answer_within_s": 600, "remind_after_s": 180,
		"widen_after_s": 300, "use_within_s": 900, "read_for_s": 3600, "uses": 1, "facets": ["connection", "name"],
		"break_glass_after_s": 300, "review_within_s": 259200,
	}
}

# The glass can be broken where minutes count, and on no other ground.
test_glass if {
	every immediacy in ["hours", "days", "unclear"] {
		duties := allowed({"assessment": {"immediacy": immediacy, "violence": "weapon"}})
		not duties.break_glass_after_s
		not duties.review_within_s
	}
	duties := allowed(object.union(on_consent, {"assessment": {"immediacy": "now"}}))
	not duties.break_glass_after_s
	ordered := allowed(object.union(on_requisition, {"assessment": {"immediacy": "now"}}))
	not ordered.break_glass_after_s
}

test_only_agents_who_take_part if {
	refused({"actor": fixtures.psychologist}) == {"role.not_allowed"}
	refused({"actor": fixtures.supervisor}) == {"conversation.not_participant", "role.not_allowed"}
	refused({"actor": {"id": "s-gone", "person": "p-gone"}}) == {"conversation.not_participant"}
	refused({"actor": {"person": ""}}) == {"conversation.not_participant", "person.missing"}
}

test_danger_outlasts_the_conversation if {
	d := request.decision with input as object.union(base, {"conversation": {"state": "closed", "closed_for_s": 60}})
	d.allow
	refused({"conversation": {"state": "closed", "closed_for_s": 86401}}) == {"conversation.closed"}
	refused({"conversation": {"state": "erased"}}) == {"conversation.erased"}
}

test_without_ground if {
	refused({"ground": ""}) == {"ground.unknown"}
	refused({"ground": "curiosity"}) == {"ground.unknown"}
}

# An operator may leave a ground out.
test_ground_not_available if {
	some ground, asks in {"imminent_danger": {}, "consent": on_consent, "judicial_requisition": on_requisition}
	others := [g | some g in ["imminent_danger", "consent", "judicial_requisition"]; g != ground]
	d := request.decision with input as object.union(base, asks)
		with data.sceau.numbers.grounds_available as others
	d.allow == false
	d.reasons == {"ground.not_available"}
}

test_without_danger if {
	refused({"assessment": {"violence": "none"}}) == {"danger.not_shown"}
	refused({"assessment": {"violence": "some"}}) == {"danger.not_coded", "danger.not_shown"}
}

test_evidence if {
	refused({"evidence": []}) == {"evidence.missing"}
	refused({"evidence": [1, 4]}) == {"evidence.unknown"}
	refused({"evidence": [-1]}) == {"evidence.unknown"}
	refused({"evidence": numbers.range(1, 101), "messages": 200}) == {"evidence.too_much"}
	refused({"evidence": [0, 1]}) == {"evidence.unknown"}
	d := request.decision with input as object.union(base, {"evidence": [1]})
	d.allow
}

test_facets if {
	refused({"facets": []}) == {"facets.missing"}
	refused({"facets": ["name", "shoe_size"]}) == {"facets.unknown"}
}

test_one_at_a_time if {
	own := {"id": "e0", "requester": fixtures.agent}
	refused({"pending": [own]}) == {"escalation.already_pending"}
	refused({"pending": [{"id": "e0", "requester": fixtures.twin}]}) == {"escalation.already_pending"}
	d := request.decision with input as object.union(base, {"pending": [{"id": "e0", "requester": fixtures.psychologist}]})
	d.allow
}

test_nobody_to_ask_is_a_refusal if {
	every nobody in [
		[], [{"role": "supervisor", "count": 0}], [{"role": "privacy_officer", "count": 1}],
		[{"role": "supervisor", "count": 1}, {"role": "privacy_officer", "count": 0}],
		[{"role": "supervisor", "count": 1}, {"role": "agent", "count": 1}], # who never answers
	] {
		d := request.decision with input as base
			with data.sceau.numbers.grounds.imminent_danger.approvals as nobody
		d.reasons == {"approvals.missing"}
	}
}

# Two supervisors, and with them a privacy officer: numbers, not rules.
test_more_eyes_are_numbers if {
	more := [{"role": "supervisor", "count": 2}, {"role": "privacy_officer", "count": 1}]
	d := request.decision with input as base with data.sceau.numbers.grounds.imminent_danger.approvals as more
	d.allow
	d.obligations.approvals == more
}

# Whom policy wants there, and who is.
on_duty(wanted, there) := d.reasons if {
	d := request.decision with input as object.union(base, {"on_duty": there})
		with data.sceau.numbers.grounds.imminent_danger.on_duty as wanted
	d.allow == (d.reasons == [])
}

test_nobody_on_duty if {
	supervisors := {"role": "supervisor", "persons": 1}
	on_duty(["supervisor"], [supervisors]) == []
	on_duty([], []) == []
	on_duty(["supervisor"], []) == {"approver.nobody_on_duty"}
	on_duty(["supervisor"], [object.union(supervisors, {"persons": 0})]) == {"approver.nobody_on_duty"}
	on_duty(["supervisor"], [{"role": "privacy_officer", "persons": 3}]) == {"approver.nobody_on_duty"}
	on_duty(["supervisor", "privacy_officer"], [supervisors]) == {"approver.nobody_on_duty"}
	on_duty(["supervisor", "privacy_officer"], [supervisors, {"role": "privacy_officer", "persons": 1}]) == []

	# a bundle that does not say whom it wants refuses
	silent := object.remove(data.sceau.numbers.grounds.imminent_danger, ["on_duty"])
	d := request.decision with input as base with data.sceau.numbers.grounds.imminent_danger as silent
	d.reasons == {"approver.nobody_on_duty"}
}

test_others_can_wait_for_duty if {
	allowed(object.union(on_consent, {"on_duty": []}))
	allowed(object.union(on_requisition, {"on_duty": []}))
}

on_consent := {
	"ground": "consent", "facets": ["name"], "consent": fixtures.consent,
	"assessment": {"immediacy": "days", "violence": "none"},
}

test_consent if {
	allowed(on_consent) == {
		"approvals": [{"role": "supervisor", "count": 1}], "answer_within_s": 86400, "remind_after_s": 14400,
		"widen_after_s": 28800, "use_within_s": 86400, "read_for_s": 1800, "uses": 1, "facets": ["name"],
	}
	allowed(object.union(on_consent, {"facets": ["contact", "name"]}))
}

test_no_consent if {
	refused(object.union(on_consent, {"consent": fixtures.no_consent})) == {"consent.missing"}
	refused(object.union(on_consent, {"consent": {"given_at": ""}})) == {"consent.missing"}

	# given after it was asked on
	refused(object.union(on_consent, {"consent": {"given_at": "2026-03-01T22:15:00.000001Z"}})) == {"consent.missing"}
}

test_consent_is_taken_back_at_once if {
	taken := {"consent": {"withdrawn_at": "2026-03-01T22:15:00.000000Z"}}
	refused(object.union(on_consent, taken)) == {"consent.withdrawn"}

	# even by a clock that is ahead
	later := {"consent": {"withdrawn_at": "2026-03-01T22:16:00.000000Z"}}
	refused(object.union(on_consent, later)) == {"consent.withdrawn"}
}

test_consent_to_other_facets if {
	refused(object.union(on_consent, {"facets": ["connection"]})) == {"consent.other_facets"}
	refused(object.union(on_consent, {"facets": ["name", "location"]})) == {"consent.other_facets"}
	refused(object.union(on_consent, {"consent": {"facets": []}})) == {"consent.other_facets"}
}

# A consent is no order, and no danger, nor the other way round.
test_a_consent_serves_its_ground_only if {
	refused(object.union(on_consent, {"ground": "judicial_requisition"})) == {
		"requisition.facets_not_ordered", "requisition.incomplete",
	}
	refused(object.union(on_consent, {"ground": "imminent_danger"})) == {"danger.not_shown"}
	refused(object.union(on_requisition, {"ground": "consent"})) == {"consent.missing"}
}

on_requisition := {
	"ground": "judicial_requisition", "assessment": {"immediacy": "days", "violence": "none"},
	"requisition": {
		"authority": "prosecutor", "listed_case": "three_years", "reference_given": true,
		"facets": ["connection", "name"],
	},
}

test_requisition if {
	allowed(on_requisition) == {
		"approvals": [{"role": "privacy_officer", "count": 1}, {"role": "supervisor", "count": 1}],
		"answer_within_s": 86400, "remind_after_s": 14400, "widen_after_s": 28800, "use_within_s": 86400,
		"read_for_s": 3600, "uses": 1, "facets": ["connection", "name"],
	}
	every authority in ["childrens_judge", "investigating_judge", "liberties_judge", "prosecutor"] {
		allowed(object.union(on_requisition, {"requisition": {"authority": authority}}))
	}
}

test_requisition_is_complete if {
	refused(object.union(on_requisition, {"requisition": {"authority": ""}})) == {"requisition.incomplete"}
	refused(object.union(on_requisition, {"requisition": {"authority": "a_colonel"}})) == {"requisition.incomplete"}
	refused(object.union(on_requisition, {"requisition": {"reference_given": false}})) == {"requisition.incomplete"}
}

test_requisition_orders_facets if {
	refused(object.union(on_requisition, {"facets": ["name", "location"]})) == {"requisition.facets_not_ordered"}
	refused(object.union(on_requisition, {"requisition": {"facets": []}})) == {"requisition.facets_not_ordered"}
}

test_connection_in_listed_cases_only if {
	every listed in ["cold_case", "missing_person", "one_year_by_network", "three_years", "victims_equipment"] {
		allowed(object.union(on_requisition, {"requisition": {"listed_case": listed}}))
	}
	refused(object.union(on_requisition, {"requisition": {"listed_case": ""}})) == {"requisition.case_not_listed"}
	refused(object.union(on_requisition, {"requisition": {"listed_case": "shoplifting"}})) == {"requisition.case_not_listed"}

	# the name may be ordered in any case
	allowed(object.union(on_requisition, {"facets": ["name"], "requisition": {"listed_case": ""}}))
}
