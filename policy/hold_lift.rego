# METADATA
# schemas:
#   - input: schema.hold_lift
package sceau.hold.lift

objections := {"role.not_allowed", "person.missing", "hold.not_coded", "hold.unknown"}

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
