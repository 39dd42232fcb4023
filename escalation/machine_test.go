package escalation

import (
	"slices"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/policy"
)

// legal is the machine as docs/lifecycle.md tells it: state, event, by whom, and
// the state after. Everything else is refused.
const legal = `
-             requested              agent            requested
-             refused                agent            refused
-             refused                psychologist     refused
-             refused                supervisor       refused
-             refused                inspector        refused
-             refused                privacy_officer  refused
requested     widened                sweeper          requested
requested     evidence_read          supervisor       requested
requested     evidence_read          privacy_officer  requested
requested     approval_given         supervisor       requested
requested     approval_given         privacy_officer  requested
requested     approved               supervisor       approved
requested     approved               privacy_officer  approved
requested     denied                 supervisor       denied
requested     denied                 privacy_officer  denied
requested     withdrawn              requester        withdrawn
requested     expired                sweeper          expired
requested     consent_withdrawn      minor            closed
requested     requester_suspended    sweeper          closed
requested     break_glass_confirmed  agent            requested
requested     glass_broken           requester        glass_broken
approved      evidence_read          supervisor       approved
approved      evidence_read          privacy_officer  approved
approved      release_ordered        requester        released
approved      expired                sweeper          expired
approved      revoked                supervisor       revoked
approved      consent_withdrawn      minor            closed
approved      closed                 requester        closed
approved      requester_suspended    sweeper          closed
glass_broken  evidence_read          supervisor       glass_broken
glass_broken  reviewed               supervisor       glass_broken
glass_broken  release_ordered        requester        released
glass_broken  expired                sweeper          expired
glass_broken  revoked                supervisor       revoked
glass_broken  closed                 requester        closed
glass_broken  requester_suspended    sweeper          closed
released      evidence_read          supervisor       released
released      evidence_read          privacy_officer  released
released      reviewed               supervisor       released
released      release_ordered        requester        released
released      released               custodian        released
released      release_failed         custodian        released
released      use_given_back         custodian        approved
released      glass_given_back       custodian        glass_broken
released      revoked                supervisor       revoked
released      consent_withdrawn      minor            closed
released      closed                 requester        closed
released      requester_suspended    sweeper          closed
released      minor_told             requester        released
released      minor_told             agent            released
released      minor_told             supervisor       released
expired       evidence_read          supervisor       expired
expired       reviewed               supervisor       expired
revoked       evidence_read          supervisor       revoked
revoked       reviewed               supervisor       revoked
revoked       released               custodian        revoked
revoked       release_failed         custodian        revoked
revoked       minor_told             requester        revoked
revoked       minor_told             agent            revoked
revoked       minor_told             supervisor       revoked
closed        evidence_read          supervisor       closed
closed        reviewed               supervisor       closed
closed        released               custodian        closed
closed        release_failed         custodian        closed
closed        minor_told             requester        closed
closed        minor_told             agent            closed
closed        minor_told             supervisor       closed
void          evidence_read          supervisor       void
void          reviewed               supervisor       void
void          released               custodian        void
void          release_failed         custodian        void
void          minor_told             requester        void
void          minor_told             agent            void
void          minor_told             supervisor       void
`

func TestTransitionExhaustively(t *testing.T) {
	allowed := map[step]State{}
	for _, line := range strings.Split(strings.TrimSpace(legal), "\n") {
		f := strings.Fields(line)
		if f[0] == "-" {
			f[0] = ""
		}
		allowed[step{State(f[0]), Event(f[1]), Role(f[2])}] = State(f[3])
	}
	tried := 0
	for _, s := range append(States, "sworn") {
		for _, on := range append(Events, "sworn_in") {
			for _, by := range append(Roles, "operator", "") {
				tried++
				want, ok := allowed[step{s, on, by}]
				got, err := Transition(s, on, by)
				switch {
				case ok && (err != nil || got != want):
					t.Errorf("%q, %s by %s: %q, %v; want %q", s, on, by, got, err, want)
				case !ok && err == nil:
					t.Errorf("%q, %s by %s is allowed", s, on, by)
				case !ok && got != s:
					t.Errorf("%q, %s by %s is refused, and changes the state to %q", s, on, by, got)
				case !ok && Code(err) != policy.ReasonWrongState && Code(err) != policy.ReasonRoleNotAllowed:
					t.Errorf("%q, %s by %s: code %q", s, on, by, Code(err))
				}
			}
		}
	}
	if tried != 13*23*11 {
		t.Fatalf("tried %d", tried)
	}
}

// A final state is not left: what may still be recorded of it are outcomes of what was
// ordered before, a review, and what the minor was told, and they change nothing.
func TestFinalIsFinal(t *testing.T) {
	late := map[Event]bool{
		EventReleased: true, EventReleaseFailed: true, EventEvidenceRead: true, EventReviewed: true, EventMinorTold: true,
	}
	for at, next := range steps {
		if at.from.Final() && (next != at.from || !late[at.on]) {
			t.Errorf("%v leads to %s", at, next)
		}
	}
}

// No path leads to a released identity past an approval or a broken glass, and both
// begin with a request that waits.
func TestReleasedOnlyThroughAGrant(t *testing.T) {
	granted := []State{Approved, GlassBroken, Released}
	for at, next := range steps {
		if next == Released && !slices.Contains(granted, at.from) {
			t.Errorf("%v releases", at)
		}
		if next == Released && at.from != Released && (at.on != EventReleaseOrdered || at.by != RoleRequester) {
			t.Errorf("%v releases", at)
		}
		if (next == Approved || next == GlassBroken) && at.from != Requested && !slices.Contains(granted, at.from) {
			t.Errorf("%v grants", at)
		}
		if at.from == Requested && next == Approved && at.by != RoleSupervisor && at.by != RolePrivacyOfficer {
			t.Errorf("%v approves", at)
		}
		if at.from == Requested && next == GlassBroken && (at.on != EventGlassBroken || at.by != RoleRequester) {
			t.Errorf("%v breaks the glass", at)
		}
	}
}

// A minor's no, a supervisor's and a suspension end whatever can open.
func TestWhatOpensCanBeEnded(t *testing.T) {
	for _, s := range []State{Approved, GlassBroken, Released} {
		for _, end := range []step{{s, EventRevoked, RoleSupervisor}, {s, EventSuspended, RoleSweeper}, {s, EventClosed, RoleRequester}} {
			if next, ok := steps[end]; !ok || !next.Final() {
				t.Errorf("%v leads to %q", end, next)
			}
		}
		if next := steps[step{s, EventConsentWithdrawn, RoleMinor}]; s != GlassBroken && next != Closed {
			t.Errorf("consent withdrawn: %s becomes %q", s, next)
		}
	}
}
