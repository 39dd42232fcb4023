package escalation

import "github.com/sceau-project/sceau/policy"

// A State of an escalation. None is before its first entry.
type State string

// The states. Refused, denied, withdrawn, expired, revoked, closed and void are final.
const (
	None        State = ""
	Requested   State = "requested"    // waits for an answer
	Refused     State = "refused"      // by policy, at once
	Denied      State = "denied"       // by a supervisor or a privacy officer
	Withdrawn   State = "withdrawn"    // by the requester
	Expired     State = "expired"      // nobody answered, or nobody used it, in time
	Approved    State = "approved"     // every approval is there; nothing was opened
	GlassBroken State = "glass_broken" // granted unanswered, to be reviewed; nothing was opened
	Released    State = "released"     // the key of a granted facet has left Vault, or may have
	Revoked     State = "revoked"      // by a supervisor, after it was granted
	Closed      State = "closed"       // by the requester, by the minor's no, or when the requester was suspended
	Void        State = "void"         // an entry says something of it that this version does not know
)

// States lists every state, None included.
var States = []State{
	None, Requested, Refused, Denied, Withdrawn, Expired, Approved, GlassBroken, Released, Revoked, Closed, Void,
}

// Final says whether nothing can leave s. Outcomes of intents that were ordered
// before, a review and what the minor was told may still arrive.
func (s State) Final() bool {
	switch s {
	case Refused, Denied, Withdrawn, Expired, Revoked, Closed, Void:
		return true
	}
	return false
}

// An Event is what an entry does to an escalation.
type Event string

// The events. Most are named like the entry that carries them, without
// "escalation." or "identity.".
const (
	EventRequested        Event = "requested"
	EventRefused          Event = "refused"
	EventWidened          Event = "widened"
	EventEvidenceRead     Event = "evidence_read" // evidence.read
	EventApprovalGiven    Event = "approval_given"
	EventApproved         Event = "approved"
	EventDenied           Event = "denied"
	EventWithdrawn        Event = "withdrawn"
	EventExpired          Event = "expired"
	EventConfirmed        Event = "break_glass_confirmed"
	EventGlassBroken      Event = "glass_broken"
	EventReviewed         Event = "reviewed"
	EventReleaseOrdered   Event = "release_ordered"
	EventReleased         Event = "released"
	EventReleaseFailed    Event = "release_failed"
	EventUseGivenBack     Event = "use_given_back"   // identity.release_failed, when nothing was ever opened
	EventGlassGivenBack   Event = "glass_given_back" // the same, of a glass that was broken
	EventRevoked          Event = "revoked"
	EventConsentWithdrawn Event = "consent_withdrawn" // consent.withdrawn, of the consent that it rests on
	EventClosed           Event = "closed"
	EventSuspended        Event = "requester_suspended" // escalation.closed, by the sweeper
	EventMinorTold        Event = "minor_told"          // minor.told
)

// Events lists every event.
var Events = []Event{
	EventRequested, EventRefused, EventWidened, EventEvidenceRead, EventApprovalGiven, EventApproved, EventDenied,
	EventWithdrawn, EventExpired, EventConfirmed, EventGlassBroken, EventReviewed, EventReleaseOrdered, EventReleased,
	EventReleaseFailed, EventUseGivenBack, EventGlassGivenBack, EventRevoked, EventConsentWithdrawn, EventClosed, EventSuspended,
	EventMinorTold,
}

// A Role is who acts, seen from one escalation: its requester is not any agent.
type Role string

// The roles.
const (
	RoleRequester      Role = "requester"
	RoleAgent          Role = policy.RoleAgent // another one, or any before there is a requester
	RolePsychologist   Role = policy.RolePsychologist
	RoleSupervisor     Role = policy.RoleSupervisor
	RoleInspector      Role = policy.RoleInspector
	RolePrivacyOfficer Role = policy.RolePrivacyOfficer
	RoleMinor          Role = "minor"
	RoleSweeper        Role = "sweeper"   // a process that records what has become true without anybody's doing
	RoleCustodian      Role = "custodian" // the gate, recording outcomes
)

// Roles lists every role.
var Roles = []Role{
	RoleRequester, RoleAgent, RolePsychologist, RoleSupervisor, RoleInspector, RolePrivacyOfficer,
	RoleMinor, RoleSweeper, RoleCustodian,
}

// A step is one line of the machine.
type step struct {
	from State
	on   Event
	by   Role
}

