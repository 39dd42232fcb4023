# METADATA
# schemas:
#   - input: schema.identity_release
package sceau.identity.release

import data.sceau.four_eyes
import data.sceau.glass
import data.sceau.identity.basis

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

# The grant is for the one who talks with the minor: whoever handed the
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

cleared contains "escalation.wrong_state" if input.escalation.state in {"approved", "glass_broken", "released"}

# Expired unused: grant.expired says so, whether or not a sweeper was here first.
cleared contains "escalation.wrong_state" if {
	input.escalation.state == "expired"
	input.escalation.use_by != ""
}

# A window that is open is the same use. A new one needs a use that is left, and
# the time to use it. A missing time is "", before every other.
cleared contains "grant.window_over" if input.escalation.uses < input.escalation.uses_allowed

cleared contains "grant.window_over" if input.escalation.read_until >= input.at

cleared contains "grant.expired" if {
	input.escalation.use_by >= input.at
	input.escalation.state in {"approved", "glass_broken", "released"}
}

cleared contains "grant.expired" if {
	input.escalation.read_until >= input.at
	input.escalation.state in {"approved", "glass_broken", "released"}
}

# No use is left: grant.window_over says so.
cleared contains "grant.expired" if {
	input.escalation.uses >= input.escalation.uses_allowed
	input.escalation.state in {"approved", "glass_broken", "released"}
}

# Nothing was granted, or all has ended: escalation.wrong_state says so.
cleared contains "grant.expired" if {
	input.escalation.state == "expired"
	input.escalation.use_by == ""
}

cleared contains code if {
	input.escalation.state in {"requested", "refused", "denied", "withdrawn", "revoked", "closed", "void"}
	some code in {"grant.expired", "grant.window_over"}
}

cleared contains "facets.missing" if count(input.facets) > 0

cleared contains "facets.not_granted" if {
	every facet in input.facets {
		facet in input.escalation.granted
	}
}

cleared contains "ground.not_available" if input.escalation.ground in data.sceau.numbers.grounds_available

cleared contains "grant.beyond_policy" if {
	input.escalation.answer_within_s <= terms.answer_within_s
	input.escalation.use_within_s <= terms.use_within_s
	input.escalation.read_for_s <= terms.read_for_s
	input.escalation.uses_allowed <= terms.uses
	glass.reviewed_in_time
}

# As many impartial approvals, in time, as policy asks for now: what the request
# says it needs is not taken at its word. No human counts twice, whatever the
# accounts and roles.
cleared contains "approvals.missing" if {
	input.escalation.broken_at == ""
	count(terms.approvals) > 0
	count({approval.actor.person | some approval in input.escalation.approvals}) == count(input.escalation.approvals)
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

# Nobody approved where the glass was broken: standing asks what that takes.
cleared contains "approvals.missing" if input.escalation.broken_at != ""

# What the opening rests on beside that, asked only where it does: the road that
# children in danger take most must not wait for the others. A ground or an hour that
# is not known is objected to above.
standing contains code if {
	input.escalation.broken_at != ""
	some code in glass.objections - glass.cleared
}

standing contains code if {
	input.escalation.ground == "consent"
	some code in basis.consented - basis.cleared
}

standing contains code if {
	input.escalation.ground == "judicial_requisition"
	some code in basis.ordered - basis.cleared
}

decision := {
	"allow": true, "reasons": [],
	"obligations": {
		"facets": input.facets, "read_for_s": input.escalation.read_for_s, "tell_within_s": terms.tell_within_s,
	},
} if {
	cleared == objections
	standing == set()
}

else := {"allow": false, "reasons": (objections - cleared) | standing, "obligations": {}}
