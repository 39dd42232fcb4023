# Who may be the second pair of eyes. Like every rule of this bundle, each
# requirement is something to be shown: what the input does not show, a field
# that is missing included, is a reason to refuse.
package sceau.four_eyes

conflicts contains "person.missing" if not persons_known

conflicts contains "approver.is_requester" if not another_account

conflicts contains "approver.same_person" if {
	another_account
	not another_person
}

conflicts contains "approver.took_part" if not stayed_out

persons_known if {
	input.actor.person != ""
	input.lift.requester.person != ""
}

another_account if input.actor.id != input.lift.requester.id

another_person if input.actor.person != input.lift.requester.person

stayed_out if {
	every p in input.conversation.participants {
		p.person != input.actor.person
	}
}

# impartial(actor) holds for an approval already given: looked at again when an
# identity is released, since its giver may have joined the conversation after,
# under another account.
impartial(actor) if {
	actor.person != ""
	actor.id != input.lift.requester.id
	actor.person != input.lift.requester.person
	every p in input.conversation.participants {
		p.person != actor.person
	}
}