// steps is the whole machine: what is not here is illegal. What depends on more than
// state and role (deadlines, four eyes, whether the glass was ever broken) is in the
// Check methods.
var steps = map[step]State{
	{None, EventRequested, RoleAgent}: Requested,

	// Whoever asks wrongly is refused, and the refusal is recorded.
	{None, EventRefused, RoleAgent}:          Refused,
	{None, EventRefused, RolePsychologist}:   Refused,
	{None, EventRefused, RoleSupervisor}:     Refused,
	{None, EventRefused, RoleInspector}:      Refused,
	{None, EventRefused, RolePrivacyOfficer}: Refused,

	// Privacy officers answer what policy asks them about: requisitions.
	{Requested, EventWidened, RoleSweeper}:              Requested,
	{Requested, EventEvidenceRead, RoleSupervisor}:      Requested,
	{Requested, EventEvidenceRead, RolePrivacyOfficer}:  Requested,
	{Requested, EventApprovalGiven, RoleSupervisor}:     Requested,
	{Requested, EventApprovalGiven, RolePrivacyOfficer}: Requested,
	{Requested, EventApproved, RoleSupervisor}:          Approved,
	{Requested, EventApproved, RolePrivacyOfficer}:      Approved,
	{Requested, EventDenied, RoleSupervisor}:            Denied,
	{Requested, EventDenied, RolePrivacyOfficer}:        Denied,
	{Requested, EventWithdrawn, RoleRequester}:          Withdrawn,
	{Requested, EventExpired, RoleSweeper}:              Expired,
	{Requested, EventConsentWithdrawn, RoleMinor}:       Closed,
	{Requested, EventSuspended, RoleSweeper}:            Closed,

	// Unanswered: the requester and a second agent together, to be reviewed after.
	{Requested, EventConfirmed, RoleAgent}:       Requested,
	{Requested, EventGlassBroken, RoleRequester}: GlassBroken,

	// Who approved may look again, as long as something may follow from it.
	{Approved, EventEvidenceRead, RoleSupervisor}:     Approved,
	{Approved, EventEvidenceRead, RolePrivacyOfficer}: Approved,
	{Released, EventEvidenceRead, RolePrivacyOfficer}: Released,

	// Ordering is already "released": from here on the key may be out, whatever
	// happens to the process that recorded the order.
	{Approved, EventReleaseOrdered, RoleRequester}: Released,
	{Approved, EventExpired, RoleSweeper}:          Expired,
	{Approved, EventRevoked, RoleSupervisor}:       Revoked,
	{Approved, EventConsentWithdrawn, RoleMinor}:   Closed,
	{Approved, EventClosed, RoleRequester}:         Closed,
	{Approved, EventSuspended, RoleSweeper}:        Closed,

	{GlassBroken, EventReleaseOrdered, RoleRequester}: Released,
	{GlassBroken, EventExpired, RoleSweeper}:          Expired,
	{GlassBroken, EventRevoked, RoleSupervisor}:       Revoked,
	{GlassBroken, EventClosed, RoleRequester}:         Closed,
	{GlassBroken, EventSuspended, RoleSweeper}:        Closed,

	{Released, EventReleaseOrdered, RoleRequester}: Released,
	{Released, EventReleased, RoleCustodian}:       Released,
	{Released, EventReleaseFailed, RoleCustodian}:  Released,
	{Released, EventUseGivenBack, RoleCustodian}:   Approved,
	{Released, EventGlassGivenBack, RoleCustodian}: GlassBroken,
	{Released, EventRevoked, RoleSupervisor}:       Revoked,
	{Released, EventConsentWithdrawn, RoleMinor}:   Closed,
	{Released, EventClosed, RoleRequester}:         Closed,
	{Released, EventSuspended, RoleSweeper}:        Closed,

	// An order that was on its way when the lift ended: its outcome is a fact and
	// must be recorded.
	{Closed, EventReleased, RoleCustodian}:       Closed,
	{Closed, EventReleaseFailed, RoleCustodian}:  Closed,
	{Revoked, EventReleased, RoleCustodian}:      Revoked,
	{Revoked, EventReleaseFailed, RoleCustodian}: Revoked,
	{Void, EventReleased, RoleCustodian}:         Void,
	{Void, EventReleaseFailed, RoleCustodian}:    Void,

	// Once the glass was broken it is reviewed, whatever became of the lift; and while
	// it is released, a supervisor who approved may look again.
	{GlassBroken, EventEvidenceRead, RoleSupervisor}: GlassBroken,
	{Released, EventEvidenceRead, RoleSupervisor}:    Released,
	{Expired, EventEvidenceRead, RoleSupervisor}:     Expired,
	{Revoked, EventEvidenceRead, RoleSupervisor}:     Revoked,
	{Closed, EventEvidenceRead, RoleSupervisor}:      Closed,
	{Void, EventEvidenceRead, RoleSupervisor}:        Void,

	{GlassBroken, EventReviewed, RoleSupervisor}: GlassBroken,
	{Released, EventReviewed, RoleSupervisor}:    Released,
	{Expired, EventReviewed, RoleSupervisor}:     Expired,
	{Revoked, EventReviewed, RoleSupervisor}:     Revoked,
	{Closed, EventReviewed, RoleSupervisor}:      Closed,
	{Void, EventReviewed, RoleSupervisor}:        Void,

	// What was opened is told to the minor, whatever became of the lift.
	{Released, EventMinorTold, RoleRequester}: Released,
	{Revoked, EventMinorTold, RoleRequester}:  Revoked,
	{Closed, EventMinorTold, RoleRequester}:   Closed,
	{Void, EventMinorTold, RoleRequester}:     Void,

	{Released, EventMinorTold, RoleAgent}: Released,
	{Revoked, EventMinorTold, RoleAgent}:  Revoked,
	{Closed, EventMinorTold, RoleAgent}:   Closed,
	{Void, EventMinorTold, RoleAgent}:     Void,

	// A supervisor, once it is overdue: whoever owed it may have left.
	{Released, EventMinorTold, RoleSupervisor}: Released,
	{Revoked, EventMinorTold, RoleSupervisor}:  Revoked,
	{Closed, EventMinorTold, RoleSupervisor}:   Closed,
	{Void, EventMinorTold, RoleSupervisor}:     Void,
}

// Transition returns the state after event by role. What the machine does not
// allow is a *[Refusal] with code escalation.wrong_state, or role.not_allowed
// when only another role could do it in this state.
func Transition(s State, on Event, by Role) (State, error) {
	if next, ok := steps[step{s, on, by}]; ok {
		return next, nil
	}
	for _, other := range Roles {
		if _, ok := steps[step{s, on, other}]; ok {
			return s, refuse(policy.ReasonRoleNotAllowed, "%s by %s in state %q", on, by, s)
		}
	}
	return s, refuse(policy.ReasonWrongState, "%s in state %q", on, s)
}
