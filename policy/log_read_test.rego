package sceau.log.read_test

import data.sceau.fixtures
import data.sceau.log.read

test_inspector_reads if {
	d := read.decision with input as {"at": "", "actor": fixtures.inspector}
	d.allow
}

test_nobody_else_reads if {
	every actor in [fixtures.agent, fixtures.psychologist, fixtures.supervisor, fixtures.twin] {
		d := read.decision with input as {"at": "", "actor": actor}
		d.allow == false
		d.reasons == {"role.not_allowed"}
	}
}

test_nobody_is_a_person if {
	d := read.decision with input as {"at": "", "actor": {"id": "s", "person": "", "role": "inspector"}}
	d.reasons == {"person.missing"}
}
