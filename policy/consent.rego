# Of escalation.request: what rests on the minor's consent, given in the
# conversation, in their own words, for the facets that they named.
package sceau.escalation.request

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

# The other grounds rest on none. A ground that does not exist is objected to as such.
cleared contains code if {
	input.ground != "consent"
	some code in {"consent.missing", "consent.withdrawn", "consent.other_facets"}
}
