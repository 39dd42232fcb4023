# METADATA
# schemas:
#   - input: schema.hold_lift
package sceau.hold.lift

import data.sceau.impartial

# What a hold keeps may be what its lifter did.
objections := {
	"role.not_allowed", "person.missing", "approver.took_part", "approver.same_person", "hold.not_coded",
	"hold.unknown",
}

cleared contains "approver.took_part" if impartial.officer

# Two officers see to it that a hold ends: whoever set it does not lift it. An
# organisation with one officer has that signed, for all to see.
cleared contains "approver.same_person" if {
	every hold in input.holds {
		not own(hold)
	}
}

cleared contains "approver.same_person" if data.sceau.numbers.hold_lift_by_other == false

own(hold) if {
	hold.id == input.hold
	hold.set_by.person == input.actor.person
}

cleared contains "role.not_allowed" if input.actor.role == "privacy_officer"

cleared contains "person.missing" if input.actor.person != ""

# The same words say what has ended.
cleared contains "hold.not_coded" if input.reason in {"complaint", "internal_control", "proceedings", "requisition"}

cleared contains "hold.unknown" if {
	some hold in input.holds
	hold.id == input.hold
	hold.id != ""
	hold.set_at <= input.at
	hold.lifted_at == ""
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
