# METADATA
# schemas:
#   - input: schema.evidence_read
package sceau.evidence.read

import data.sceau.four_eyes
import data.sceau.participation

reasons contains "role.not_allowed" if not input.actor.role == "supervisor"

reasons contains conflict if some conflict in four_eyes.conflicts

reasons contains "conversation.erased" if not participation.not_erased

reasons contains "escalation.wrong_state" if not reviewable

reasons contains "escalation.too_late" if {
	input.lift.state == "requested"
	not in_time
}

in_time if input.lift.answer_by >= input.at

# To answer; or, for who has approved, to look again at what follows from it.
reviewable if input.lift.state == "requested"

reviewable if {
	input.lift.state in {"approved", "released"}
	some approval in input.lift.approvals
	approval.actor.id == input.actor.id
	approval.actor.person == input.actor.person
}

decision := {"allow": true, "reasons": [], "obligations": {}} if count(reasons) == 0

else := {"allow": false, "reasons": reasons, "obligations": {}}
