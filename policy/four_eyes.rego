# Who may be the second pair of eyes.

# METADATA
# schemas:
#   - input: schema.evidence_read
package sceau.four_eyes

objections := {"person.missing", "approver.is_requester", "approver.same_person", "approver.took_part"}

cleared contains "person.missing" if {
	input.actor.person != ""
	input.escalation.requester.person != ""
}

cleared contains "approver.is_requester" if input.actor.id != input.escalation.requester.id

# The same human under another account.
cleared contains "approver.same_person" if input.actor.person != input.escalation.requester.person

# The very account of the requester is objected to above; once is enough.
cleared contains "approver.same_person" if input.actor.id == input.escalation.requester.id

cleared contains "approver.took_part" if {
	every p in input.conversation.participants {
		p.person != input.actor.person
	}
}

# impartial(actor) holds for an approval already given: looked at again when an
# identity is released, since its giver may have joined the conversation after,
# under another account.
impartial(actor) if {
	actor.person != ""
	actor.id != input.escalation.requester.id
	actor.person != input.escalation.requester.person
	every p in input.conversation.participants {
		p.person != actor.person
	}
}

# Who answers a request: the roles that it was told to ask and that policy would
# ask now, and no other role, whatever the numbers say.
answerers contains role if {
	some role in {"supervisor", "privacy_officer"}
	some asked in input.escalation.needed
	asked.role == role
	some needed in data.sceau.numbers.grounds[input.escalation.ground].approvals
	needed.role == role
}
