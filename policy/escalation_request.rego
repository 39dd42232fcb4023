# METADATA
# schemas:
#   - input: schema.escalation_request
package sceau.escalation.request

import data.sceau.danger
import data.sceau.facets
import data.sceau.participation

terms := data.sceau.numbers.grounds[input.ground]

reasons contains "role.not_allowed" if not input.actor.role == "agent"

# Also in a conversation that the minor has closed, while it can still be read:
# danger does not end with a click.
reasons contains reason if some reason in participation.reasons

reasons contains "ground.unknown" if not terms

reasons contains "ground.not_available" if {
	terms
	not terms.available
}

# Nobody to ask is not nobody needed.
reasons contains "approvals.missing" if {
	terms
	not somebody_approves
}

somebody_approves if {
	some needed in terms.approvals
	needed.role == "supervisor"
	needed.count >= 1
}

reasons contains "danger.not_coded" if not danger.coded

reasons contains "danger.not_shown" if {
	input.ground == "imminent_danger"
	not danger.shown
}

reasons contains "evidence.missing" if not some_evidence

some_evidence if count(input.evidence) > 0

reasons contains "evidence.too_much" if not bounded_evidence

bounded_evidence if count(input.evidence) <= data.sceau.numbers.evidence_at_most

reasons contains "evidence.unknown" if not evidence_exists

evidence_exists if {
	count(input.evidence) == count({position | some position in input.evidence})
	every position in input.evidence {
		position >= 0
		position < input.messages
	}
}

reasons contains reason if some reason in facets.reasons

reasons contains "escalation.already_pending" if not nothing_pending

nothing_pending if {
	every request in input.pending {
		request.requester.person != input.actor.person
	}
}

decision := {"allow": true, "reasons": [], "obligations": {
	"approvals": terms.approvals,
	"answer_within_s": terms.answer_within_s,
	"remind_after_s": terms.remind_after_s,
	"widen_after_s": terms.widen_after_s,
	"use_within_s": terms.use_within_s,
	"read_for_s": terms.read_for_s,
	"uses": terms.uses,
	"facets": {facet | some facet in input.facets},
}} if count(reasons) == 0

else := {"allow": false, "reasons": reasons, "obligations": {}}
