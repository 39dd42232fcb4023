package sceau.hold_test

import data.sceau.fixtures
import data.sceau.hold.lift
import data.sceau.hold.set as setting

hold := {"id": "h1", "reason": "complaint", "set_at": "2026-03-01T10:00:00.000000Z", "set_by": {"id": "s-po2", "person": "p-po2", "role": "privacy_officer"}, "lifted_at": ""}

base := {
	"at": "2026-03-05T10:00:00.000000Z", "actor": fixtures.privacy_officer, "case": "c", "reason": "complaint",
	"conversation": fixtures.conversation, "holds": [hold], "escalations": [], "hold": "h1",
}

setting_reasons(change) := d.reasons if {
	d := setting.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

lift_reasons(change) := d.reasons if {
	d := lift.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_privacy_officer_sets_and_lifts if {
	setting_reasons({"holds": [], "hold": "h2"}) == []
	setting_reasons({"hold": "h2"}) == [] # beside another
	lift_reasons({}) == []
}

test_nobody_else if {
	every actor in fixtures.everybody - {fixtures.privacy_officer} {
		setting_reasons({"actor": actor}) == {"role.not_allowed"}
		"role.not_allowed" in lift_reasons({"actor": actor})
	}
	setting_reasons({"actor": {"person": ""}}) == {"person.missing"}
	lift_reasons({"actor": {"person": ""}}) == {"person.missing"}
}

test_reasons_are_coded if {
	every reason in ["complaint", "internal_control", "proceedings", "requisition"] {
		setting_reasons({"reason": reason}) == []
		lift_reasons({"reason": reason}) == []
	}
	every reason in ["", "caution"] {
		setting_reasons({"reason": reason}) == {"hold.not_coded"}
		lift_reasons({"reason": reason}) == {"hold.not_coded"}
	}
}

test_a_hold_that_stands_is_lifted if {
	lift_reasons({"hold": "h2"}) == {"hold.unknown"}
	lift_reasons({"hold": ""}) == {"hold.unknown"}
	lift_reasons({"hold": "", "holds": [object.union(hold, {"id": ""})]}) == {"hold.unknown"}
	lift_reasons({"holds": []}) == {"hold.unknown"}
	lifted := object.union(hold, {"lifted_at": "2026-03-02T10:00:00.000000Z"})
	lift_reasons({"holds": [lifted]}) == {"hold.unknown"}
	lift_reasons({"holds": [object.union(hold, {"set_at": "2026-03-05T10:00:00.000001Z"})]}) == {"hold.unknown"}
}

# Whoever had a part in the conversation, or in what was opened of it, under any account.
test_who_took_part_does_not_lift if {
	every person in ["p-agent", "p-psy", "p-gone"] {
		lift_reasons({"actor": {"person": person}}) == {"approver.took_part"}
	}
	lone := {"conversation": object.union(fixtures.conversation, {"participants": []})}
	opened := [object.union(fixtures.broken, {"answered": [fixtures.supervisor]})]
	every person in {opened[0].requester.person, opened[0].confirmations[0].actor.person, fixtures.supervisor.person} {
		lift_reasons(object.union(lone, {"actor": {"person": person}, "escalations": opened})) == {"approver.took_part"}
		lift_reasons(object.union(lone, {"actor": {"person": person}})) == []
	}
	approved := [object.union(fixtures.broken, {"requester": {"person": "p-x"}, "confirmations": [], "answered": [], "approvals": [{
		"actor": fixtures.supervisor, "facets": ["name"],
		"at": base.at,
	}]})]
	lift_reasons({"actor": {"person": fixtures.supervisor.person}, "escalations": approved}) == {"approver.took_part"}
}

test_another_officer_lifts if {
	mine := object.union(hold, {"set_by": fixtures.privacy_officer})
	lift_reasons({"holds": [mine]}) == {"approver.same_person"}
	lift_reasons({"holds": [object.union(mine, {"id": "h2"}), hold]}) == []
	lift_reasons({"holds": [mine]}) == [] with data.sceau.numbers.hold_lift_by_other as false
}
