# METADATA
# schemas:
#   - input: schema.escalation_review
package sceau.escalation.review

import data.sceau.review

# However late: that a review is overdue is an alarm, not an excuse.
objections := {
	"role.not_allowed", "person.missing", "verdict.unknown", "review.not_due", "review.already_done",
	"reviewer.took_part", "escalation.request_changed", "evidence.not_read",
}

cleared contains "role.not_allowed" if input.actor.role == "supervisor"

cleared contains "person.missing" if {
	input.actor.person != ""
	input.escalation.requester.person != ""
}

cleared contains "verdict.unknown" if input.verdict in {"confirmed", "abusive"}

cleared contains "review.not_due" if {
	input.escalation.broken_at != ""
	input.escalation.broken_at <= input.at
}

cleared contains "review.already_done" if input.escalation.review == ""

cleared contains "reviewer.took_part" if review.uninvolved

cleared contains "escalation.request_changed" if {
	input.request == input.escalation.request
	input.request != ""
}

# Of this account and human, in this session, after the glass was broken.
cleared contains "evidence.not_read" if {
	some reading in input.reads
	reading.actor.id == input.actor.id
	reading.actor.person == input.actor.person
	reading.session == input.session
	reading.session != ""
	reading.at >= input.escalation.broken_at
	reading.at <= input.at
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
