# METADATA
# schemas:
#   - input: schema.escalation_approve
package sceau.escalation.approve

import data.sceau.four_eyes

objections := {
	"role.not_allowed", "verdict.unknown", "escalation.wrong_state", "escalation.too_late",
	"escalation.request_changed", "evidence.not_read", "approver.already_answered", "facets.missing",
	"facets.not_asked",
}

# Those whom the request was told to ask, as long as policy would ask them now.
cleared contains "role.not_allowed" if input.actor.role in four_eyes.answerers

cleared contains "verdict.unknown" if input.verdict in {"approve", "deny"}

cleared contains "escalation.wrong_state" if input.escalation.state == "requested"

cleared contains "escalation.too_late" if input.escalation.answer_by >= input.at

cleared contains "escalation.request_changed" if {
	input.request == input.escalation.request
	input.request != ""
}

# Whichever the answer, it is given by somebody who has seen what it is about: the
# custodian opened the evidence for this account and human, in this session.
cleared contains "evidence.not_read" if {
	some reading in input.reads
	reading.actor.id == input.actor.id
	reading.actor.person == input.actor.person
	reading.session == input.session
	reading.session != ""
	reading.at <= input.at
}

cleared contains "approver.already_answered" if {
	every approval in input.escalation.approvals {
		approval.actor.person != input.actor.person
	}
}

# Whoever approved may still deny, as long as another approval is awaited.
cleared contains "approver.already_answered" if input.verdict == "deny"

# Facets are named to approve. Who denies may leave them out.
cleared contains "facets.missing" if count(input.facets) > 0

cleared contains "facets.missing" if input.verdict == "deny"

# What was asked was known when it was asked.
cleared contains "facets.not_asked" if {
	every facet in input.facets {
		facet in input.escalation.asked
	}
}

decision := {
	"allow": true, "reasons": [],
	"obligations": obligations[input.verdict],
} if {
	cleared == objections
	four_eyes.cleared == four_eyes.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

obligations := {
	"deny": {},
	"approve": {
		"facets": input.facets,
		"use_within_s": input.escalation.use_within_s,
		"read_for_s": input.escalation.read_for_s,
		"uses": input.escalation.uses_allowed,
	},
}

reasons := (objections - cleared) | (four_eyes.objections - four_eyes.cleared)
