# METADATA
# schemas:
#   - input: schema.escalation_confirm
package sceau.escalation.confirm

import data.sceau.glass

# A second agent says that the glass must be broken. They may have joined the
# conversation or not: at night, who is there may be who knows the child. They may
# say so before the glass can be broken, so that no minute is lost then.
objections := {
	"role.not_allowed", "person.missing", "confirmer.same_person", "confirmer.already_confirmed",
	"conversation.erased", "clock.trails", "escalation.wrong_state", "escalation.too_late",
	"escalation.request_changed", "glass.not_breakable",
}

cleared contains "role.not_allowed" if input.actor.role == "agent"

# A human who is signed in: an account alone confirms nothing.
cleared contains "person.missing" if {
	input.actor.person != ""
	input.escalation.requester.person != ""
	input.session != ""
}

cleared contains "confirmer.same_person" if {
	input.actor.id != input.escalation.requester.id
	input.actor.person != input.escalation.requester.person
}

cleared contains "confirmer.already_confirmed" if {
	every confirmation in input.escalation.confirmations {
		confirmation.actor.person != input.actor.person
	}
}

cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

cleared contains "clock.trails" if input.clock_trails == false

cleared contains "escalation.wrong_state" if input.escalation.state == "requested"

cleared contains "escalation.too_late" if input.escalation.answer_by >= input.at

# Of another state, that is what is said.
cleared contains "escalation.too_late" if input.escalation.state != "requested"

cleared contains "escalation.request_changed" if {
	input.request == input.escalation.request
	input.request != ""
}

cleared contains "glass.not_breakable" if glass.breakable

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
