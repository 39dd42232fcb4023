# METADATA
# schemas:
#   - input: schema.log_read
package sceau.log.read

objections := {"role.not_allowed", "person.missing"}

cleared contains "role.not_allowed" if input.actor.role == "inspector"

cleared contains "person.missing" if input.actor.person != ""

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
