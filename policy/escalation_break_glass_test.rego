package sceau.escalation.break_glass_test

import data.sceau.escalation.break_glass
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:20:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation, "escalation": fixtures.confirmed, "request": "hash",
	"clock_trails": false,
}

reasons(change) := d.reasons if {
	d := break_glass.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
}

test_requester_breaks_the_glass if {
	d := break_glass.decision with input as base
	d.allow
	d.obligations == {
		"facets": ["connection", "name"], "use_within_s": 900, "read_for_s": 3600, "uses": 1,
		"review_within_s": 259200,
	}
}

test_nobody_else if {
	every actor in {fixtures.psychologist, fixtures.supervisor, fixtures.inspector, fixtures.privacy_officer} {
		"escalation.not_requester" in reasons({"actor": actor})
		"role.not_allowed" in reasons({"actor": actor})
	}
	reasons({"actor": fixtures.colleague}) == {"conversation.not_participant", "escalation.not_requester"}
	reasons({"actor": {"person": ""}}) == {
		"conversation.not_participant", "escalation.not_requester", "person.missing",
	}
}

test_handed_over_is_handed_over if {
	gone := [object.union(fixtures.agent, {"active": false})]
	reasons({"conversation": {"participants": gone}}) == {"conversation.not_participant"}
	reasons({"conversation": {"state": "erased"}}) == {"conversation.erased"}
	reasons({"conversation": {"state": "closed"}}) == []
}

test_neither_too_early_nor_too_late if {
	reasons({"at": "2026-03-01T22:19:59.999999Z"}) == {"glass.too_early"}
	reasons({"at": "2026-03-01T22:25:00.000000Z"}) == []
	reasons({"at": "2026-03-01T22:25:00.000001Z"}) == {"escalation.too_late"}
	reasons({"clock_trails": true}) == {"clock.trails"}
}

test_while_an_answer_is_awaited if {
	every state in ["approved", "glass_broken", "released", "denied", "withdrawn", "expired", "closed", "revoked", ""] {
		reasons({"escalation": {"state": state}}) == {"escalation.wrong_state"}
	}
}

test_not_alone if {
	reasons({"escalation": {"confirmations": []}}) == {"glass.not_confirmed"}
	every change in [
		{"actor": fixtures.agent}, {"actor": {"person": "p-agent"}}, {"actor": {"id": "s-agent"}},
		{"actor": {"person": ""}}, {"actor": {"role": "supervisor"}}, {"at": "2026-03-01T22:20:00.000001Z"}, {"at": ""},
	] {
		alone := object.union(fixtures.confirmation, change)
		reasons({"escalation": {"confirmations": [alone]}}) == {"glass.not_confirmed"}
	}
}

test_of_this_request if {
	reasons({"request": "other"}) == {"escalation.request_changed"}
	reasons({"request": "", "escalation": {"request": ""}}) == {"escalation.request_changed"}
}

# Neither too early nor unconfirmed: it can never be broken, and that is all that is said.
test_only_glass_that_breaks if {
	reasons({"escalation": {"break_glass_from": "", "break_glass_after_s": 0, "confirmations": []}}) == {"glass.not_breakable"}
	reasons({"escalation": {"break_glass_after_s": 299}}) == {"glass.not_breakable"}
	reasons({"escalation": object.union(fixtures.agreed, {"confirmations": [fixtures.confirmation]})}) == {"glass.not_breakable"}
	kept := object.remove(data.sceau.numbers.grounds.imminent_danger, ["break_glass"])
	d := break_glass.decision with input as base with data.sceau.numbers.grounds.imminent_danger as kept
	d.reasons == {"glass.not_breakable"}
}

test_terms_are_not_taken_at_their_word if {
	every change in [{"use_within_s": 901}, {"read_for_s": 3601}, {"uses_allowed": 2}] {
		reasons({"escalation": change}) == {"grant.beyond_policy"}
	}
	d := break_glass.decision with input as base with data.sceau.numbers.grounds_available as ["consent"]
	d.reasons == {"ground.not_available"}
}
