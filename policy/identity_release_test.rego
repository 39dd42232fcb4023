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
	d.obligations == {"facets": ["connection"], "read_for_s": 3600, "tell_within_s": 86400}
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
	every state in ["requested", "refused", "denied", "withdrawn", "revoked", "closed", "void", ""] {
		"escalation.wrong_state" in refused({"escalation": {"state": state}})
	}
	every state in ["denied", "withdrawn", "revoked", "closed"] {
		refused({"escalation": {"state": state}}) == {"escalation.wrong_state"}
	}
	refused({"escalation": {"state": "expired"}}) == {"grant.expired"}
	refused({"escalation": {"state": "expired", "use_by": ""}}) == {"escalation.wrong_state"}

	# whatever else such an escalation says
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
	d := release.decision with input as base with data.sceau.numbers.grounds_available as ["consent"]
	d.reasons == {"ground.not_available"}
	"ground.not_available" in refused({"escalation": {"ground": ""}})
	"approvals.missing" in refused({"escalation": {"ground": ""}})
}

broken := {"escalation": fixtures.broken, "at": "2026-03-01T22:22:00.000000Z"}

test_broken_glass_opens_what_was_asked if {
	allowed(broken)
	allowed(object.union(broken, {"facets": ["connection", "name"]}))
	refused(object.union(broken, {"facets": ["location"]})) == {"facets.not_granted"}
	refused(object.union(broken, {"actor": fixtures.colleague})) == {
		"conversation.not_participant", "escalation.not_requester",
	}
}

test_broken_glass_is_one_window if {
	reading := object.union(fixtures.broken, {"state": "released", "uses": 1, "read_until": "2026-03-01T23:22:00.000000Z"})
	allowed({"escalation": reading, "at": "2026-03-01T23:22:00.000000Z"})
	refused({"escalation": reading, "at": "2026-03-01T23:22:00.000001Z"}) == {"grant.window_over"}
	refused(object.union(broken, {"at": "2026-03-01T22:36:00.000001Z"})) == {"grant.expired"}
	revoked := object.union(reading, {"state": "revoked"})
	refused({"escalation": revoked, "at": "2026-03-01T22:30:00.000000Z"}) == {"escalation.wrong_state"}
}

test_a_review_does_not_end_the_window if {
	allowed(object.union(broken, {"escalation": {"review": "confirmed"}}))
}

# Nobody breaks the glass alone, under any account.
test_broken_glass_was_confirmed if {
	every confirmation in [
		object.union(fixtures.confirmation, {"actor": fixtures.agent}),
		object.union(fixtures.confirmation, {"actor": object.union(fixtures.twin, {"role": "agent"})}),
		object.union(fixtures.confirmation, {"actor": {"person": ""}}),
		object.union(fixtures.confirmation, {"actor": {"role": "psychologist"}}),
		object.union(fixtures.confirmation, {"at": "2026-03-01T22:21:00.000001Z"}), # after it was broken
		object.union(fixtures.confirmation, {"at": ""}),
	] {
		refused(object.union(broken, {"escalation": {"confirmations": [confirmation]}})) == {"glass.not_confirmed"}
	}
	refused(object.union(broken, {"escalation": {"confirmations": []}})) == {"glass.not_confirmed"}
}

test_broken_glass_was_due if {
	early := {"break_glass_from": "2026-03-01T22:21:00.000001Z"}
	refused(object.union(broken, {"escalation": early})) == {"glass.too_early"}

	# a request that gave itself less time than policy does
	refused(object.union(broken, {"escalation": {"break_glass_after_s": 299}})) == {"glass.not_breakable"}

	# a review put off for longer than policy says, or for ever
	every within in [259201, 315360000, 0] {
		refused(object.union(broken, {"escalation": {"review_within_s": within}})) == {"grant.beyond_policy"}
	}

	# or broken when it had expired already
	late := {"broken_at": "2026-03-01T22:25:00.000001Z"}
	refused(object.union(broken, {"escalation": late})) == {"escalation.too_late"}
}

test_glass_that_never_breaks if {
	never := {"break_glass_from": "", "break_glass_after_s": 0}
	refused(object.union(broken, {"escalation": never})) == {"glass.not_breakable"}

	# policy changed its mind since
	kept := object.remove(data.sceau.numbers.grounds.imminent_danger, ["break_glass"])
	d := release.decision with input as object.union(base, broken) with data.sceau.numbers.grounds.imminent_danger as kept
	d.reasons == {"glass.not_breakable"}
	agreed := object.union(fixtures.agreed_approved, {"approvals": [], "broken_at": "2026-03-01T22:21:00.000000Z"})
	"glass.not_breakable" in refused({"escalation": agreed, "facets": ["name"]})
}

# State glass_broken without the hour of it opens nothing.
test_broken_or_approved if {
	refused(object.union(broken, {"escalation": {"broken_at": ""}})) == {"approvals.missing"}
}

test_consent_opens if {
	allowed({"escalation": fixtures.agreed_approved, "facets": ["name"]})
}

test_consent_still_stands if {
	taken := object.union(fixtures.agreed_approved, {"consent": {"withdrawn_at": "2026-03-01T22:16:59.000000Z"}})
	refused({"escalation": taken, "facets": ["name"]}) == {"consent.withdrawn"}

	# in the middle of the reading window too
	reading := object.union(taken, {"state": "released", "uses": 1, "read_until": "2026-03-01T22:40:00.000000Z"})
	refused({"escalation": reading, "facets": ["name"]}) == {"consent.withdrawn"}
	none := object.union(fixtures.agreed_approved, {"consent": fixtures.no_consent})
	refused({"escalation": none, "facets": ["name"]}) == {"consent.missing"}
	other := object.union(fixtures.agreed_approved, {"consent": {"facets": ["contact"]}})
	refused({"escalation": other, "facets": ["name"]}) == {"consent.other_facets"}
}

test_requisition_opens if allowed({"escalation": fixtures.ordered_approved})

# A supervisor and a privacy officer, two humans.
test_requisition_needs_both if {
	every approvals in [[fixtures.approval], [fixtures.ordered_approved.approvals[1]]] {
		half := object.union(fixtures.ordered_approved, {"approvals": approvals})
		refused({"escalation": half}) == {"approvals.missing"}
	}
	one := object.union(fixtures.ordered_approved, {"approvals": [
		fixtures.approval,
		object.union(fixtures.ordered_approved.approvals[1], {"actor": {"person": "p-super"}}),
	]})
	refused({"escalation": one}) == {"approvals.missing"}
	involved := object.union(fixtures.ordered_approved, {"approvals": [
		fixtures.approval,
		object.union(fixtures.ordered_approved.approvals[1], {"actor": {"person": "p-gone"}}),
	]})
	refused({"escalation": involved}) == {"approvals.missing"}
}

test_requisition_is_one_that_policy_knows if {
	unknown := object.union(fixtures.ordered_approved, {"authority": "a_colonel"})
	refused({"escalation": unknown}) == {"requisition.incomplete"}
	unlisted := object.union(fixtures.ordered_approved, {"listed_case": "", "granted": ["connection", "name"]})
	refused({"escalation": unlisted}) == {"requisition.case_not_listed"}
	allowed({"escalation": unlisted, "facets": ["name"]})
}
