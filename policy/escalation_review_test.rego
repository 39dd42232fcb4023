package sceau.escalation.review_test

import data.sceau.escalation.review
import data.sceau.fixtures

base := {
	"at": "2026-03-02T09:00:00.000000Z", "actor": fixtures.stranger, "case": "c",
	"conversation": fixtures.conversation, "escalation": object.union(fixtures.broken, {"state": "closed"}),
	"verdict": "confirmed", "request": "hash", "session": "x-5",
	"reads": [{"actor": fixtures.stranger, "session": "x-5", "at": "2026-03-02T08:50:00.000000Z"}],
}

reasons(change) := d.reasons if {
	d := review.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

by(actor) := {"actor": actor, "reads": [{"actor": actor, "session": "x-5", "at": "2026-03-02T08:50:00.000000Z"}]}

test_a_supervisor_without_a_part_reviews if {
	every state in ["glass_broken", "released", "expired", "revoked", "closed"] {
		every verdict in ["confirmed", "abusive"] {
			reasons({"verdict": verdict, "escalation": {"state": state}}) == []
		}
	}

	# overdue is an alarm, not an excuse
	reasons({"at": "2026-04-01T00:00:00.000000Z"}) == []
}

test_nobody_else if {
	every actor in {fixtures.inspector, fixtures.privacy_officer} {
		reasons(by(actor)) == {"role.not_allowed"}
	}
	reasons(by(fixtures.agent)) == {"reviewer.took_part", "role.not_allowed"}
	reasons(by(fixtures.psychologist)) == {"reviewer.took_part", "role.not_allowed"}
	reasons(by(object.union(fixtures.stranger, {"person": ""}))) == {"person.missing"}
}

# Whoever asked, joined, confirmed, answered or revoked, under any account.
test_no_part_in_it if {
	every person in ["p-agent", "p-psy", "p-gone", "p-coll"] {
		reasons(by({"id": "s-x", "person": person, "role": "supervisor"})) == {"reviewer.took_part"}
	}
	reasons(by({"id": "s-agent", "person": "p-x", "role": "supervisor"})) == {"reviewer.took_part"}
	reasons(object.union(by(fixtures.supervisor), {"escalation": {"answered": [fixtures.supervisor]}})) == {"reviewer.took_part"}
	reasons(object.union(by(fixtures.supervisor), {"escalation": {"approvals": [fixtures.approval]}})) == {"reviewer.took_part"}
}

test_once if {
	reasons({"escalation": {"review": "confirmed"}}) == {"review.already_done"}
	reasons({"escalation": {"review": "abusive"}}) == {"review.already_done"}
}

test_only_broken_glass if {
	reasons({"escalation": object.union(fixtures.released, {"broken_at": ""})}) == {"review.not_due"}
	reasons({"escalation": {"broken_at": ""}}) == {"review.not_due"}
	reasons({"escalation": {"broken_at": "2026-03-02T09:00:00.000001Z"}}) == {"evidence.not_read", "review.not_due"}
}

test_evidence_was_read if {
	reading := base.reads[0]
	every reads in [
		[],
		[object.union(reading, {"actor": fixtures.supervisor})],
		[object.union(reading, {"actor": {"person": "p-x"}})],
		[object.union(reading, {"session": "x-6"})],
		[object.union(reading, {"at": "2026-03-02T09:00:00.000001Z"})],
		[object.union(reading, {"at": "2026-03-01T22:20:59.000000Z"})], # before the glass was broken
	] {
		reasons({"reads": reads}) == {"evidence.not_read"}
	}
	reasons({"session": "", "reads": [object.union(reading, {"session": ""})]}) == {"evidence.not_read"}
}

test_verdict_and_request if {
	reasons({"verdict": "approve"}) == {"verdict.unknown"}
	reasons({"verdict": ""}) == {"verdict.unknown"}
	reasons({"request": "other"}) == {"escalation.request_changed"}
	reasons({"request": "", "escalation": {"request": ""}}) == {"escalation.request_changed"}
}
