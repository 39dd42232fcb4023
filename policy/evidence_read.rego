# METADATA
# schemas:
#   - input: schema.evidence_read
package sceau.evidence.read

import data.sceau.four_eyes
import data.sceau.review

objections := {
	"role.not_allowed", "conversation.erased", "escalation.wrong_state", "escalation.too_late", "grant.expired",
	"grant.window_over", "reviewer.took_part",
}

cleared contains "role.not_allowed" if input.actor.role == "supervisor"

# A privacy officer looks at what a magistrate ordered, where policy asks them.
cleared contains "role.not_allowed" if {
	input.actor.role == "privacy_officer"
	"privacy_officer" in four_eyes.answerers
}

cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

# To answer, or, for who has approved, to look again at what follows from it; or
# to review.
cleared contains "escalation.wrong_state" if input.escalation.state == "requested"

cleared contains "escalation.wrong_state" if approver_looks_again

cleared contains "escalation.wrong_state" if reviewing

# Each as long as the state lasts. Of another state, its own deadline is what is said.
cleared contains "escalation.too_late" if input.escalation.answer_by >= input.at

cleared contains "escalation.too_late" if input.escalation.state != "requested"

cleared contains "grant.expired" if input.escalation.use_by >= input.at

cleared contains "grant.expired" if input.escalation.state != "approved"

cleared contains "grant.window_over" if input.escalation.read_until >= input.at

cleared contains "grant.window_over" if input.escalation.state != "released"

# A review is due until it is done.
cleared contains code if {
	reviewing
	some code in {"grant.expired", "grant.window_over"}
}

cleared contains "reviewer.took_part" if not reviewing

cleared contains "reviewer.took_part" if review.aside

approver_looks_again if {
	input.escalation.state in {"approved", "released"}
	some approval in input.escalation.approvals
	approval.actor.id == input.actor.id
	approval.actor.person == input.actor.person
}

reviewing if {
	input.actor.role == "supervisor"
	review.due
}

# What is opened: to a privacy officer no message.
scope := {"supervisor": "messages", "privacy_officer": "requisition"}

decision := {"allow": true, "reasons": [], "obligations": {"scope": scope[input.actor.role]}} if {
	cleared == objections
	four_eyes.cleared == four_eyes.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

reasons := (objections - cleared) | (four_eyes.objections - four_eyes.cleared)
