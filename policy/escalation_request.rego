# METADATA
# schemas:
#   - input: schema.escalation_request
package sceau.escalation.request

import data.sceau.escalation.grounds
import data.sceau.participation

# A conversation that the minor has closed can still be asked about, as long as
# it can be read: danger does not end with a click.
objections := {
	"role.not_allowed", "person.missing", "ground.unknown", "ground.not_available", "approvals.missing",
	"approver.nobody_on_duty", "danger.not_coded", "danger.not_shown", "evidence.missing", "evidence.too_much",
	"evidence.unknown", "facets.missing", "facets.unknown", "escalation.already_pending",
}

terms := data.sceau.numbers.grounds[input.ground]

cleared contains "role.not_allowed" if input.actor.role == "agent"

cleared contains "person.missing" if input.actor.person != ""

cleared contains "ground.unknown" if terms

cleared contains "ground.not_available" if input.ground in data.sceau.numbers.grounds_available

# One that does not exist is not available either; once is enough.
cleared contains "ground.not_available" if not terms

# Nobody to ask is not nobody needed; and nobody is asked who may not answer.
cleared contains "approvals.missing" if {
	some needed in terms.approvals
	needed.role == "supervisor"
	every each in terms.approvals {
		each.role in {"supervisor", "privacy_officer"}
		each.count >= 1
	}
}

cleared contains "approvals.missing" if not terms

# A child is not made to wait for somebody who is not there: the one who asks is
# told at once, and whom to call.
cleared contains "approver.nobody_on_duty" if {
	every role in terms.on_duty {
		some duty in input.on_duty
		duty.role == role
		duty.persons >= 1
	}
}

cleared contains "approver.nobody_on_duty" if not terms

cleared contains "evidence.missing" if count(input.evidence) > 0

cleared contains "evidence.too_much" if count(input.evidence) <= data.sceau.numbers.evidence_at_most

# Position 0 is the postal code: no message that anyone wrote.
cleared contains "evidence.unknown" if {
	min(input.evidence) >= 1
	max(input.evidence) < input.messages
}

cleared contains "evidence.unknown" if input.evidence == []

cleared contains "facets.missing" if count(input.facets) > 0

cleared contains "facets.unknown" if {
	every facet in input.facets {
		facet in {"connection", "contact", "location", "name"}
	}
}

cleared contains "escalation.already_pending" if {
	every request in input.pending {
		request.requester.person != input.actor.person
	}
}

# What the ground rests on. One that does not exist is objected to above.
standing contains code if {
	input.ground == "consent"
	some code in grounds.consented - grounds.cleared
}

standing contains code if {
	input.ground == "judicial_requisition"
	some code in grounds.ordered - grounds.cleared
}

decision := {"allow": true, "reasons": [], "obligations": object.union(obligations, glass)} if {
	cleared == objections
	standing == set()
	participation.cleared == participation.objections
}

else := {"allow": false, "reasons": reasons, "obligations": {}}

obligations := {
	"approvals": terms.approvals, "facets": input.facets, "answer_within_s": terms.answer_within_s,
	"remind_after_s": terms.remind_after_s, "widen_after_s": terms.widen_after_s,
	"use_within_s": terms.use_within_s, "read_for_s": terms.read_for_s, "uses": terms.uses,
}

# The glass can be broken when the ground's terms say so, and only where minutes
# count by the agent's own assessment.
glass := {"break_glass_after_s": terms.break_glass.after_s, "review_within_s": terms.review_within_s} if {
	input.assessment.immediacy == "now"
} else := {}

reasons := ((objections - cleared) | standing) | (participation.objections - participation.cleared)
