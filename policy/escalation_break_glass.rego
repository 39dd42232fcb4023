# METADATA
# schemas:
#   - input: schema.escalation_break_glass
package sceau.escalation.break_glass

import data.sceau.glass

# Nobody answered in time, minutes count, a second agent says so too: the
# requester may open what was asked, and will be reviewed.
objections := {
	"role.not_allowed", "person.missing", "escalation.not_requester", "conversation.not_participant",
	"conversation.erased", "clock.trails", "escalation.wrong_state", "escalation.too_late",
	"escalation.request_changed", "ground.not_available", "grant.beyond_policy", "glass.not_breakable",
	"glass.too_early", "glass.not_confirmed",
}

cleared contains "role.not_allowed" if input.actor.role == "agent"

cleared contains "person.missing" if input.actor.person != ""

cleared contains "escalation.not_requester" if {
	input.actor.id == input.escalation.requester.id
	input.actor.person == input.escalation.requester.person
}

cleared contains "conversation.not_participant" if {
	some p in input.conversation.participants
	p.id == input.actor.id
	p.person == input.actor.person
	p.role == input.actor.role
	p.active == true
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

cleared contains "ground.not_available" if input.escalation.ground in data.sceau.numbers.grounds_available

cleared contains "grant.beyond_policy" if {
	input.escalation.use_within_s <= glass.terms.use_within_s
	input.escalation.read_for_s <= glass.terms.read_for_s
	input.escalation.uses_allowed <= glass.terms.uses
}

cleared contains "glass.not_breakable" if glass.breakable

cleared contains "glass.too_early" if {
	input.escalation.break_glass_from != ""
	input.escalation.break_glass_from <= input.at
}

cleared contains "glass.not_confirmed" if glass.confirmed(input.at)

# What can never be broken is never too early, and asks for no confirmation.
cleared contains code if {
	not glass.breakable
	some code in {"glass.too_early", "glass.not_confirmed"}
}

decision := {
	"allow": true, "reasons": [],
	"obligations": {
		"facets": input.escalation.asked,
		"use_within_s": input.escalation.use_within_s,
		"read_for_s": input.escalation.read_for_s,
		"uses": input.escalation.uses_allowed,
		"review_within_s": glass.terms.review_within_s,
	},
} if {
	cleared == objections
}

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
