package sceau.log.read_test

import data.sceau.fixtures
import data.sceau.log.read

reasons(actor, view) := d.reasons if {
	d := read.decision with input as {"at": "2026-03-01T22:16:00.000000Z", "actor": actor, "view": view}
	d.allow == (d.reasons == [])
}

test_inspector_reads_the_log_and_reviews if {
	reasons(fixtures.inspector, "log") == []
	reasons(fixtures.inspector, "reviews") == []
	every view in ["erasures", "holds", "due", "", "transcripts"] {
		reasons(fixtures.inspector, view) == {"role.not_allowed"}
	}
}

test_inspector_reads_figures if reasons(fixtures.inspector, "figures") == []

test_a_name_takes_a_reason if {
	named(fixtures.inspector, "misuse") == []
	every reason in ["", "performance", "because"] {
		named(fixtures.inspector, reason) == {"naming.not_coded"}
	}
	reasons(fixtures.inspector, "names") == {"naming.not_coded"}
	named(fixtures.privacy_officer, "misuse") == {"role.not_allowed"}
	named(fixtures.supervisor, "misuse") == {"role.not_allowed"}
}

named(actor, reason) := d.reasons if {
	d := read.decision with input as {"at": "2026-03-01T22:16:00.000000Z", "actor": actor, "view": "names", "reason": reason}
	d.allow == (d.reasons == [])
}

test_privacy_officer_reads_their_registers if {
	every view in ["erasures", "holds", "due", "reviews"] {
		reasons(fixtures.privacy_officer, view) == []
	}
	reasons(fixtures.privacy_officer, "log") == {"role.not_allowed"}
}

test_nobody_else_reads if {
	every actor in [fixtures.agent, fixtures.psychologist, fixtures.supervisor, fixtures.twin] {
		every view in ["log", "reviews", "erasures", "holds", "due", "figures"] {
			reasons(actor, view) == {"role.not_allowed"}
		}
	}
}

test_nobody_is_a_person if {
	reasons({"id": "s", "person": "", "role": "inspector"}, "log") == {"person.missing"}
}
