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

# Whoever broke it set no later review than policy does: a face that wrote "in ten
# years" keeps what it broke shut.
reviewed_in_time if input.escalation.broken_at == ""

reviewed_in_time if {
	input.escalation.review_within_s > 0
	input.escalation.review_within_s <= terms.review_within_s
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

# What an opening through broken glass rests on instead of approvals, as of when it
# was broken.
objections := {"escalation.too_late", "glass.not_breakable", "glass.too_early", "glass.not_confirmed"}

# While an answer was awaited: afterwards the request had expired.
cleared contains "escalation.too_late" if input.escalation.broken_at <= input.escalation.answer_by

cleared contains "glass.not_breakable" if breakable

cleared contains "glass.too_early" if {
	input.escalation.break_glass_from != ""
	input.escalation.break_glass_from <= input.escalation.broken_at
}

cleared contains "glass.not_confirmed" if confirmed(input.escalation.broken_at)

# What can never be broken is never too early.
cleared contains "glass.too_early" if not breakable
