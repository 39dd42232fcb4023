# Of escalation.request: when a coded danger assessment shows imminent danger. The second pair of eyes
# weighs; this only refuses what shows none. A psychologist who sees no danger
# does not overrule answers that do.
package sceau.escalation.request

cleared contains "danger.not_coded" if {
	input.assessment.immediacy in {"now", "hours", "days", "unclear"}
	input.assessment.violence in {"none", "threat", "ongoing", "weapon"}
	input.assessment.suicide in {"none", "ideation", "plan", "attempt_under_way"}
	input.assessment.perpetrator_present in {"yes", "no", "unknown"}
	input.assessment.captive in {"yes", "no", "unknown"}
	input.assessment.age_band in {"under_10", "10_12", "13_15", "16_17", "unknown"}
	input.assessment.alone in {"yes", "no", "unknown"}
	input.assessment.location_known in {"yes", "no", "unknown"}
	input.assessment.psychologist_opinion in {"none", "danger", "no_danger"}
}

# Under way: whatever the answer on immediacy.
cleared contains "danger.not_shown" if input.assessment.violence in {"ongoing", "weapon"}

cleared contains "danger.not_shown" if input.assessment.suicide == "attempt_under_way"

cleared contains "danger.not_shown" if input.assessment.captive == "yes"

# To come: now or within hours.
cleared contains "danger.not_shown" if {
	input.assessment.immediacy in {"now", "hours"}
	input.assessment.violence == "threat"
}

cleared contains "danger.not_shown" if {
	input.assessment.immediacy in {"now", "hours"}
	input.assessment.suicide in {"ideation", "plan"}
}

cleared contains "danger.not_shown" if {
	input.assessment.immediacy in {"now", "hours"}
	input.assessment.perpetrator_present == "yes"
}

cleared contains "danger.not_shown" if {
	input.assessment.immediacy in {"now", "hours"}
	input.assessment.psychologist_opinion == "danger"
}

# The other grounds do not rest on danger; the answers are coded all the same.
cleared contains "danger.not_shown" if input.ground in {"consent", "judicial_requisition"}
