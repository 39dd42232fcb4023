package sceau.keeping_test

import data.sceau.fixtures
import data.sceau.keeping

at := "2026-03-01T22:20:00.000000Z"

settled(escalation) if keeping.settled with input as {"at": at, "escalations": [escalation]}

held := {"id": "h1", "reason": "complaint", "set_at": "2026-03-01T10:00:00.000000Z", "lifted_at": ""}

test_holds if {
	keeping.unheld with input as {"at": at, "holds": []}
	not keeping.unheld with input as {"at": at, "holds": [held]}
	lifted := object.union(held, {"lifted_at": "2026-03-01T11:00:00.000000Z"})
	keeping.unheld with input as {"at": at, "holds": [lifted]}
	not keeping.unheld with input as {"at": at, "holds": [lifted, held]}
}

test_what_has_ended_is_over if {
	every state in ["refused", "denied", "withdrawn", "expired", "revoked", "closed", "void"] {
		settled(object.union(fixtures.requested, {"state": state}))
	}
	not settled(object.union(fixtures.requested, {"state": ""}))
	keeping.settled with input as {"at": at, "escalations": []}
}

test_what_may_still_open_is_not if {
	not settled(fixtures.requested)
	not settled(fixtures.approved)
	not settled(object.union(fixtures.released, {"read_until": at}))

	# its window is over, but a use is left, and the time for it
	left := {"read_until": "2026-03-01T22:19:00.000000Z", "uses_allowed": 2}
	not settled(object.union(fixtures.released, left))
}

# Whether or not a sweeper wrote it yet.
test_deadlines_count if {
	past := "2026-03-01T22:19:59.999999Z"
	settled(object.union(fixtures.requested, {"answer_by": past}))
	settled(object.union(fixtures.approved, {"use_by": past}))
	settled(object.union(fixtures.released, {"read_until": past}))
	settled(object.union(fixtures.released, {"read_until": past, "uses_allowed": 2, "use_by": past}))
}

test_a_review_that_is_due_is_not_over if {
	closed := object.union(fixtures.broken, {"state": "closed"})
	not settled(closed)
	settled(object.union(closed, {"review": "confirmed"}))
	settled(object.union(closed, {"review": "abusive"}))
	not settled(object.union(fixtures.broken, {"review": "confirmed"}))
	settled(object.union(fixtures.broken, {"review": "confirmed", "use_by": "2026-03-01T22:19:00.000000Z"}))
}
