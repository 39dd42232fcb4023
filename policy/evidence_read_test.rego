package sceau.evidence.read_test

import data.sceau.evidence.read
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:16:00.000000Z", "actor": fixtures.supervisor, "case": "c",
	"conversation": fixtures.conversation, "escalation": fixtures.requested,
}

refused(change) := reasons if {
	d := read.decision with input as object.union(base, change)
	d.allow == false
	reasons := d.reasons
}

allowed(change) if {
	d := read.decision with input as object.union(base, change)
	d.allow
}

test_supervisor_reads_to_answer if allowed({})

test_others_do_not if {
	refused({"actor": fixtures.inspector}) == {"role.not_allowed"}
	refused({"actor": fixtures.twin}) == {"approver.same_person", "approver.took_part"}
	refused({"actor": fixtures.agent}) == {"approver.is_requester", "approver.took_part", "role.not_allowed"}
}

test_in_time if refused({"at": "2026-03-01T22:25:00.000001Z"}) == {"escalation.too_late"}

test_after_approval_only_who_approved if {
	allowed({"escalation": fixtures.approved})
	allowed({"escalation": fixtures.released})
	other := {"id": "s-other", "person": "p-other"}
	refused({"escalation": fixtures.approved, "actor": other}) == {"escalation.wrong_state"}

	# nor their human under another account, nor another human under theirs
	"escalation.wrong_state" in refused({"escalation": fixtures.approved, "actor": {"id": "s-super-2"}})
	"escalation.wrong_state" in refused({"escalation": fixtures.approved, "actor": {"person": "p-super-2"}})
}

# Who approved looks again as long as something may follow from it.
test_not_for_ever if {
	allowed({"escalation": fixtures.approved, "at": "2026-03-01T22:31:00.000000Z"})
	refused({"escalation": fixtures.approved, "at": "2026-03-01T22:31:00.000001Z"}) == {"grant.expired"}
	allowed({"escalation": fixtures.released, "at": "2026-03-01T23:17:00.000000Z"})
	refused({"escalation": fixtures.released, "at": "2026-03-01T23:17:00.000001Z"}) == {"grant.window_over"}
	refused({"escalation": object.union(fixtures.approved, {"use_by": ""})}) == {"grant.expired"}
	refused({"escalation": object.union(fixtures.released, {"read_until": ""})}) == {"grant.window_over"}
}

test_not_after_the_end if {
	every state in ["refused", "denied", "withdrawn", "expired", "closed", "void"] {
		refused({"escalation": object.union(fixtures.approved, {"state": state})}) == {"escalation.wrong_state"}
	}
}

test_erased if refused({"conversation": {"state": "erased"}}) == {"conversation.erased"}
