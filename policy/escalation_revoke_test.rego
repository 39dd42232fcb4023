package sceau.escalation.revoke_test

import data.sceau.escalation.revoke
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:18:00.000000Z", "actor": fixtures.stranger, "case": "c", "escalation": fixtures.released,
	"reason": "danger_over",
}

reasons(change) := d.reasons if {
	d := revoke.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_any_supervisor_revokes if {
	every escalation in [fixtures.approved, fixtures.released, fixtures.broken] {
		reasons({"escalation": escalation}) == []
		reasons({"escalation": escalation, "actor": fixtures.supervisor}) == [] # who approved
	}
}

test_nobody_else if {
	every actor in fixtures.everybody - {fixtures.supervisor, fixtures.agent} {
		reasons({"actor": actor}) == {"role.not_allowed"}
	}
	reasons({"actor": fixtures.agent}) == {"approver.is_requester", "role.not_allowed"}
	reasons({"actor": {"person": ""}}) == {"person.missing"}
}

# Under no account: the requester withdraws or closes.
test_not_the_requester if {
	reasons({"actor": fixtures.twin}) == {"approver.same_person"}
	reasons({"actor": {"id": "s-agent"}}) == {"approver.is_requester"}
	reasons({"actor": {"id": "s-agent", "person": "p-agent"}}) == {"approver.is_requester"}
}

test_only_what_was_granted if {
	every state in ["requested", "refused", "denied", "withdrawn", "expired", "revoked", "closed", "void", ""] {
		reasons({"escalation": {"state": state}}) == {"escalation.wrong_state"}
	}
}

test_reason_is_coded if {
	every reason in ["danger_over", "granted_in_error", "minor_objects", "misuse"] {
		reasons({"reason": reason}) == []
	}
	reasons({"reason": ""}) == {"revocation.not_coded"}
	reasons({"reason": "because"}) == {"revocation.not_coded"}
}
