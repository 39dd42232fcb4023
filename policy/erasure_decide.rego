# METADATA
# schemas:
#   - input: schema.erasure_decide
package sceau.erasure.decide

import data.sceau.impartial
import data.sceau.keeping

# Erasing is for ever: who once joined the conversation, or had a part in one of its
# escalations, does not grant that its traces be destroyed, nor refuse the minor.
objections := {
	"role.not_allowed", "person.missing", "approver.took_part", "verdict.unknown", "erasure.not_pending",
	"erasure.not_coded", "hold.set", "erasure.escalation_open",
}

cleared contains "role.not_allowed" if input.actor.role == "privacy_officer"

cleared contains "person.missing" if input.actor.person != ""

cleared contains "approver.took_part" if impartial.officer

cleared contains "verdict.unknown" if input.verdict in {"granted", "refused"}

cleared contains "erasure.not_pending" if {
	input.erasure.id != ""
	input.erasure.requested_at != ""
	input.erasure.requested_at <= input.at
	input.erasure.decided == ""
}

cleared contains "erasure.not_coded" if {
	input.verdict == "granted"
	input.reason == ""
}

cleared contains "erasure.not_coded" if {
	input.verdict == "refused"
	input.reason in {"danger_persists", "legal_hold", "proceedings_under_way"}
}

# Neither verdict: verdict.unknown says so.
cleared contains "erasure.not_coded" if not input.verdict in {"granted", "refused"}

cleared contains "hold.set" if keeping.unheld

cleared contains "erasure.escalation_open" if keeping.settled

# Refusing destroys nothing.
cleared contains code if {
	input.verdict == "refused"
	some code in {"hold.set", "erasure.escalation_open"}
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
