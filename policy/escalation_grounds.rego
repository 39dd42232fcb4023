# What a request on consent or on requisition must show.
#
# METADATA
# schemas:
#   - input: schema.escalation_request
package sceau.escalation.grounds

# The minor's consent: given in the conversation, in their own words, for the
# facets that they named.
consented := {"consent.missing", "consent.withdrawn", "consent.other_facets"}

cleared contains "consent.missing" if {
	input.consent.id != ""
	input.consent.given_at != ""
	input.consent.given_at <= input.at
}

cleared contains "consent.withdrawn" if input.consent.withdrawn_at == ""

cleared contains "consent.other_facets" if {
	every facet in input.facets {
		facet in input.consent.facets
	}
}

# Without a consent, that is what is said.
cleared contains code if {
	input.consent.id == ""
	some code in {"consent.withdrawn", "consent.other_facets"}
}

# A magistrate's written order. The authorities, and the cases in which the law lets
# connection data be ordered, are data of the bundle.
ordered := {"requisition.incomplete", "requisition.facets_not_ordered", "requisition.case_not_listed"}

cleared contains "requisition.incomplete" if {
	input.requisition.authority in data.sceau.numbers.requisition.authorities
	input.requisition.reference_given == true
}

cleared contains "requisition.facets_not_ordered" if {
	every facet in input.facets {
		facet in input.requisition.facets
	}
}

cleared contains "requisition.case_not_listed" if {
	input.requisition.listed_case in data.sceau.numbers.requisition.listed_cases
}

cleared contains "requisition.case_not_listed" if {
	every facet in input.facets {
		facet != "connection"
	}
}
