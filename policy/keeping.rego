# What keeps a case from being destroyed: holds, escalations that are not over,
# reviews that are due.

# METADATA
# schemas:
#   - input: schema.erasure_decide
package sceau.keeping

# Every hold was lifted.
unheld if {
	every hold in input.holds {
		hold.lifted_at != ""
		hold.lifted_at <= input.at
	}
}

# Nothing can be opened any more, and every broken glass was reviewed.
settled if {
	every escalation in input.escalations {
		over(escalation)
		reviewed(escalation)
	}
}

over(escalation) if {
	escalation.state in {"refused", "denied", "withdrawn", "expired", "revoked", "closed", "void"}
}

# Whether or not a sweeper was here: its deadline has passed.
over(escalation) if {
	escalation.state == "requested"
	escalation.answer_by < input.at
}

over(escalation) if {
	escalation.state in {"approved", "glass_broken"}
	escalation.use_by < input.at
}

over(escalation) if {
	escalation.state == "released"
	escalation.read_until < input.at
	spent(escalation)
}

spent(escalation) if escalation.use_by < input.at

spent(escalation) if escalation.uses >= escalation.uses_allowed

reviewed(escalation) if escalation.broken_at == ""

reviewed(escalation) if escalation.review in {"confirmed", "abusive"}
