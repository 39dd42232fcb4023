# METADATA
# schemas:
#   - input: schema.log_read
package sceau.log.read

objections := {"role.not_allowed", "person.missing"}

# Who reads what: the log itself is for inspectors; the registers that privacy
# officers answer for are drawn from it, and show nothing else of it.
views := {
	"inspector": {"log", "reviews"},
	"privacy_officer": {"due", "erasures", "holds", "reviews"},
}

cleared contains "role.not_allowed" if input.view in views[input.actor.role]

cleared contains "person.missing" if input.actor.person != ""

decision := {"allow": true, "reasons": [], "obligations": {}} if cleared == objections

else := {"allow": false, "reasons": objections - cleared, "obligations": {}}
