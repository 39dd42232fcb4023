# Who takes part in a conversation: whoever joined and has not handed it over,
# with that account, that person and that role.
package sceau.participation

active if {
	some p in input.conversation.participants
	p.id == input.actor.id
	p.person == input.actor.person
	p.role == input.actor.role
	p.active == true
	p.person != ""
}

# An open conversation is read by those who take part. A closed one by the same
# for some time more: its last agent may still have to act on what was written.
readable if input.conversation.state == "open"

readable if {
	input.conversation.state == "closed"
	input.conversation.closed_for_s <= data.sceau.numbers.read_closed_for_s
}

not_erased if input.conversation.state in {"open", "closed"}

reasons contains "person.missing" if not person_known

reasons contains "conversation.not_participant" if not active

reasons contains "conversation.erased" if not not_erased

reasons contains "conversation.closed" if {
	not_erased
	not readable
}

person_known if input.actor.person != ""
