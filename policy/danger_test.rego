package sceau.escalation.request_danger_test

import data.sceau.escalation.request
import data.sceau.fixtures

objections := {"danger.not_coded", "danger.not_shown"}

# Nothing that shows danger.
calm := object.union(fixtures.assessment, {"immediacy": "days", "violence": "none"})

standing(change) := codes if {
	cleared := request.cleared with input as {
		"ground": "imminent_danger",
		"assessment": object.union(calm, change),
	}
	codes := objections - cleared
}

test_calm_shows_no_danger if {
	standing({}) == {"danger.not_shown"}
	standing({"immediacy": "now"}) == {"danger.not_shown"}
	standing({"psychologist_opinion": "no_danger"}) == {"danger.not_shown"}
}

test_under_way_is_danger_whatever_the_immediacy if {
	every immediacy in ["now", "hours", "days", "unclear"] {
		every answer in [{"violence": "ongoing"}, {"violence": "weapon"}, {"suicide": "attempt_under_way"}, {"captive": "yes"}] {
			standing(object.union(answer, {"immediacy": immediacy})) == set()
		}
	}
}

serious := [
	{"violence": "threat"}, {"suicide": "ideation"}, {"suicide": "plan"},
	{"perpetrator_present": "yes"}, {"psychologist_opinion": "danger"},
]

test_to_come_is_danger_within_hours if {
	every answer in serious {
		standing(object.union(answer, {"immediacy": "now"})) == set()
		standing(object.union(answer, {"immediacy": "hours"})) == set()
		standing(object.union(answer, {"immediacy": "days"})) == {"danger.not_shown"}
		standing(object.union(answer, {"immediacy": "unclear"})) == {"danger.not_shown"}
	}
}

test_a_psychologist_does_not_overrule if {
	standing({"violence": "weapon", "psychologist_opinion": "no_danger"}) == set()
}

test_every_answer_is_coded if {
	every question, _ in calm {
		"danger.not_coded" in standing({question: "maybe"})
		"danger.not_coded" in standing({question: ""})
		"danger.not_coded" in standing({question: null})
	}
}

test_other_grounds_do_not_rest_on_danger if {
	every ground in ["consent", "judicial_requisition"] {
		cleared := request.cleared with input as {"ground": ground, "assessment": calm}
		objections - cleared == set()
	}
}
