# The facets of an identity that the input names.
package sceau.facets

objections := {"facets.missing", "facets.unknown"}

cleared contains "facets.missing" if count(input.facets) > 0

cleared contains "facets.unknown" if {
	every facet in input.facets {
		facet in {"connection", "contact", "location", "name"}
	}
}
