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

test_supervisor_reads_messages if {
	d := read.decision with input as base
	d.obligations == {"scope": "messages"}
}

# A privacy officer sees what a magistrate ordered, and no message.
test_privacy_officer_reads_a_requisition if {
	d := read.decision with input as object.union(base, {"actor": fixtures.privacy_officer, "escalation": fixtures.ordered})
	d.allow
	d.obligations == {"scope": "requisition"}
	refused({"actor": fixtures.privacy_officer}) == {"role.not_allowed"}
	agreed := object.union(fixtures.agreed, {"state": "approved"})
	refused({"actor": fixtures.privacy_officer, "escalation": agreed}) == {"escalation.wrong_state", "grant.expired", "role.not_allowed"}
	supervisor := read.decision with input as object.union(base, {"escalation": fixtures.ordered})
	supervisor.obligations == {"scope": "messages"}

	# again, as long as something may follow from their own approval
	again := read.decision with input as object.union(base, {
		"actor": fixtures.privacy_officer, "escalation": fixtures.ordered_approved,
		"at": "2026-03-01T22:17:00.000000Z",
	})
	again.obligations == {"scope": "requisition"}
}

# Once the glass was broken, any supervisor without a part may look, until one has
# reviewed it, however it ended and however late.
test_reviewers_read if {
	late := "2026-04-01T00:00:00.000000Z"
	every state in ["glass_broken", "released", "expired", "revoked", "closed"] {
		broken := object.union(fixtures.broken, {"state": state})
		allowed({"escalation": broken, "at": late})
		reviewed := object.union(broken, {"review": "confirmed"})
		"escalation.wrong_state" in refused({"escalation": reviewed, "at": late})
		"escalation.wrong_state" in refused({"escalation": broken, "at": late, "actor": fixtures.privacy_officer})
	}
}

test_reviewers_had_no_part if {
	base_broken := {"escalation": fixtures.broken, "at": "2026-03-01T22:30:00.000000Z"}
	refused(object.union(base_broken, {"actor": fixtures.twin})) == {"approver.same_person", "approver.took_part"}
	refused(object.union(base_broken, {"actor": {"person": "p-psy"}})) == {"approver.took_part"}
	refused(object.union(base_broken, {"actor": {"person": "p-coll"}})) == {"reviewer.took_part"}
	revoked := {"escalation": {"state": "revoked", "answered": [fixtures.supervisor]}}
	refused(object.union(base_broken, revoked)) == {"reviewer.took_part"}
	half := {"escalation": {"state": "released", "approvals": [fixtures.approval]}}
	refused(object.union(base_broken, half)) == {"reviewer.took_part"}
}

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
