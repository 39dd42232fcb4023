# METADATA
# schemas:
#   - input: schema.identity_release
package sceau.identity.release

import data.sceau.facets
import data.sceau.four_eyes
import data.sceau.participation

terms := data.sceau.numbers.grounds[input.lift.ground]

reasons contains "role.not_allowed" if not input.actor.role == "agent"

reasons contains "escalation.not_requester" if not requester

requester if {
	input.actor.id == input.lift.requester.id
	input.actor.person == input.lift.requester.person
}

# The lift is for the one who talks with the minor: whoever handed the
# conversation over handed the reason to know over with it.
reasons contains "conversation.not_participant" if not participation.active

reasons contains "conversation.erased" if not participation.not_erased

reasons contains "person.missing" if not participation.person_known

reasons contains "clock.trails" if not clock_right

clock_right if input.clock_trails == false

reasons contains "escalation.wrong_state" if {
	not granted
	not expired_unused
}

granted if input.lift.state in {"approved", "released"}

# Whether a sweeper has written it down already makes no difference.
expired_unused if {
	input.lift.state == "expired"
	input.lift.use_by != ""
}

reasons contains "grant.expired" if expired_unused

# A window that is open is the same use; a new one needs a use that is left and
# the time to use it. A missing time is "", before every other.
in_time if input.lift.read_until >= input.at

in_time if {
	uses_left
	input.lift.use_by >= input.at
}

uses_left if input.lift.uses < input.lift.uses_allowed

reasons contains "grant.expired" if {
	granted
	uses_left
	not in_time
}

reasons contains "grant.window_over" if {
	granted
	not uses_left
	not in_time
}

reasons contains reason if some reason in facets.reasons

reasons contains "facets.not_granted" if not only_granted

only_granted if {
	every facet in input.facets {
		facet in input.lift.granted
		every approval in input.lift.approvals {
			facet in approval.facets
		}
	}
}

# As many impartial approvals, in time, as policy asks for now: what the request
# itself says it needs is not taken at its word.
reasons contains "approvals.missing" if not approved

approved if {
	count(terms.approvals) > 0
	every needed in terms.approvals {
		count(persons_approving(needed.role)) >= needed.count
	}
}

persons_approving(role) := {approval.actor.person |
	some approval in input.lift.approvals
	approval.actor.role == role
	approval.at <= input.lift.answer_by
	four_eyes.impartial(approval.actor)
}

reasons contains "ground.not_available" if not terms.available

reasons contains "grant.beyond_policy" if not within_policy

within_policy if {
	input.lift.answer_within_s <= terms.answer_within_s
	input.lift.use_within_s <= terms.use_within_s
	input.lift.read_for_s <= terms.read_for_s
	input.lift.uses_allowed <= terms.uses
}

decision := {"allow": true, "reasons": [], "obligations": {
	"facets": {facet | some facet in input.facets},
	"read_for_s": input.lift.read_for_s,
}} if {
	count(reasons) == 0
}

else := {"allow": false, "reasons": reasons, "obligations": {}}
