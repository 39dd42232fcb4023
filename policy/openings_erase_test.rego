package sceau.openings.erase_test

import data.sceau.fixtures
import data.sceau.openings.erase

base := {
	"at": "2029-03-05T10:00:00.000000Z", "case": "c", "reason": "retention",
	"conversation": object.union(fixtures.conversation, {"state": "erased", "quiet_for_s": 94694400}),
	"erasures": [], "holds": [], "escalations": [], "destroyed": true,
}

erasing := {
	"reason": "erasure", "conversation": {"quiet_for_s": 0},
	"erasures": [{"id": "r1", "requested_at": "2027-03-04T10:00:00.000000Z", "decided": "granted"}],
}

held := [{"id": "h1", "reason": "proceedings", "set_at": "2026-03-01T10:00:00.000000Z", "lifted_at": ""}]

reasons(change) := d.reasons if {
	d := erase.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
	d.obligations == {}
}

test_after_their_time if {
	reasons({}) == []
	reasons({"conversation": {"quiet_for_s": 94694399}}) == {"retention.too_early"}
}

test_with_a_granted_erasure if {
	reasons(erasing) == []
	reasons(object.union(erasing, {"erasures": []})) == {"erasure.not_pending"}
	reasons(object.union(erasing, {"erasures": [object.union(erasing.erasures[0], {"decided": "refused"})]})) == {"erasure.not_pending"}
}

# The keys go first.
test_not_while_a_key_can_be_read if {
	reasons({"destroyed": false}) == {"retention.too_early"}
	reasons(object.union(erasing, {"destroyed": false})) == {"retention.too_early"}
}

test_kept if {
	reasons({"holds": held}) == {"hold.set"}
	reasons(object.union(erasing, {"holds": held})) == {"hold.set"}
	unreviewed := [object.union(fixtures.broken, {"state": "closed"})]
	reasons({"escalations": unreviewed}) == {"erasure.escalation_open"}
}

test_nothing_for_another_reason if {
	reasons({"reason": ""}) == {"erasure.not_pending", "retention.too_early"}
}
