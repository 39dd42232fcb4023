# METADATA
# schemas:
#   - input: schema.conversation_read
package sceau.conversation.read

import data.sceau.participation

reasons contains "role.not_allowed" if not input.actor.role in {"agent", "psychologist"}

reasons contains reason if some reason in participation.reasons

decision := {"allow": true, "reasons": [], "obligations": {}} if count(reasons) == 0

else := {"allow": false, "reasons": reasons, "obligations": {}}
