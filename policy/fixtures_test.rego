# People, a conversation and a lift for the tests of the rules.
package sceau.fixtures

agent := {"id": "s-agent", "person": "p-agent", "role": "agent"}

psychologist := {"id": "s-psy", "person": "p-psy", "role": "psychologist"}

supervisor := {"id": "s-super", "person": "p-super", "role": "supervisor"}

# The human behind the agent's account, on duty as a supervisor.
twin := {"id": "s-twin", "person": "p-agent", "role": "supervisor"}

inspector := {"id": "s-insp", "person": "p-insp", "role": "inspector"}

conversation := {"state": "open", "closed_for_s": 0, "participants": [
	{"id": "s-agent", "person": "p-agent", "role": "agent", "active": true},
	{"id": "s-psy", "person": "p-psy", "role": "psychologist", "active": true},
	{"id": "s-gone", "person": "p-gone", "role": "agent", "active": false},
]}

assessment := {
	"immediacy": "now", "violence": "threat", "suicide": "none", "perpetrator_present": "no", "captive": "no",
	"age_band": "13_15", "alone": "unknown", "location_known": "no", "psychologist_opinion": "none",
}

approval := {"actor": supervisor, "facets": ["connection"], "at": "2026-03-01T22:16:00.000000Z"}

requested := {
	"id": "e1", "state": "requested", "ground": "imminent_danger", "request": "hash",
	"requested_at": "2026-03-01T22:15:00.000000Z", "requester": agent, "asked": ["connection", "name"],
	"answer_within_s": 600, "answer_by": "2026-03-01T22:25:00.000000Z", "approvals": [],
	"needed": [{"role": "supervisor", "count": 1}], "granted": [], "use_within_s": 900, "use_by": "",
	"read_for_s": 3600, "read_until": "", "uses": 0, "uses_allowed": 1,
}

approved := object.union(requested, {
	"state": "approved", "approvals": [approval], "granted": ["connection"],
	"use_by": "2026-03-01T22:31:00.000000Z",
})

released := object.union(approved, {"state": "released", "uses": 1, "read_until": "2026-03-01T23:17:00.000000Z"})
