# Of escalation.request: a magistrate's written order. The authorities, and the
# cases in which the law lets connection data be ordered, are data of the bundle.
package sceau.escalation.request

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

# The other grounds rest on no order. A ground that does not exist is objected to as such.
cleared contains code if {
	input.ground != "judicial_requisition"
	some code in {"requisition.incomplete", "requisition.facets_not_ordered", "requisition.case_not_listed"}
}
