# People, a conversation and escalations for the tests of the rules.
package sceau.fixtures

agent := {"id": "s-agent", "person": "p-agent", "role": "agent"}

psychologist := {"id": "s-psy", "person": "p-psy", "role": "psychologist"}

supervisor := {"id": "s-super", "person": "p-super", "role": "supervisor"}

# The human behind the agent's account, on duty as a supervisor.
twin := {"id": "s-twin", "person": "p-agent", "role": "supervisor"}

inspector := {"id": "s-insp", "person": "p-insp", "role": "inspector"}

privacy_officer := {"id": "s-priv", "person": "p-priv", "role": "privacy_officer"}

# A second agent, of another conversation.
colleague := {"id": "s-coll", "person": "p-coll", "role": "agent"}

stranger := {"id": "s-other", "person": "p-other", "role": "supervisor"}

# Everyone who works here, once for each role.
everybody := {agent, psychologist, supervisor, inspector, privacy_officer}

conversation := {"state": "open", "closed_for_s": 0, "quiet_for_s": 0, "participants": [
	{"id": "s-agent", "person": "p-agent", "role": "agent", "active": true},
	{"id": "s-psy", "person": "p-psy", "role": "psychologist", "active": true},
	{"id": "s-gone", "person": "p-gone", "role": "agent", "active": false},
]}

assessment := {
	"immediacy": "now", "violence": "threat", "suicide": "none", "perpetrator_present": "no", "captive": "no",
	"age_band": "13_15", "alone": "unknown", "location_known": "no", "psychologist_opinion": "none",
}

approval := {"actor": supervisor, "facets": ["connection"], "at": "2026-03-01T22:16:00.000000Z"}

no_consent := {"id": "", "facets": [], "given_at": "", "withdrawn_at": ""}

consent := {
	"id": "c1", "facets": ["contact", "name"], "given_at": "2026-03-01T22:14:00.000000Z", "withdrawn_at": "",
}

requested := {
	"id": "e1", "state": "requested", "ground": "imminent_danger", "request": "hash",
	"requested_at": "2026-03-01T22:15:00.000000Z", "requester": agent, "asked": ["connection", "name"],
	"answer_within_s": 600, "answer_by": "2026-03-01T22:25:00.000000Z", "approvals": [],
	"needed": [{"role": "supervisor", "count": 1}], "granted": [], "use_within_s": 900, "use_by": "",
	"read_for_s": 3600, "read_until": "", "uses": 0, "uses_allowed": 1,
	"widen_at": "2026-03-01T22:20:00.000000Z", "break_glass_after_s": 300,
	"break_glass_from": "2026-03-01T22:20:00.000000Z", "confirmations": [], "broken_at": "", "review_by": "", "review_within_s": 0,
	"review": "", "answered": [], "consent": no_consent, "authority": "", "listed_case": "", "opened_at": "",
	"tellings": [],
}

approved := object.union(requested, {
	"state": "approved", "approvals": [approval], "answered": [supervisor], "granted": ["connection"],
	"use_by": "2026-03-01T22:31:00.000000Z",
})

released := object.union(approved, {
	"state": "released", "uses": 1, "read_until": "2026-03-01T23:17:00.000000Z",
	"opened_at": "2026-03-01T22:17:00.000000Z",
})

confirmation := {"actor": colleague, "at": "2026-03-01T22:19:00.000000Z"}

confirmed := object.union(requested, {"confirmations": [confirmation]})

broken := object.union(confirmed, {
	"state": "glass_broken", "broken_at": "2026-03-01T22:21:00.000000Z", "granted": ["connection", "name"],
	"use_by": "2026-03-01T22:36:00.000000Z", "review_by": "2026-03-04T22:21:00.000000Z",
	"review_within_s": 259200,
})

# On the other grounds.
agreed := object.union(requested, {
	"ground": "consent", "asked": ["name"], "answer_within_s": 86400, "answer_by": "2026-03-02T22:15:00.000000Z",
	"use_within_s": 86400, "read_for_s": 1800, "break_glass_after_s": 0, "break_glass_from": "", "consent": consent,
})

agreed_approved := object.union(agreed, {
	"state": "approved", "approvals": [object.union(approval, {"facets": ["name"]})], "answered": [supervisor],
	"granted": ["name"], "use_by": "2026-03-02T22:16:00.000000Z",
})

ordered := object.union(requested, {
	"ground": "judicial_requisition", "answer_within_s": 86400, "answer_by": "2026-03-02T22:15:00.000000Z",
	"needed": [{"role": "privacy_officer", "count": 1}, {"role": "supervisor", "count": 1}],
	"use_within_s": 86400, "break_glass_after_s": 0, "break_glass_from": "", "authority": "prosecutor",
	"listed_case": "three_years",
})

ordered_approved := object.union(ordered, {
	"state": "approved",
	"approvals": [approval, {"actor": privacy_officer, "facets": ["connection"], "at": "2026-03-01T22:16:30.000000Z"}],
	"answered": [supervisor, privacy_officer], "granted": ["connection"], "use_by": "2026-03-02T22:16:30.000000Z",
})
