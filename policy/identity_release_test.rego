package sceau.identity.release_test

import data.sceau.fixtures
import data.sceau.identity.release

base := {
	"at": "2026-03-01T22:17:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation, "facets": ["connection"], "clock_trails": false,
	"escalation": fixtures.approved,
}

refused(change) := reasons if {
	d := release.decision with input as object.union(base, change)
	d.allow == false
	d.obligations == {}
	reasons := d.reasons
}

allowed(change) if {
	d := release.decision with input as object.union(base, change)
	d.allow
}

test_requester_opens if {
	d := release.decision with input as base
	d.allow
	d.obligations == {"facets": ["connection"], "read_for_s": 3600}
}

test_nobody_else_opens if {
	refused({"actor": fixtures.psychologist}) == {"escalation.not_requester", "role.not_allowed"}
	refused({"actor": fixtures.supervisor}) == {
		"conversation.not_participant", "escalation.not_requester", "role.not_allowed",
	}

	# another agent of the same conversation
	colleague := {"id": "s-b", "person": "p-b", "role": "agent"}
	refused({
		"actor": colleague,
		"conversation": {"participants": [object.union(colleague, {"active": true})]},
	}) == {"escalation.not_requester"}

	# the requester under another account, or another role
	refused({"actor": {"id": "s-agent-2"}}) == {"conversation.not_participant", "escalation.not_requester"}
	refused({"actor": {"role": "supervisor"}}) == {"conversation.not_participant", "role.not_allowed"}
	refused({"actor": {"person": ""}}) == {
		"conversation.not_participant", "escalation.not_requester", "person.missing",
	}
}

test_handed_over_is_handed_over if {
	gone := [{"id": "s-agent", "person": "p-agent", "role": "agent", "active": false}]
	refused({"conversation": {"participants": gone}}) == {"conversation.not_participant"}
}

test_a_closed_conversation_does_not_end_the_lift if {
	allowed({"conversation": {"state": "closed", "closed_for_s": 1000000}})
	refused({"conversation": {"state": "erased"}}) == {"conversation.erased"}
}

test_states if {
	every state in ["requested", "refused", "denied", "withdrawn", "closed", "void", "", "glass_broken"] {
		"escalation.wrong_state" in refused({"escalation": {"state": state}})
	}
	refused({"escalation": {"state": "closed"}}) == {"escalation.wrong_state"}
	refused({"escalation": {"state": "expired"}}) == {"grant.expired"}
	refused({"escalation": {"state": "expired", "use_by": ""}}) == {"escalation.wrong_state"}

	# whatever else such a lift says
	refused({"escalation": {"state": "expired", "read_until": "2026-03-01T23:00:00.000000Z"}}) == {"grant.expired"}
	refused({"escalation": {"state": "expired", "uses": 1}}) == {"grant.expired", "grant.window_over"}
}

test_use_in_time if {
	allowed({"at": "2026-03-01T22:31:00.000000Z"})
	refused({"at": "2026-03-01T22:31:00.000001Z"}) == {"grant.expired"}
	refused({"escalation": {"use_by": ""}}) == {"grant.expired"}
}

test_window if {
	allowed({"escalation": fixtures.released, "at": "2026-03-01T23:17:00.000000Z"})
	refused({"escalation": fixtures.released, "at": "2026-03-01T23:17:00.000001Z"}) == {"grant.window_over"}

	# after the window but before use_by: one use is one window
	short := object.union(fixtures.released, {"read_until": "2026-03-01T22:18:00.000000Z"})
	refused({"escalation": short, "at": "2026-03-01T22:19:00.000000Z"}) == {"grant.window_over"}
}

test_facets if {
	refused({"facets": ["connection", "name"]}) == {"facets.not_granted"}
	refused({"facets": []}) == {"facets.missing"}
	refused({"facets": ["shoe_size"]}) == {"facets.not_granted"}
}

test_clock if refused({"clock_trails": true}) == {"clock.trails"}

test_approvals_are_counted_again if {
	refused({"escalation": {"approvals": []}}) == {"approvals.missing"}

	# too late, by an agent, by the requester, by their twin, by nobody
	every change in [
		{"at": "2026-03-01T22:25:00.000001Z"},
		{"actor": object.union(fixtures.supervisor, {"role": "agent"})},
		{"actor": {"id": "s-agent", "person": "p-agent", "role": "supervisor"}},
		{"actor": fixtures.twin},
		{"actor": object.union(fixtures.supervisor, {"person": ""})},
	] {
		refused({"escalation": {"approvals": [object.union(fixtures.approval, change)]}}) == {"approvals.missing"}
	}
}

test_an_approver_who_joined_since_does_not_count if {
	joined := array.concat(fixtures.conversation.participants, [{"id": "s-x", "person": "p-super", "role": "agent", "active": true}])
	refused({"conversation": {"participants": joined}}) == {"approvals.missing"}
}

test_two_approvals_are_two_humans if {
	two := [{"role": "supervisor", "count": 2}]
	same := object.union(fixtures.approval, {"actor": object.union(fixtures.supervisor, {"id": "s-super-2"})})
	one := release.decision with input as object.union(base, {"escalation": {"approvals": [fixtures.approval, same]}})
		with data.sceau.numbers.grounds.imminent_danger.approvals as two
	one.reasons == {"approvals.missing"}
	other := object.union(fixtures.approval, {"actor": {"id": "s-s2", "person": "p-s2", "role": "supervisor"}})
	both := release.decision with input as object.union(base, {"escalation": {"approvals": [fixtures.approval, other]}})
		with data.sceau.numbers.grounds.imminent_danger.approvals as two
	both.allow
}

test_nobody_needed_is_a_refusal if {
	d := release.decision with input as base with data.sceau.numbers.grounds.imminent_danger.approvals as []
	d.reasons == {"approvals.missing"}
}

test_terms_are_not_taken_at_their_word if {
	every change in [{"answer_within_s": 601}, {"use_within_s": 901}, {"read_for_s": 3601}, {"uses_allowed": 2}] {
		refused({"escalation": change}) == {"grant.beyond_policy"}
	}
}

test_ground if {
	"ground.not_available" in refused({"escalation": {"ground": "consent"}})
	refused({"escalation": {"ground": ""}}) == {"approvals.missing", "grant.beyond_policy", "ground.not_available"}
}
