# METADATA
# schemas:
#   - input: schema.conversation_read
package sceau.conversation.read

import data.sceau.participation

objections := {"role.not_allowed", "person.missing"}

cleared contains "role.not_allowed" if input.actor.role in {"agent", "psychologist"}

cleared contains "person.missing" if input.actor.person != ""

decision := {"allow": true, "reasons": [], "obligations": {}} if {
	cleared == objections
	participation.cleared == participation.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

reasons := (objections - cleared) | (participation.objections - participation.cleared)
