# Who decides about traces that are their own.

# METADATA
# schemas:
#   - input: schema.erasure_decide
package sceau.impartial

# Neither in the conversation, nor in any of its escalations, under whatever account:
# nobody destroys, or lets go, the traces of what they did.
officer if {
	every p in input.conversation.participants {
		p.person != input.actor.person
	}
	every escalation in input.escalations {
		escalation.requester.person != input.actor.person
		every approval in escalation.approvals {
			approval.actor.person != input.actor.person
		}
		every actor in escalation.answered {
			actor.person != input.actor.person
		}
		every confirmation in escalation.confirmations {
			confirmation.actor.person != input.actor.person
		}
	}
}
