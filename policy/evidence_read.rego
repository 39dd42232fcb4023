# METADATA
# schemas:
#   - input: schema.evidence_read
package sceau.evidence.read

import data.sceau.four_eyes

objections := {"role.not_allowed", "conversation.erased", "escalation.wrong_state", "escalation.too_late"}

cleared contains "role.not_allowed" if input.actor.role == "supervisor"

cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

# To answer in time.
cleared contains "escalation.wrong_state" if input.lift.state == "requested"

cleared contains "escalation.too_late" if input.lift.answer_by >= input.at

# Or, for who has approved, to look again at what follows from it.
cleared contains "escalation.wrong_state" if approver_looks_again

cleared contains "escalation.too_late" if approver_looks_again

# In any other state, that is what is said.
cleared contains "escalation.too_late" if {
	input.lift.state in {"refused", "denied", "withdrawn", "expired", "closed", "void"}
}

approver_looks_again if {
	input.lift.state in {"approved", "released"}
	some approval in input.lift.approvals
	approval.actor.id == input.actor.id
	approval.actor.person == input.actor.person
}

decision := {"allow": true, "reasons": [], "obligations": {}} if {
	cleared == objections
	four_eyes.cleared == four_eyes.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

reasons := (objections - cleared) | (four_eyes.objections - four_eyes.cleared)
