package sceau.four_eyes_test

import data.sceau.fixtures
import data.sceau.four_eyes

# Each conflict counts by itself, even if the list of participants lacks the requester.
test_impartial if {
	alone := {"escalation": fixtures.requested, "conversation": {"participants": []}}
	four_eyes.impartial(fixtures.supervisor) with input as alone
	not four_eyes.impartial(fixtures.twin) with input as alone
	not four_eyes.impartial(fixtures.agent) with input as alone
	not four_eyes.impartial({"id": "s-x", "person": "", "role": "supervisor"}) with input as alone
	not four_eyes.impartial({"id": "s-agent", "person": "p-x", "role": "supervisor"}) with input as alone
}

test_answerers_are_asked_by_both if {
	four_eyes.answerers == {"supervisor"} with input as {"escalation": fixtures.requested}
	four_eyes.answerers == {"supervisor", "privacy_officer"} with input as {"escalation": fixtures.ordered}
	four_eyes.answerers == set() with input as {"escalation": object.union(fixtures.ordered, {"ground": "curiosity"})}
}
