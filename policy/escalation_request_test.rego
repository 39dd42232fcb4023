package sceau.escalation.request_test

import data.sceau.escalation.request
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:15:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation, "ground": "imminent_danger", "assessment": fixtures.assessment,
	"facets": ["connection", "name"], "evidence": [1, 3], "messages": 4, "pending": [],
}

refused(change) := reasons if {
	d := request.decision with input as object.union(base, change)
	d.allow == false
	d.obligations == {}
	reasons := d.reasons
}

test_agent_in_danger_asks if {
	d := request.decision with input as base
	d.allow
	d.obligations == {
		"approvals": [{"role": "supervisor", "count": 1}], "answer_within_s": 600, "remind_after_s": 180,
		"widen_after_s": 300, "use_within_s": 900, "read_for_s": 3600, "uses": 1, "facets": ["connection", "name"],
	}
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
	refused({"ground": "consent"}) == {"ground.not_available"}
	refused({"ground": "judicial_requisition"}) == {"ground.not_available"}
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
	every nobody in [[], [{"role": "supervisor", "count": 0}], [{"role": "privacy_officer", "count": 1}]] {
		d := request.decision with input as base
			with data.sceau.numbers.grounds.imminent_danger.approvals as nobody
		d.reasons == {"approvals.missing"}
	}
}
