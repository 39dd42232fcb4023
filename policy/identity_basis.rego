# What an opening on consent or on requisition rests on, and still must.
#
# METADATA
# schemas:
#   - input: schema.identity_release
package sceau.identity.basis

consented := {"consent.missing", "consent.withdrawn", "consent.other_facets"}

ordered := {"requisition.incomplete", "requisition.case_not_listed"}

# The consent still stands, for these facets.
cleared contains "consent.missing" if input.escalation.consent.id != ""

cleared contains "consent.withdrawn" if input.escalation.consent.withdrawn_at == ""

cleared contains "consent.other_facets" if {
	every facet in input.facets {
		facet in input.escalation.consent.facets
	}
}

# Without a consent, that is what is said.
cleared contains "consent.other_facets" if input.escalation.consent.id == ""

# The order is one that policy knows now. What it names was held against what was asked.
cleared contains "requisition.incomplete" if {
	input.escalation.authority in data.sceau.numbers.requisition.authorities
}

cleared contains "requisition.case_not_listed" if {
	input.escalation.listed_case in data.sceau.numbers.requisition.listed_cases
}

cleared contains "requisition.case_not_listed" if {
	every facet in input.facets {
		facet != "connection"
	}
}
