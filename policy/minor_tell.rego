# METADATA
# schemas:
#   - input: schema.minor_tell
package sceau.minor.tell

# Whoever talks with the minor, or opened the identity, says how telling them
# went; any supervisor, once it is overdue: who owed it may have left. Until it was told, or the minor did not want to know, it may be said again.
objections := {
	"role.not_allowed", "person.missing", "conversation.not_participant", "telling.not_due", "telling.not_coded",
}

terms := data.sceau.numbers.grounds[input.escalation.ground]

cleared contains "role.not_allowed" if input.actor.role == "agent"

cleared contains code if {
	overdue_to_supervisor
	some code in {"role.not_allowed", "conversation.not_participant"}
}

overdue_to_supervisor if {
	input.actor.role == "supervisor"
	input.tell_by != ""
	input.tell_by < input.at
}

cleared contains "person.missing" if input.actor.person != ""

cleared contains "conversation.not_participant" if {
	some p in input.conversation.participants
	p.id == input.actor.id
	p.person == input.actor.person
	p.role == input.actor.role
	p.active == true
}

# The requester, also after handing the conversation over.
cleared contains "conversation.not_participant" if {
	input.actor.id == input.escalation.requester.id
	input.actor.person == input.escalation.requester.person
}

cleared contains "telling.not_due" if {
	input.escalation.opened_at != ""
	input.escalation.opened_at <= input.at
	input.conversation.state in {"open", "closed"} # erased, no word reaches them
	every telling in input.escalation.tellings {
		telling.outcome in {"unsafe", "later"}
	}
}

cleared contains "telling.not_coded" if {
	input.outcome in {"told", "refused"}
	input.reason == ""
	input.until == ""
}

cleared contains "telling.not_coded" if {
	input.outcome == "unsafe"
	input.reason in {"magistrate_forbids", "not_reachable", "perpetrator_reads", "risk_of_suicide", "risk_of_violence"}
	input.until == ""
}

# Later has an hour, and not any hour.
cleared contains "telling.not_coded" if {
	input.outcome == "later"
	input.reason == ""
	input.until > input.at
	input.later_for_s >= 1
	input.later_for_s <= terms.later_at_most_s
}

obligations := {"unsafe_again_s": terms.unsafe_again_s} if {
	input.outcome == "unsafe"
} else := {}

decision := {"allow": true, "reasons": [], "obligations": obligations} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
