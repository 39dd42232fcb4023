# METADATA
# schemas:
#   - input: schema.hold_set
package sceau.hold.set

# A case may be held for several reasons at once, each with a hold of its own.
objections := {"role.not_allowed", "person.missing", "hold.not_coded"}

cleared contains "role.not_allowed" if input.actor.role == "privacy_officer"

cleared contains "person.missing" if input.actor.person != ""

cleared contains "hold.not_coded" if input.reason in {"complaint", "internal_control", "proceedings", "requisition"}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
