package sceau.minor.tell_test

import data.sceau.fixtures
import data.sceau.minor.tell

base := {
	"at": "2026-03-02T10:00:00.000000Z", "actor": fixtures.agent, "case": "c",
	"conversation": fixtures.conversation, "escalation": fixtures.released,
	"tell_by": "2026-03-02T11:00:00.000000Z", "outcome": "told", "reason": "",
	"until": "", "later_for_s": 0,
}

reasons(change) := d.reasons if {
	d := tell.decision with input as object.union(base, change)
	d.allow == (d.reasons == [])
}

unsafe := {"outcome": "unsafe", "reason": "perpetrator_reads"}

later := {"outcome": "later", "until": "2026-03-09T10:00:00.000000Z", "later_for_s": 604800}

test_agent_of_the_conversation_tells if {
	reasons({}) == []
	reasons({"outcome": "refused"}) == []
	reasons(unsafe) == []
	reasons(later) == []

	# another agent who has it now; and the requester who handed it over
	now := {"participants": [object.union(fixtures.agent, {"active": false}), object.union(fixtures.colleague, {"active": true})]}
	reasons({"conversation": now}) == []
	reasons({"conversation": now, "actor": fixtures.colleague}) == []
}

test_nobody_else if {
	reasons({"actor": fixtures.colleague}) == {"conversation.not_participant"}
	reasons({"actor": {"id": "s-gone", "person": "p-gone"}}) == {"conversation.not_participant"}
	reasons({"actor": fixtures.psychologist}) == {"role.not_allowed"}
	every actor in {fixtures.supervisor, fixtures.inspector, fixtures.privacy_officer} {
		reasons({"actor": actor}) == {"conversation.not_participant", "role.not_allowed"}
	}
	nobody := object.union(fixtures.agent, {"person": ""})
	reasons({"actor": nobody, "escalation": {"requester": nobody}}) == {"person.missing"}
	reasons({"actor": {"person": "p-x"}}) == {"conversation.not_participant"}
}

# Who owed it may have left: what is owed stays.
test_supervisor_tells_what_is_overdue if {
	overdue := {"actor": fixtures.supervisor, "tell_by": "2026-03-02T09:59:59.999999Z"}
	reasons(overdue) == []
	reasons(object.union(overdue, unsafe)) == []
	reasons(object.union(overdue, {"actor": {"person": ""}})) == {"person.missing"}
	every tell_by in [base.at, ""] {
		reasons(object.union(overdue, {"tell_by": tell_by})) == {"conversation.not_participant", "role.not_allowed"}
	}
	every actor in {fixtures.inspector, fixtures.privacy_officer} {
		reasons(object.union(overdue, {"actor": actor})) == {"conversation.not_participant", "role.not_allowed"}
	}
}

test_what_was_opened_is_told if {
	reasons({"escalation": {"opened_at": ""}}) == {"telling.not_due"}
	reasons({"escalation": {"opened_at": "2026-03-02T10:00:00.000001Z"}}) == {"telling.not_due"}
	reasons({"conversation": {"state": "erased"}}) == {"telling.not_due"}
	reasons({"conversation": {"state": "closed"}}) == []
	every state in ["released", "closed", "revoked", "expired", "glass_broken"] {
		reasons({"escalation": {"state": state}}) == []
	}
}

test_until_it_is_told if {
	at := "2026-03-02T09:00:00.000000Z"
	every outcome in ["later", "unsafe"] {
		reasons({"escalation": {"tellings": [{"outcome": outcome, "at": at, "until": ""}]}}) == []
	}
	every outcome in ["told", "refused"] {
		reasons({"escalation": {"tellings": [{"outcome": outcome, "at": at, "until": ""}]}}) == {"telling.not_due"}
	}
}

test_unsafe_has_a_reason_and_comes_back if {
	every reason in ["magistrate_forbids", "not_reachable", "perpetrator_reads", "risk_of_suicide", "risk_of_violence"] {
		d := tell.decision with input as object.union(base, {"outcome": "unsafe", "reason": reason})
		d.obligations == {"unsafe_again_s": 604800}
	}
	reasons({"outcome": "unsafe"}) == {"telling.not_coded"}
	reasons({"outcome": "unsafe", "reason": "inconvenient"}) == {"telling.not_coded"}
	reasons({"outcome": "unsafe", "reason": "perpetrator_reads", "until": "2026-03-09T10:00:00.000000Z"}) == {"telling.not_coded"}
}

test_later_has_an_end if {
	reasons({"outcome": "later"}) == {"telling.not_coded"}
	reasons(object.union(later, {"later_for_s": 604801})) == {"telling.not_coded"}
	reasons(object.union(later, {"later_for_s": 0})) == {"telling.not_coded"}
	reasons(object.union(later, {"until": base.at})) == {"telling.not_coded"}
	reasons(object.union(later, {"reason": "perpetrator_reads"})) == {"telling.not_coded"}
	reasons(object.union(later, {"escalation": object.union(fixtures.released, {"ground": "consent"})})) == {"telling.not_coded"}
}

test_outcome_is_coded if {
	reasons({"outcome": ""}) == {"telling.not_coded"}
	reasons({"outcome": "perhaps"}) == {"telling.not_coded"}
	reasons({"reason": "perpetrator_reads"}) == {"telling.not_coded"}
	reasons({"until": "2026-03-09T10:00:00.000000Z"}) == {"telling.not_coded"}
	d := tell.decision with input as base
	d.obligations == {}
}
