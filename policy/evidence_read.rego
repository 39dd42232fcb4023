# METADATA
# schemas:
#   - input: schema.evidence_read
package sceau.evidence.read

import data.sceau.four_eyes

objections := {
	"role.not_allowed", "conversation.erased", "escalation.wrong_state", "escalation.too_late", "grant.expired",
	"grant.window_over",
}

cleared contains "role.not_allowed" if input.actor.role == "supervisor"

cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

# To answer, or, for who has approved, to look again at what follows from it.
cleared contains "escalation.wrong_state" if input.escalation.state == "requested"

cleared contains "escalation.wrong_state" if approver_looks_again

# Each as long as the state lasts. Of another state, its own deadline is what is said.
cleared contains "escalation.too_late" if input.escalation.answer_by >= input.at

cleared contains "escalation.too_late" if input.escalation.state != "requested"

cleared contains "grant.expired" if input.escalation.use_by >= input.at

cleared contains "grant.expired" if input.escalation.state != "approved"

cleared contains "grant.window_over" if input.escalation.read_until >= input.at

cleared contains "grant.window_over" if input.escalation.state != "released"

approver_looks_again if {
	input.escalation.state in {"approved", "released"}
	some approval in input.escalation.approvals
	approval.actor.id == input.actor.id
	approval.actor.person == input.actor.person
}

decision := {"allow": true, "reasons": [], "obligations": {}} if {
	cleared == objections
	four_eyes.cleared == four_eyes.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

reasons := (objections - cleared) | (four_eyes.objections - four_eyes.cleared)
