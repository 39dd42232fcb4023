package sceau.key.destroy_test

import data.sceau.fixtures
import data.sceau.key.destroy

base := {
	"at": "2027-03-05T10:00:00.000000Z", "case": "c", "class": "transcript", "reason": "retention",
	"conversation": object.union(fixtures.conversation, {"state": "closed", "quiet_for_s": 31536000}),
	"erasures": [], "holds": [], "escalations": [], "destroyed": false,
}

erasing := {
	"reason": "erasure", "conversation": {"quiet_for_s": 0},
	"erasures": [{"id": "r1", "requested_at": "2027-03-04T10:00:00.000000Z", "decided": "granted"}],
}

held := [{"id": "h1", "reason": "proceedings", "set_at": "2026-03-01T10:00:00.000000Z", "lifted_at": ""}]

unreviewed := object.union(fixtures.broken, {"state": "closed"})

reasons(change) := d.reasons if {
	d := destroy.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_granted_erasure_destroys_both if {
	reasons(erasing) == []
	reasons(object.union(erasing, {"class": "identity"})) == []

	# whatever was asked for since
	reasons(object.union(erasing, {"escalations": [object.union(fixtures.requested, {"answer_by": base.at})]})) == []

	# the transcript gone, the state says so, and the identity still follows
	reasons(object.union(erasing, {"class": "identity", "conversation": {"state": "erased"}})) == []
}

test_only_what_was_granted if {
	reasons(object.union(erasing, {"erasures": []})) == {"erasure.not_pending"}
	every decided in ["", "refused"] {
		waiting := [object.union(erasing.erasures[0], {"decided": decided})]
		reasons(object.union(erasing, {"erasures": waiting})) == {"erasure.not_pending"}
	}

	# refused once, granted the second time
	refused := object.union(erasing.erasures[0], {"id": "r0", "decided": "refused"})
	reasons(object.union(erasing, {"erasures": [refused, erasing.erasures[0]]})) == []
}

test_a_hold_stops_all if {
	reasons({"holds": held}) == {"hold.set"}
	reasons(object.union(erasing, {"holds": held})) == {"hold.set"}
}

test_transcript_after_its_time if {
	reasons({}) == []
	reasons({"conversation": {"quiet_for_s": 31535999}}) == {"retention.too_early"}
	reasons({"conversation": {"quiet_for_s": 0}}) == {"retention.too_early"}
}

test_identity_with_the_transcript_or_before if {
	sooner := {"class": "identity", "conversation": {"quiet_for_s": 15811200}}
	opened := object.union(fixtures.released, {"state": "closed"})
	reasons(sooner) == []
	reasons(object.union(sooner, {"conversation": {"quiet_for_s": 15811199}})) == {"retention.too_early"}
	reasons(object.union(sooner, {"escalations": [opened]})) == {"retention.too_early"}
	reasons({"class": "identity", "escalations": [opened]}) == []
	reasons(object.union(sooner, {"class": "transcript"})) == {"retention.too_early"}
}

test_nothing_open if {
	reasons({"escalations": [object.union(fixtures.requested, {"answer_by": base.at})]}) == {"erasure.escalation_open"}
	reasons({"escalations": [unreviewed]}) == {"erasure.escalation_open"}
	reasons({"escalations": [object.union(unreviewed, {"review": "confirmed"})]}) == []
}

test_once if {
	reasons({"destroyed": true}) == {"conversation.erased"}
}

test_nothing_for_another_reason if {
	every reason in ["", "curiosity"] {
		reasons({"reason": reason}) == {"erasure.not_pending", "retention.too_early"}
	}
	reasons({"class": "everything"}) == {"retention.too_early"}
	reasons(object.union(erasing, {"class": ""})) == {"erasure.not_pending"}
}
