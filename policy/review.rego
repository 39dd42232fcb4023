# Who reviews a broken glass, and whether one is to be reviewed.

# METADATA
# schemas:
#   - input: schema.escalation_review
package sceau.review

due if {
	input.escalation.broken_at != ""
	input.escalation.review == ""
}

# uninvolved: neither asked, nor ever joined the conversation, nor confirmed, nor
# answered or ended the request, under any account.
uninvolved if {
	input.actor.id != input.escalation.requester.id
	input.actor.person != input.escalation.requester.person
	every p in input.conversation.participants {
		p.person != input.actor.person
	}
	aside
}

# aside: no part in what became of the request.
aside if {
	every confirmation in input.escalation.confirmations {
		confirmation.actor.person != input.actor.person
	}
	every approval in input.escalation.approvals {
		approval.actor.person != input.actor.person
	}
	every actor in input.escalation.answered {
		actor.person != input.actor.person
	}
}
