# METADATA
# schemas:
#   - input: schema.escalation_revoke
package sceau.escalation.revoke

# Any supervisor may end what was granted, also one who took part in the
# conversation or has approved: to close a door needs fewer eyes than to open it.
# Not the requester, who has other words for that (withdraw, close).
objections := {
	"role.not_allowed", "person.missing", "approver.is_requester", "approver.same_person", "escalation.wrong_state",
	"revocation.not_coded",
}

cleared contains "role.not_allowed" if input.actor.role == "supervisor"

cleared contains "person.missing" if {
	input.actor.person != ""
	input.escalation.requester.person != ""
}

cleared contains "approver.is_requester" if input.actor.id != input.escalation.requester.id

cleared contains "approver.same_person" if input.actor.person != input.escalation.requester.person

# The very account of the requester is objected to above; once is enough.
cleared contains "approver.same_person" if input.actor.id == input.escalation.requester.id

cleared contains "escalation.wrong_state" if input.escalation.state in {"approved", "glass_broken", "released"}

cleared contains "revocation.not_coded" if {
	input.reason in {"danger_over", "granted_in_error", "minor_objects", "misuse"}
}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
