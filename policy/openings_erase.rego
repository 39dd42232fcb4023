# METADATA
# schemas:
#   - input: schema.openings_erase
package sceau.openings.erase

import data.sceau.keeping

# What opens the commitments of a case goes last: as long as a key can be read,
# whoever has to account for that can be asked to.
objections := {"hold.set", "erasure.escalation_open", "erasure.not_pending", "retention.too_early"}

cleared contains "hold.set" if keeping.unheld

cleared contains "erasure.escalation_open" if keeping.settled

cleared contains "erasure.escalation_open" if input.reason == "erasure"

cleared contains "retention.too_early" if {
	input.reason == "erasure"
	input.destroyed == true
}

cleared contains "erasure.not_pending" if {
	input.reason == "erasure"
	some erasure in input.erasures
	erasure.decided == "granted"
}

cleared contains "erasure.not_pending" if input.reason == "retention"

cleared contains "retention.too_early" if {
	input.reason == "retention"
	input.destroyed == true
	input.conversation.quiet_for_s >= data.sceau.numbers.retention.openings_s
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
