package escalation

import (
	"strings"
	"testing"

	"github.com/sceau-project/sceau/policy"
)

// legal is the machine as docs/lifecycle.md tells it: state, event, by whom, and
// the state after. Everything else is refused.
const legal = `
-          requested        agent            requested
-          refused          agent            refused
-          refused          psychologist     refused
-          refused          supervisor       refused
-          refused          inspector        refused
-          refused          privacy_officer  refused
requested  evidence_read    supervisor       requested
requested  approval_given   supervisor       requested
requested  approved         supervisor       approved
requested  denied           supervisor       denied
requested  withdrawn        requester        withdrawn
requested  expired          sweeper          expired
approved   evidence_read    supervisor       approved
approved   release_ordered  requester        released
approved   expired          sweeper          expired
approved   closed           requester        closed
released   evidence_read    supervisor       released
released   release_ordered  requester        released
released   released         custodian        released
released   release_failed   custodian        released
released   use_given_back   custodian        approved
released   closed           requester        closed
closed     released         custodian        closed
closed     release_failed   custodian        closed
void       released         custodian        void
void       release_failed   custodian        void
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
	for _, s := range append(States, "glass_broken") {
		for _, on := range append(Events, "revoked") {
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
	if tried != 11*14*11 {
		t.Fatalf("tried %d", tried)
	}
}

// From a final state only outcomes of what was ordered before may be recorded,
// and they change nothing.
func TestFinalIsFinal(t *testing.T) {
	for at, next := range steps {
		if at.from.Final() && (next != at.from || at.by != RoleCustodian) {
			t.Errorf("%v leads to %s", at, next)
		}
	}
}

// No path leads to a released identity past a supervisor's approval.
func TestReleasedOnlyThroughApproved(t *testing.T) {
	for at, next := range steps {
		if next == Released && at.from != Approved && at.from != Released {
			t.Errorf("%v releases", at)
		}
		if next == Approved && at.from != Requested && at.from != Approved && at.from != Released {
			t.Errorf("%v approves", at)
		}
		if at.from == Requested && next == Approved && at.by != RoleSupervisor {
			t.Errorf("%v approves", at)
		}
	}
}
