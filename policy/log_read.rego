# METADATA
# schemas:
#   - input: schema.log_read
package sceau.log.read

reasons contains "role.not_allowed" if not inspector

inspector if input.actor.role == "inspector"

reasons contains "person.missing" if not person_known

person_known if input.actor.person != ""

decision := {"allow": true, "reasons": [], "obligations": {}} if count(reasons) == 0

else := {"allow": false, "reasons": reasons, "obligations": {}}
