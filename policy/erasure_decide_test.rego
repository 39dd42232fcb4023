package sceau.erasure.decide_test

import data.sceau.erasure.decide
import data.sceau.fixtures

base := {
	"at": "2026-03-05T10:00:00.000000Z", "actor": fixtures.privacy_officer, "case": "c",
	"conversation": fixtures.conversation, "verdict": "granted", "reason": "",
	"erasure": {"id": "r1", "requested_at": "2026-03-04T10:00:00.000000Z", "decided": ""}, "holds": [],
	"escalations": [],
}

refusal := {"verdict": "refused", "reason": "legal_hold"}

held := [{"id": "h1", "reason": "proceedings", "set_at": "2026-03-01T10:00:00.000000Z", "lifted_at": ""}]

reasons(change) := d.reasons if {
	d := decide.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_privacy_officer_decides if {
	reasons({}) == []
	reasons({"escalations": [object.union(fixtures.released, {"state": "closed"})]}) == []
	every reason in ["danger_persists", "legal_hold", "proceedings_under_way"] {
		reasons({"verdict": "refused", "reason": reason}) == []
	}
}

test_nobody_else if {
	every actor in {fixtures.supervisor, fixtures.inspector, fixtures.colleague} {
		reasons({"actor": actor}) == {"role.not_allowed"}
		reasons(object.union(refusal, {"actor": actor})) == {"role.not_allowed"}
	}
	reasons({"actor": fixtures.agent}) == {"approver.took_part", "role.not_allowed"}
	reasons({"actor": {"person": ""}}) == {"person.missing"}
}

# Nobody destroys the traces of their own conversation, under any account.
test_who_took_part_does_not_decide if {
	every person in ["p-agent", "p-psy", "p-gone"] {
		reasons({"actor": {"person": person}}) == {"approver.took_part"}
		reasons(object.union(refusal, {"actor": {"person": person}})) == {"approver.took_part"}
	}
}

# Nor of an escalation that they approved, answered or confirmed.
test_who_had_a_part_in_an_escalation_does_not_decide if {
	lone := {"conversation": object.union(fixtures.conversation, {"participants": []})}
	over := object.union(fixtures.broken, {"state": "closed", "review": "confirmed"})
	every change in [
		{"requester": {"person": "p-priv"}}, {"answered": [fixtures.privacy_officer]},
		{"confirmations": [{"actor": fixtures.privacy_officer, "at": base.at}]},
		{"approvals": [{"actor": fixtures.privacy_officer, "facets": ["name"], "at": base.at}]},
	] {
		one := object.union(over, change)
		reasons(object.union(lone, {"actor": {"person": "p-priv"}, "escalations": [one]})) == {"approver.took_part"}
		reasons(object.union(lone, {"actor": {"person": "p-other"}, "escalations": [one]})) == []
	}
}

test_a_request_waits if {
	reasons({"erasure": {"decided": "refused"}}) == {"erasure.not_pending"}
	reasons({"erasure": {"decided": "granted"}}) == {"erasure.not_pending"}
	reasons({"erasure": {"id": ""}}) == {"erasure.not_pending"}
	reasons({"erasure": {"requested_at": ""}}) == {"erasure.not_pending"}
	reasons({"erasure": {"requested_at": "2026-03-05T10:00:00.000001Z"}}) == {"erasure.not_pending"}
}

test_a_hold_stops_it if {
	reasons({"holds": held}) == {"hold.set"}
	reasons(object.union(refusal, {"holds": held})) == []
}

test_an_open_escalation_stops_it if {
	open := [object.union(fixtures.released, {"read_until": "2026-03-05T10:00:00.000000Z"})]
	reasons({"escalations": open}) == {"erasure.escalation_open"}
	reasons(object.union(refusal, {"escalations": open})) == []
	unreviewed := [object.union(fixtures.broken, {"state": "closed"})]
	reasons({"escalations": unreviewed}) == {"erasure.escalation_open"}
	reasons({"escalations": [object.union(unreviewed[0], {"review": "abusive"})]}) == []
}

test_verdicts_are_coded if {
	reasons({"verdict": "perhaps"}) == {"verdict.unknown"}
	reasons({"verdict": ""}) == {"verdict.unknown"}
	reasons({"verdict": "refused"}) == {"erasure.not_coded"}
	reasons({"verdict": "refused", "reason": "too_much_work"}) == {"erasure.not_coded"}
	reasons({"reason": "legal_hold"}) == {"erasure.not_coded"} # a reason to refuse, not to grant
}
