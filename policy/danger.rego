# When a coded danger assessment shows imminent danger. The second pair of eyes
# weighs; this only refuses what shows none. A psychologist who sees no danger
# does not overrule answers that do.
package sceau.danger

yes_no_unknown := {"yes", "no", "unknown"}

codes := {
	"immediacy": {"now", "hours", "days", "unclear"},
	"violence": {"none", "threat", "ongoing", "weapon"},
	"suicide": {"none", "ideation", "plan", "attempt_under_way"},
	"perpetrator_present": yes_no_unknown,
	"captive": yes_no_unknown,
	"age_band": {"under_10", "10_12", "13_15", "16_17", "unknown"},
	"alone": yes_no_unknown,
	"location_known": yes_no_unknown,
	"psychologist_opinion": {"none", "danger", "no_danger"},
}

coded if {
	every question, answers in codes {
		input.assessment[question] in answers
	}
}

# Under way: whatever the answer on immediacy.
shown if input.assessment.violence in {"ongoing", "weapon"}

shown if input.assessment.suicide == "attempt_under_way"

shown if input.assessment.captive == "yes"

# To come: within hours.
shown if {
	input.assessment.immediacy in {"now", "hours"}
	serious
}

serious if input.assessment.violence == "threat"

serious if input.assessment.suicide in {"ideation", "plan"}

serious if input.assessment.perpetrator_present == "yes"

serious if input.assessment.psychologist_opinion == "danger"
