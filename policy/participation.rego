# Who takes part in a conversation, and whether it can still be read.

# METADATA
# schemas:
#   - input: schema.conversation_read
package sceau.participation

objections := {"conversation.not_participant", "conversation.closed", "conversation.erased"}

# Whoever joined and has not handed it over: that account, that person, that role.
cleared contains "conversation.not_participant" if {
	some p in input.conversation.participants
	p.id == input.actor.id
	p.person == input.actor.person
	p.role == input.actor.role
	p.active == true
}

cleared contains "conversation.erased" if input.conversation.state in {"open", "closed"}

# A closed conversation stays readable for some time to those who took part to
# the end: they may still have to act on what was written.
cleared contains "conversation.closed" if {
	input.conversation.state == "closed"
	input.conversation.closed_for_s <= data.sceau.numbers.read_closed_for_s
}

# Of one that was erased, that is what is said.
cleared contains "conversation.closed" if input.conversation.state in {"open", "erased"}
