package sceau.escalation.approve_test

import data.sceau.escalation.approve
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:16:00.000000Z", "actor": fixtures.supervisor, "case": "c",
	"conversation": fixtures.conversation, "verdict": "approve", "request": "hash",
	"facets": ["connection"], "escalation": fixtures.requested, "session": "x-1",
}

# Unless a test says otherwise, whoever answers has read the evidence.
read(change) := object.union({"reads": [{"actor": asks.actor, "session": "x-1", "at": "2026-03-01T22:15:30.000000Z"}]}, asks) if {
	asks := object.union(base, change)
}

refused(change) := reasons if {
	d := approve.decision with input as read(change)
	d.allow == false
	d.obligations == {}
	reasons := d.reasons
}

test_supervisor_approves if {
	d := approve.decision with input as read({})
	d.allow
	d.obligations == {"facets": ["connection"], "use_within_s": 900, "read_for_s": 3600, "uses": 1}
}

test_supervisor_denies if {
	d := approve.decision with input as read({"verdict": "deny", "facets": []})
	d.allow
	d.obligations == {}
}

# On a requisition a privacy officer answers too, by the same rules.
test_privacy_officer_answers_a_requisition if {
	asks := {"actor": fixtures.privacy_officer, "escalation": fixtures.ordered}
	every verdict in ["approve", "deny"] {
		d := approve.decision with input as read(object.union(asks, {"verdict": verdict}))
		d.allow
		refused(object.union(asks, {"verdict": verdict, "reads": []})) == {"evidence.not_read"}
		refused(object.union(asks, {"verdict": verdict, "actor": {"person": "p-agent"}})) == {
			"approver.same_person", "approver.took_part",
		}
		refused(object.union(asks, {"verdict": verdict, "actor": {"person": "p-psy"}})) == {"approver.took_part"}
	}

	# the supervisor as well, and neither alone for both
	other := approve.decision with input as read({"escalation": fixtures.ordered})
	other.allow
	half := {"escalation": object.union(fixtures.ordered, {"approvals": [fixtures.approval]})}
	refused(half) == {"approver.already_answered"}
	refused(object.union(half, {"actor": {"id": "s-super-2", "role": "privacy_officer"}})) == {"approver.already_answered"}
	second := approve.decision with input as read(object.union(half, {"actor": fixtures.privacy_officer}))
	second.allow
}

# Asked by the request and by policy as it is now: neither alone.
test_who_was_not_asked_does_not_answer if {
	refused({"actor": fixtures.privacy_officer}) == {"role.not_allowed"}
	claimed := object.union(fixtures.requested, {"needed": fixtures.ordered.needed})
	refused({"actor": fixtures.privacy_officer, "escalation": claimed}) == {"role.not_allowed"}
	dropped := object.union(fixtures.ordered, {"needed": fixtures.requested.needed})
	refused({"actor": fixtures.privacy_officer, "escalation": dropped}) == {"role.not_allowed"}

	# numbers that ask an agent to approve make no agent an approver
	d := approve.decision with input as read({"actor": fixtures.colleague, "escalation": {"needed": [{"role": "agent", "count": 1}]}})
		with data.sceau.numbers.grounds.imminent_danger.approvals as [{"role": "agent", "count": 1}]
	d.reasons == {"role.not_allowed"}
}

test_only_supervisors if {
	every role in ["agent", "psychologist", "inspector", "privacy_officer", "minor", ""] {
		refused({"actor": {"role": role}}) == {"role.not_allowed"}
	}
}

# Whichever the verdict: who may not approve may not deny either.
test_four_eyes if {
	every verdict in ["approve", "deny"] {
		v := {"verdict": verdict}

		# the requester, on duty in both roles
		refused(object.union(v, {"actor": {"id": "s-agent", "person": "p-agent"}})) == {"approver.is_requester", "approver.took_part"}

		# the same human under another account
		refused(object.union(v, {"actor": fixtures.twin})) == {"approver.same_person", "approver.took_part"}

		# and when the requester's own joining were missing from the conversation
		refused(object.union(v, {"actor": fixtures.twin, "conversation": {"participants": []}})) == {"approver.same_person"}

		# somebody who joined, even under another account, even gone since
		refused(object.union(v, {"actor": {"person": "p-psy"}})) == {"approver.took_part"}
		refused(object.union(v, {"actor": {"person": "p-gone"}})) == {"approver.took_part"}

		# an account of nobody
		refused(object.union(v, {"actor": {"person": ""}})) == {"person.missing"}
		refused(object.union(v, {"escalation": {"requester": {"person": ""}}})) == {"person.missing"}
	}
}

test_colluding_pair_hands_over_to_approve if {
	# The supervisor answered the conversation, handed it to a friend, and now
	# approves what the friend asks.
	pair := [
		{"id": "s-super-as-agent", "person": "p-super", "role": "agent", "active": false},
		{"id": "s-agent", "person": "p-agent", "role": "agent", "active": true},
	]
	refused({"conversation": {"participants": pair}}) == {"approver.took_part"}
}

test_state_and_time if {
	refused({"escalation": fixtures.approved}) == {"approver.already_answered", "escalation.wrong_state"}
	refused({"escalation": {"state": "withdrawn"}}) == {"escalation.wrong_state"}
	refused({"at": "2026-03-01T22:25:00.000001Z"}) == {"escalation.too_late"}
	refused({"escalation": {"answer_by": ""}}) == {"escalation.too_late"}
	d := approve.decision with input as read({"at": "2026-03-01T22:25:00.000000Z"})
	d.allow
}

test_bound_to_the_request if {
	refused({"request": "other"}) == {"escalation.request_changed"}
	refused({"request": "", "escalation": {"request": ""}}) == {"escalation.request_changed"}
}

test_evidence_was_read if {
	reading := {"actor": fixtures.supervisor, "session": "x-1", "at": "2026-03-01T22:16:00.000000Z"}
	d := approve.decision with input as read({"reads": [reading]})
	d.allow
	every verdict in ["approve", "deny"] {
		every reads in [
			[],
			[object.union(reading, {"actor": fixtures.twin})], # by somebody else
			[object.union(reading, {"actor": {"id": "s-other"}})], # under another account
			[object.union(reading, {"actor": {"person": "p-other"}})],
			[object.union(reading, {"session": "x-2"})], # signed in another time
			[object.union(reading, {"at": "2026-03-01T22:16:00.000001Z"})], # after answering
		] {
			refused({"verdict": verdict, "reads": reads}) == {"evidence.not_read"}
		}
	}
	refused({"session": "", "reads": [object.union(reading, {"session": ""})]}) == {"evidence.not_read"}
}

test_facets if {
	refused({"facets": []}) == {"facets.missing"}
	refused({"facets": ["contact"]}) == {"facets.not_asked"}
	refused({"facets": ["shoe_size"]}) == {"facets.not_asked"}
	refused({"verdict": "deny", "facets": ["contact"]}) == {"facets.not_asked"}
}

test_verdict if refused({"verdict": "perhaps"}) == {"verdict.unknown"}

test_one_answer_each if {
	refused({"escalation": {"approvals": [fixtures.approval]}}) == {"approver.already_answered"}
	d := approve.decision with input as read({
		"verdict": "deny", "facets": [],
		"escalation": {"approvals": [fixtures.approval]},
	})
	d.allow
}
