package escalation

import "github.com/sceau-project/sceau/policy"

// A State of an escalation. None is before its first entry.
type State string

// The states. Refused, denied, withdrawn, expired, closed and void are final.
const (
	None      State = ""
	Requested State = "requested" // waits for a supervisor
	Refused   State = "refused"   // by policy, at once
	Denied    State = "denied"    // by a supervisor
	Withdrawn State = "withdrawn" // by the requester
	Expired   State = "expired"   // nobody answered, or nobody used it, in time
	Approved  State = "approved"  // every approval is there; nothing was opened
	Released  State = "released"  // the key of a granted facet has left Vault, or may have
	Closed    State = "closed"    // by the requester, after approval
	Void      State = "void"      // an entry says something of it that this version does not know
)

// States lists every state, None included.
var States = []State{None, Requested, Refused, Denied, Withdrawn, Expired, Approved, Released, Closed, Void}

// Final says whether nothing can leave s. Outcomes of intents that were ordered
// before may still arrive.
func (s State) Final() bool {
	switch s {
	case Refused, Denied, Withdrawn, Expired, Closed, Void:
		return true
	}
	return false
}

// An Event is what an entry does to an escalation.
type Event string

// The events. All but one are named like the entry that carries them (evidence_read is
// evidence.read).
const (
	EventRequested      Event = "requested"
	EventRefused        Event = "refused"
	EventEvidenceRead   Event = "evidence_read"
	EventApprovalGiven  Event = "approval_given"
	EventApproved       Event = "approved"
	EventDenied         Event = "denied"
	EventWithdrawn      Event = "withdrawn"
	EventExpired        Event = "expired"
	EventReleaseOrdered Event = "release_ordered"
	EventReleased       Event = "released"
	EventReleaseFailed  Event = "release_failed"
	EventUseGivenBack   Event = "use_given_back" // identity.release_failed, when nothing was ever opened
	EventClosed         Event = "closed"
)

// Events lists every event.
var Events = []Event{
	EventRequested, EventRefused, EventEvidenceRead, EventApprovalGiven, EventApproved, EventDenied, EventWithdrawn,
	EventExpired, EventReleaseOrdered, EventReleased, EventReleaseFailed, EventUseGivenBack, EventClosed,
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
	RoleSweeper        Role = "sweeper"   // a process that records what has expired
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

// steps is the whole machine: what is not here is illegal.
var steps = map[step]State{
	{None, EventRequested, RoleAgent}: Requested,

	// Whoever asks wrongly is refused, and the refusal is recorded.
	{None, EventRefused, RoleAgent}:          Refused,
	{None, EventRefused, RolePsychologist}:   Refused,
	{None, EventRefused, RoleSupervisor}:     Refused,
	{None, EventRefused, RoleInspector}:      Refused,
	{None, EventRefused, RolePrivacyOfficer}: Refused,

	{Requested, EventEvidenceRead, RoleSupervisor}:  Requested,
	{Requested, EventApprovalGiven, RoleSupervisor}: Requested,
	{Requested, EventApproved, RoleSupervisor}:      Approved,
	{Requested, EventDenied, RoleSupervisor}:        Denied,
	{Requested, EventWithdrawn, RoleRequester}:      Withdrawn,
	{Requested, EventExpired, RoleSweeper}:          Expired,

	// Who approved may look again, as long as something may follow from it.
	{Approved, EventEvidenceRead, RoleSupervisor}: Approved,
	{Released, EventEvidenceRead, RoleSupervisor}: Released,

	// Ordering is already "released": from here on the key may be out, whatever
	// happens to the process that recorded the order.
	{Approved, EventReleaseOrdered, RoleRequester}: Released,
	{Approved, EventExpired, RoleSweeper}:          Expired,
	{Approved, EventClosed, RoleRequester}:         Closed,

	{Released, EventReleaseOrdered, RoleRequester}: Released,
	{Released, EventReleased, RoleCustodian}:       Released,
	{Released, EventReleaseFailed, RoleCustodian}:  Released,
	{Released, EventUseGivenBack, RoleCustodian}:   Approved,
	{Released, EventClosed, RoleRequester}:         Closed,

	// An order that was on its way when the requester closed, or when the lift
	// became void: its outcome is a fact and must be recorded.
	{Closed, EventReleased, RoleCustodian}:      Closed,
	{Closed, EventReleaseFailed, RoleCustodian}: Closed,
	{Void, EventReleased, RoleCustodian}:        Void,
	{Void, EventReleaseFailed, RoleCustodian}:   Void,
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
