// Package notice says whom to call when something waits for a member of staff,
// and in which words: ids, codes and times, never content.
//
// A notice only calls somebody to look. The queue of pending requests stays the
// truth: it is polled, its age is a metric, and a notice that is lost, late or
// delivered twice changes nothing of what is pending. Notices leave the service
// by webhook (notice/webhook) and mail (notice/mail), carried by a queue in
// PostgreSQL that survives restarts (notice/pgstore); they are delivered at
// least once, always under the same message id, so that receivers can drop
// repetitions.
package notice

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Kind is what a notice is about. It is the "type" of the payload.
type Kind string

// What people are called for. The id of a notice is that of the escalation,
// unless it says otherwise.
const (
	// RequestWaiting: an agent asks to lift anonymity.
	RequestWaiting Kind = "request_waiting"
	// RequestReminder: nobody has answered it for the time that policy sets.
	RequestReminder Kind = "request_reminder"
	// RequestWidened: nor later; now every supervisor is called, of any unit.
	RequestWidened Kind = "request_widened"
	// RequisitionWaiting: a request on a magistrate's order waits for a privacy
	// officer as well.
	RequisitionWaiting Kind = "requisition_waiting"
	// ConfirmationWanted: an unanswered request may be opened by break-glass if
	// a second agent confirms the danger.
	ConfirmationWanted Kind = "confirmation_wanted"
	// GlassBroken: an identity was opened before any approval.
	GlassBroken Kind = "glass_broken"
	// ReviewDue: the review of a break-glass ends within a day.
	ReviewDue Kind = "review_due"
	// ReviewOverdue: that review was not done in time. Repeated every day.
	ReviewOverdue Kind = "review_overdue"
	// TellingDue: a young person was to be told by now that their identity was
	// opened. Repeated every day.
	TellingDue Kind = "telling_due"
	// ErasureWaiting: a young person asks for erasure. The id is the erasure's.
	// Repeated every day.
	ErasureWaiting Kind = "erasure_waiting"
	// PsychologistWanted: an agent asks a psychologist into a conversation. The id is
	// the call's.
	PsychologistWanted Kind = "psychologist_wanted"
	// PolicyChanged: another policy is in force. The id is its revision.
	PolicyChanged Kind = "policy_changed"
)

// roles says whom each kind calls; and so which kinds there are.
var roles = map[Kind][]string{
	RequestWaiting:     {"supervisor"},
	RequestReminder:    {"supervisor"},
	RequestWidened:     {"supervisor"},
	RequisitionWaiting: {"privacy_officer"},
	ConfirmationWanted: {"agent"},
	GlassBroken:        {"inspector", "supervisor"},
	ReviewDue:          {"supervisor"},
	ReviewOverdue:      {"inspector", "supervisor"},
	TellingDue:         {"agent", "supervisor"},
	ErasureWaiting:     {"privacy_officer"},
	PsychologistWanted: {"psychologist"},
	PolicyChanged:      {"inspector", "privacy_officer", "supervisor"},
}

// unitFirst are the kinds that a pager may send to the requester's unit first.
// All others call everybody of the roles: a request that nobody of the unit
// answered, above all.
var unitFirst = []Kind{RequestWaiting, RequestReminder}

// Kinds lists every Kind, sorted.
func Kinds() []Kind {
	kinds := make([]Kind, 0, len(roles))
	for k := range roles {
		kinds = append(kinds, k)
	}
	slices.Sort(kinds)
	return kinds
}

// Roles says whom notices of this kind call, sorted; nobody for an unknown kind.
func (k Kind) Roles() []string { return slices.Clone(roles[k]) }

// A Notice calls people of its kind's roles to look at what ID names.
type Notice struct {
	Kind Kind
	// ID of the escalation, the erasure, the call or the policy's revision.
	ID string
	// At is when people are to be called. The entry's own time for what has just
	// happened; a later time for a reminder, which is dropped when by then
	// nothing waits any more. Two notices of equal Kind, ID and At are one.
	At time.Time
	// Unit is the random id of the requester's unit, for pagers that call that
	// unit's people first; it leaves with a new request and its reminder only.
	// Empty: everybody of the roles.
	Unit string
}

// An id is a UUID, or a policy's revision: no text of anybody has that form.
var (
	idForm   = regexp.MustCompile(`^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|sha256:[0-9a-f]{64})$`)
	unitForm = regexp.MustCompile(`^[A-Za-z0-9_.:-]{0,64}$`)
)

// Check refuses what is not made of codes and ids only.
func (n Notice) Check() error {
	switch {
	case roles[n.Kind] == nil:
		return fmt.Errorf("no notice is of kind %q", n.Kind)
	case !idForm.MatchString(n.ID):
		return fmt.Errorf("a %s notice names no id", n.Kind)
	case !unitForm.MatchString(n.Unit):
		return fmt.Errorf("a %s notice names no unit's id", n.Kind)
	case n.At.IsZero():
		return fmt.Errorf("a %s notice has no time", n.Kind)
	}
	return nil
}

// Key is the same for two notices exactly when they are one. Times count by
// the microsecond, as PostgreSQL keeps them.
func (n Notice) Key() string {
	return fmt.Sprintf("%s %s %d", n.Kind, n.ID, n.At.UnixMicro())
}

// messages is the name space of message ids: a random UUID that names nothing else.
var messages = uuid.MustParse("3a2e9f3c-7d0c-4b6e-9d53-5c1f0c9f5a47")

// MessageID names the notice towards receivers: the same at every try, so that
// they can drop repetitions. It follows from the notice alone, so that it is the
// same even if the queue was emptied meanwhile.
func (n Notice) MessageID() string {
	return uuid.NewSHA1(messages, []byte(n.Key())).String()
}

// A Failure is why a notice could not be handed over: a code of ours and at most
// a number. What the other side answered is neither kept nor logged, since it may
// repeat what it likes.
type Failure struct {
	Code   string // such as "unreachable"
	Status int    // HTTP or SMTP; 0 when there is none
}

func (f *Failure) Error() string {
	if f.Status == 0 {
		return f.Code
	}
	return fmt.Sprintf("%s %d", f.Code, f.Status)
}
