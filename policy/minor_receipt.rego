# METADATA
# schemas:
#   - input: schema.minor_receipt
package sceau.minor.receipt

# The minor always gets an answer, and the answer is what may be told. Facts that
# are not there leave no decision, which is a refusal.
decision := {"allow": true, "reasons": [], "obligations": {"tellable": tellable}} if {
	input.case != ""
	input.at != ""
	every escalation in input.escalations {
		escalation.id != ""
		escalation.opened_at <= input.at
		is_list(escalation.tellings)
	}
}

# The minor was told, or did not want to be: asking now is up to them.
tellable contains escalation.id if {
	some escalation in input.escalations
	opened(escalation)
	some telling in escalation.tellings
	telling.outcome in {"told", "refused"}
}

# They had agreed to it. Unless somebody found since that telling is not safe, or
# must wait: who hurts them may be reading over their shoulder.
tellable contains escalation.id if {
	some escalation in input.escalations
	opened(escalation)
	data.sceau.numbers.grounds[escalation.ground].tellable_at_once == true
	every telling in escalation.tellings {
		telling.outcome in {"told", "refused"}
	}
}

opened(escalation) if {
	escalation.opened_at != ""
	escalation.opened_at <= input.at
}

is_list(list) if list == []

is_list(list) if count(list) > 0
