# The facets of an identity.
package sceau.facets

known := {"connection", "contact", "location", "name"}

# reasons against input.facets as such.
reasons contains "facets.missing" if not some_named

# Unknown, or named twice.
reasons contains "facets.unknown" if not all_known

some_named if count(input.facets) > 0

all_known if {
	count(input.facets) == count({facet | some facet in input.facets})
	every facet in input.facets {
		facet in known
	}
}
