# METADATA
# schemas:
#   - input: schema.escalation_approve
package sceau.escalation.approve

import data.sceau.facets
import data.sceau.four_eyes

reasons contains "role.not_allowed" if not input.actor.role == "supervisor"

reasons contains conflict if some conflict in four_eyes.conflicts

reasons contains "verdict.unknown" if not input.verdict in {"approve", "deny"}

reasons contains "escalation.wrong_state" if not input.lift.state == "requested"

reasons contains "escalation.too_late" if not in_time

in_time if input.lift.answer_by >= input.at

reasons contains "escalation.request_changed" if not same_request

same_request if {
	input.request == input.lift.request
	input.request != ""
}

reasons contains "approver.already_answered" if not first_answer

first_answer if {
	every approval in input.lift.approvals {
		approval.actor.person != input.actor.person
	}
}

reasons contains reason if {
	input.verdict == "approve"
	some reason in facets.reasons
}

reasons contains "facets.not_asked" if {
	input.verdict == "approve"
	not only_asked
}

only_asked if {
	every facet in input.facets {
		facet in input.lift.asked
	}
}

decision := {"allow": true, "reasons": [], "obligations": obligations} if count(reasons) == 0

else := {"allow": false, "reasons": reasons, "obligations": {}}

obligations := {} if input.verdict == "deny"

obligations := {
	"facets": {facet | some facet in input.facets},
	"use_within_s": input.lift.use_within_s,
	"read_for_s": input.lift.read_for_s,
	"uses": input.lift.uses_allowed,
} if {
	input.verdict == "approve"
}
