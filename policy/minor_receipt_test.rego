package sceau.minor.receipt_test

import data.sceau.fixtures
import data.sceau.minor.receipt

at := "2026-03-05T10:00:00.000000Z"

opened := object.union(fixtures.released, {"state": "closed"})

agreed := object.union(fixtures.agreed_approved, {"id": "e2", "state": "closed", "opened_at": "2026-03-01T22:17:00.000000Z"})

telling(outcome) := {"outcome": outcome, "at": "2026-03-02T10:00:00.000000Z", "until": ""}

tellable(escalations) := d.obligations.tellable if {
	d := receipt.decision with input as {"at": at, "case": "c", "escalations": escalations}
	d.allow
	d.reasons == []
	object.keys(d.obligations) == {"tellable"}
}

# Never opened, and opened but not to be told yet: the same answer.
test_nothing_that_may_be_told if {
	tellable([]) == set()
	tellable([fixtures.requested]) == set()
	tellable([opened]) == set()
	tellable([object.union(opened, {"tellings": [telling("unsafe")]})]) == set()
	tellable([object.union(opened, {"tellings": [telling("later")]})]) == set()
	tellable([object.union(opened, {"ground": "judicial_requisition"})]) == set()
	tellable([object.union(opened, {"ground": ""})]) == set()
}

test_told if {
	tellable([object.union(opened, {"tellings": [telling("told")]})]) == {"e1"}
	tellable([object.union(opened, {"tellings": [telling("refused")]})]) == {"e1"}
	tellable([object.union(opened, {"tellings": [telling("unsafe"), telling("told")]})]) == {"e1"}
}

test_agreed_to_is_told_at_once if {
	tellable([agreed, opened]) == {"e2"}
	tellable([object.union(agreed, {"opened_at": ""})]) == set()
	tellable([object.union(agreed, {"state": "approved", "opened_at": ""})]) == set()
}

# Who hurts them may be reading along.
test_agreed_to_but_unsafe if {
	tellable([object.union(agreed, {"tellings": [telling("unsafe")]})]) == set()
	tellable([object.union(agreed, {"tellings": [telling("later")]})]) == set()
	tellable([object.union(agreed, {"tellings": [telling("unsafe"), telling("told")]})]) == {"e2"}
}

test_no_facts_no_answer if {
	every missing in ["at", "case", "escalations"] {
		not receipt.decision with input as object.remove({"at": at, "case": "c", "escalations": [agreed]}, [missing])
	}
	every missing in ["id", "opened_at", "tellings"] {
		not receipt.decision with input as {"at": at, "case": "c", "escalations": [object.remove(agreed, [missing])]}
	}
}
