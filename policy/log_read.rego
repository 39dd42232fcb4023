# METADATA
# schemas:
#   - input: schema.log_read
package sceau.log.read

objections := {"role.not_allowed", "person.missing", "naming.not_coded"}

# Who reads what: the log itself is for inspectors; the registers that privacy
# officers answer for are drawn from it, and show nothing else of it.
views := {
	"inspector": {"figures", "log", "names", "reviews"},
	"privacy_officer": {"due", "erasures", "holds", "reviews"},
}

cleared contains "role.not_allowed" if input.view in views[input.actor.role]

cleared contains "person.missing" if input.actor.person != ""

cleared contains "naming.not_coded" if input.view != "names"

# The log is there to check lawfulness, not how people perform: whoever wants to know
# who somebody of staff is says what for.
cleared contains "naming.not_coded" if input.reason in {"collusion", "complaint", "misuse", "proceedings"}

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
