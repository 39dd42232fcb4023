# METADATA
# schemas:
#   - input: schema.identity_release
package sceau.identity.release

import data.sceau.four_eyes

objections := {
	"role.not_allowed", "person.missing", "escalation.not_requester", "conversation.not_participant",
	"conversation.erased", "clock.trails", "escalation.wrong_state", "grant.expired", "grant.window_over",
	"facets.missing", "facets.not_granted", "approvals.missing", "ground.not_available", "grant.beyond_policy",
}

terms := data.sceau.numbers.grounds[input.escalation.ground]

cleared contains "role.not_allowed" if input.actor.role == "agent"

cleared contains "person.missing" if input.actor.person != ""

cleared contains "escalation.not_requester" if {
	input.actor.id == input.escalation.requester.id
	input.actor.person == input.escalation.requester.person
}

# The lift is for the one who talks with the minor: whoever handed the
# conversation over handed the reason to know over with it.
cleared contains "conversation.not_participant" if {
	some p in input.conversation.participants
	p.id == input.actor.id
	p.person == input.actor.person
	p.role == input.actor.role
	p.active == true
}

# However long ago the minor closed it: the grant has an end of its own.
cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

# A clock behind the log cannot judge a deadline.
cleared contains "clock.trails" if input.clock_trails == false

cleared contains "escalation.wrong_state" if input.escalation.state in {"approved", "released"}

# Expired unused: grant.expired says so, whether or not a sweeper was here first.
cleared contains "escalation.wrong_state" if {
	input.escalation.state == "expired"
	input.escalation.use_by != ""
}

# A window that is open is the same use. A new one needs a use that is left, and
# the time to use it. A missing time is "", before every other.
cleared contains "grant.window_over" if input.escalation.read_until >= input.at

cleared contains "grant.window_over" if input.escalation.uses < input.escalation.uses_allowed

cleared contains "grant.expired" if {
	input.escalation.state in {"approved", "released"}
	input.escalation.read_until >= input.at
}

cleared contains "grant.expired" if {
	input.escalation.state in {"approved", "released"}
	input.escalation.use_by >= input.at
}

# No use is left: grant.window_over says so.
cleared contains "grant.expired" if {
	input.escalation.state in {"approved", "released"}
	input.escalation.uses >= input.escalation.uses_allowed
}

# Nothing was granted, or all has ended: escalation.wrong_state says so.
cleared contains "grant.expired" if {
	input.escalation.state == "expired"
	input.escalation.use_by == ""
}

cleared contains "grant.expired" if input.escalation.state in {"requested", "refused", "denied", "withdrawn", "closed", "void"}

cleared contains "grant.window_over" if input.escalation.state in {"requested", "refused", "denied", "withdrawn", "closed", "void"}

cleared contains "facets.missing" if count(input.facets) > 0

cleared contains "facets.not_granted" if {
	every facet in input.facets {
		facet in input.escalation.granted
	}
}

# As many impartial approvals, in time, as policy asks for now: what the request
# says it needs is not taken at its word.
cleared contains "approvals.missing" if {
	count(terms.approvals) > 0
	every needed in terms.approvals {
		persons := {approval.actor.person |
			some approval in input.escalation.approvals
			approval.actor.role == needed.role
			approval.at <= input.escalation.answer_by
			four_eyes.impartial(approval.actor)
		}
		count(persons) >= needed.count
	}
}

cleared contains "ground.not_available" if input.escalation.ground in data.sceau.numbers.grounds_available

cleared contains "grant.beyond_policy" if {
	input.escalation.answer_within_s <= terms.answer_within_s
	input.escalation.use_within_s <= terms.use_within_s
	input.escalation.read_for_s <= terms.read_for_s
	input.escalation.uses_allowed <= terms.uses
}

decision := {
	"allow": true, "reasons": [],
	"obligations": {"facets": input.facets, "read_for_s": input.escalation.read_for_s},
} if {
	cleared == objections
}

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
