# METADATA
# schemas:
#   - input: schema.key_destroy
package sceau.key.destroy

import data.sceau.keeping

objections := {
	"conversation.erased", "hold.set", "erasure.escalation_open", "erasure.not_pending", "retention.too_early",
}

retention := data.sceau.numbers.retention

# Once is enough.
cleared contains "conversation.erased" if input.destroyed == false

cleared contains "hold.set" if keeping.unheld

cleared contains "erasure.escalation_open" if keeping.settled

# The minor asked, and a privacy officer granted it: nothing was open then, and
# what was asked for since does not undo it.
cleared contains code if {
	input.reason == "erasure"
	some code in {"erasure.escalation_open", "retention.too_early"}
}

cleared contains "erasure.not_pending" if {
	input.reason == "erasure"
	input.class in {"transcript", "identity"}
	some erasure in input.erasures
	erasure.decided == "granted"
}

# Time is over: nobody has to ask.
cleared contains "erasure.not_pending" if input.reason == "retention"

cleared contains "retention.too_early" if {
	input.reason == "retention"
	input.class in {"transcript", "identity"}
	input.conversation.quiet_for_s >= retention.transcript_s
}

# An identity that was never opened goes before the transcript.
cleared contains "retention.too_early" if {
	input.reason == "retention"
	input.class == "identity"
	input.conversation.quiet_for_s >= retention.identity_unreleased_s
	every escalation in input.escalations {
		escalation.opened_at == ""
	}
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
