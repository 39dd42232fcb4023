package sceau.conversation.read_test

import data.sceau.conversation.read
import data.sceau.fixtures

base := {
	"at": "2026-03-01T22:16:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation,
}

# refused(change) are the reasons after one change of what is allowed.
refused(change) := reasons if {
	d := read.decision with input as object.union(base, change)
	d.allow == false
	d.obligations == {}
	reasons := d.reasons
}

test_participants_read if {
	d := read.decision with input as base
	d.allow
	psychologist := read.decision with input as object.union(base, {"actor": fixtures.psychologist})
	psychologist.allow
}

test_others_do_not if {
	refused({"actor": {"id": "s-other"}}) == {"conversation.not_participant"}
	refused({"actor": {"person": "p-other"}}) == {"conversation.not_participant"}
	refused({"actor": {"role": "psychologist"}}) == {"conversation.not_participant"}
	refused({"actor": fixtures.supervisor}) == {"conversation.not_participant", "role.not_allowed"}
	refused({"actor": fixtures.inspector}) == {"conversation.not_participant", "role.not_allowed"}
}

test_who_handed_over_does_not if {
	refused({"actor": {"id": "s-gone", "person": "p-gone"}}) == {"conversation.not_participant"}
}

test_nobody_is_a_person if {
	nobody := {"id": "s-agent", "person": "", "role": "agent", "active": true}
	refused({"actor": nobody, "conversation": {"participants": [nobody]}}) == {"person.missing"}
}

test_closed_is_read_for_a_while if {
	just_closed := {"state": "closed", "closed_for_s": 86400}
	d := read.decision with input as object.union(base, {"conversation": just_closed})
	d.allow
	refused({"conversation": {"state": "closed", "closed_for_s": 86401}}) == {"conversation.closed"}
}

test_erased_is_not_read if {
	refused({"conversation": {"state": "erased"}}) == {"conversation.erased"}
	refused({"conversation": {"state": ""}}) == {"conversation.closed", "conversation.erased"}
}
