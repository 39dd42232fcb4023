package sceau.escalation.confirm_test

import data.sceau.escalation.confirm
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:18:00.000000Z", "actor": fixtures.colleague, "case": "c",
	"conversation": fixtures.conversation, "escalation": fixtures.requested, "request": "hash", "session": "x-9",
	"clock_trails": false,
}

reasons(change) := d.reasons if {
	d := confirm.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_a_second_agent_confirms if {
	reasons({}) == []

	# who has had the conversation, too
	reasons({"actor": {"id": "s-gone", "person": "p-gone"}}) == []

	# and a third, after the glass can be broken
	reasons({"escalation": fixtures.confirmed, "actor": {"id": "s-3", "person": "p-3"}, "at": "2026-03-01T22:24:00.000000Z"}) == []
}

test_nobody_else if {
	every actor in fixtures.everybody - {fixtures.agent} {
		reasons({"actor": actor}) == {"role.not_allowed"}
	}
	reasons({"actor": {"person": ""}}) == {"person.missing"}
	reasons({"session": ""}) == {"person.missing"}
	reasons({"escalation": {"requester": {"person": ""}}}) == {"person.missing"}
}

test_not_the_requester if {
	reasons({"actor": fixtures.agent}) == {"confirmer.same_person"}
	reasons({"actor": {"person": "p-agent"}}) == {"confirmer.same_person"}
	reasons({"actor": {"id": "s-agent"}}) == {"confirmer.same_person"}
}

test_once_each if {
	reasons({"escalation": fixtures.confirmed}) == {"confirmer.already_confirmed"}
	reasons({"escalation": fixtures.confirmed, "actor": {"id": "s-coll-2"}}) == {"confirmer.already_confirmed"}
}

test_while_an_answer_is_awaited if {
	every state in ["approved", "glass_broken", "released", "denied", "withdrawn", "expired", "closed", "revoked", ""] {
		reasons({"escalation": {"state": state}}) == {"escalation.wrong_state"}
	}
	reasons({"at": "2026-03-01T22:25:00.000000Z"}) == []
	reasons({"at": "2026-03-01T22:25:00.000001Z"}) == {"escalation.too_late"}
	reasons({"clock_trails": true}) == {"clock.trails"}
	reasons({"conversation": {"state": "erased"}}) == {"conversation.erased"}
}

test_of_this_request if {
	reasons({"request": "other"}) == {"escalation.request_changed"}
	reasons({"request": "", "escalation": {"request": ""}}) == {"escalation.request_changed"}
}

test_only_glass_that_breaks if {
	reasons({"escalation": {"break_glass_from": "", "break_glass_after_s": 0}}) == {"glass.not_breakable"}
	reasons({"escalation": {"break_glass_after_s": 299}}) == {"glass.not_breakable"}
	reasons({"escalation": fixtures.agreed}) == {"glass.not_breakable"}
	reasons({"escalation": object.union(fixtures.requested, {"ground": "consent"})}) == {"glass.not_breakable"}
}
