# When the glass of a request can be broken: what confirming, breaking and
# opening have in common.

# METADATA
# schemas:
#   - input: schema.escalation_confirm
package sceau.glass

terms := data.sceau.numbers.grounds[input.escalation.ground]

# The ground's terms allow it, now as when it was asked; the request was told so
# (its assessment says that minutes count), and no sooner than policy says now.
breakable if {
	input.escalation.break_glass_from != ""
	input.escalation.break_glass_after_s >= terms.break_glass.after_s
}

# confirmed(at): somebody else than the requester, under whatever account, has
# said before that it must be.
confirmed(at) if {
	some confirmation in input.escalation.confirmations
	confirmation.actor.role == "agent"
	confirmation.actor.person != ""
	confirmation.actor.id != input.escalation.requester.id
	confirmation.actor.person != input.escalation.requester.person
	confirmation.at != ""
	confirmation.at <= at
}
