package policy

import (
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
)

// A Point is a place where the service asks policy. It is also the path in a
// leaf's decision: point "identity.release" is answered by the rule `decision`
// of package sceau.identity.release.
type Point string

// The decision points.
const (
	PointConversationRead  Point = "conversation.read"
	PointEscalationRequest Point = "escalation.request"
	PointEscalationApprove Point = "escalation.approve"
	PointIdentityRelease   Point = "identity.release"
	PointEvidenceRead      Point = "evidence.read"
	PointLogRead           Point = "log.read"
)

// Points lists every decision point.
var Points = []Point{
	PointConversationRead, PointEscalationRequest, PointEscalationApprove,
	PointIdentityRelease, PointEvidenceRead, PointLogRead,
}

// An Input is one of the structs below: all that a decision may depend on, the
// time included. They hold facts, not conclusions ("who took part", not "is
// free of conflict"), so that whoever replays a decision can judge it. Its JSON,
// as encoding/json writes it, is what is committed to and replayed.
type Input interface {
	Point() Point
	value() ast.Value // what reading its JSON gives
}

// A Time is an instant as leaves write it, or "" for none. Its fixed width lets
// rules compare times as strings, and "" lies before every time: a deadline
// that is missing has passed.
type Time string

// At writes t as leaves do: UTC, six digits; the zero time is "".
func At(t time.Time) Time {
	if t.IsZero() {
		return ""
	}
	return Time(t.UTC().Format("2006-01-02T15:04:05.000000Z"))
}

// An Actor is a member of staff, in random ids.
type Actor struct {
	ID     string `json:"id"`     // the account
	Person string `json:"person"` // the human behind it: accounts of one human share it
	Role   string `json:"role"`   // the one role of the session
}

// The roles that rules know.
const (
	RoleAgent          = "agent"
	RolePsychologist   = "psychologist"
	RoleSupervisor     = "supervisor"
	RoleInspector      = "inspector"
	RolePrivacyOfficer = "privacy_officer"
)

// StaffRoles lists every role that a member of staff can have. It is the only
// list: configurations, tokens and PostgreSQL's CHECKs are held to it.
var StaffRoles = []string{RoleAgent, RolePsychologist, RoleSupervisor, RoleInspector, RolePrivacyOfficer}

// A Participant has joined the conversation at some time.
type Participant struct {
	ID     string `json:"id"`
	Person string `json:"person"`
	Role   string `json:"role"`
	Active bool   `json:"active"` // has not handed the conversation over; closing it changes nothing here
}

// A Conversation is what the log says of one.
type Conversation struct {
	State        string        `json:"state"`        // "open", "closed" or "erased"
	ClosedForS   int64         `json:"closed_for_s"` // whole seconds since it was closed, 0 while open
	Participants []Participant `json:"participants"` // everyone who ever joined, in order
}

// The states of a conversation, as rules see them.
const (
	ConversationOpen   = "open"
	ConversationClosed = "closed"
	ConversationErased = "erased"
)

// An Assessment is the coded danger assessment: no free text, so that policy can
// read it and an inspector may see it.
type Assessment struct {
	Immediacy           string `json:"immediacy"`            // now, hours, days, unclear
	Violence            string `json:"violence"`             // none, threat, ongoing, weapon
	Suicide             string `json:"suicide"`              // none, ideation, plan, attempt_under_way
	PerpetratorPresent  string `json:"perpetrator_present"`  // yes, no, unknown
	Captive             string `json:"captive"`              // yes, no, unknown
	AgeBand             string `json:"age_band"`             // under_10, 10_12, 13_15, 16_17, unknown
	Alone               string `json:"alone"`                // yes, no, unknown
	LocationKnown       string `json:"location_known"`       // yes, no, unknown
	PsychologistOpinion string `json:"psychologist_opinion"` // none, danger, no_danger
}

// An ApprovalGiven is one approval of an escalation.
type ApprovalGiven struct {
	Actor  Actor    `json:"actor"`
	Facets []string `json:"facets"`
	At     Time     `json:"at"`
}

// An Escalation is an escalation as the entries of its case tell it.
type Escalation struct {
	ID            string           `json:"id"`
	State         string           `json:"state"`
	Ground        string           `json:"ground"`
	Request       string           `json:"request"` // leaf hash of escalation.requested, padded base64
	RequestedAt   Time             `json:"requested_at"`
	Requester     Actor            `json:"requester"`
	Asked         []string         `json:"asked"` // facets
	AnswerBy      Time             `json:"answer_by"`
	Approvals     []ApprovalGiven  `json:"approvals"`
	Needed        []ApprovalNeeded `json:"needed"`
	Granted       []string         `json:"granted"`         // facets, empty before approval
	AnswerWithinS int64            `json:"answer_within_s"` // from the request to answer_by
	UseWithinS    int64            `json:"use_within_s"`
	UseBy         Time             `json:"use_by"` // "" before approval
	ReadForS      int64            `json:"read_for_s"`
	ReadUntil     Time             `json:"read_until"` // end of the present reading window, "" before the first
	Uses          int64            `json:"uses"`       // used, those possibly used included
	UsesAllowed   int64            `json:"uses_allowed"`
}

// ConversationRead asks whether a member of staff may start, or go on with, a
// reading session.
type ConversationRead struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
}

// EscalationRequest asks whether a lift may be requested.
type EscalationRequest struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Ground       string       `json:"ground"`
	Assessment   Assessment   `json:"assessment"`
	Facets       []string     `json:"facets"`
	Evidence     []int64      `json:"evidence"` // positions of messages, from 1: position 0 is the postal code
	Messages     int64        `json:"messages"` // how many the conversation has: positions lie below
	Pending      []Pending    `json:"pending"`  // requests of this case that wait for an answer
}

// A Pending is a request that nobody has answered yet.
type Pending struct {
	ID        string `json:"id"`
	Requester Actor  `json:"requester"`
}

// EscalationApprove asks whether a supervisor may give this answer.
type EscalationApprove struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Verdict      string       `json:"verdict"` // "approve" or "deny"
	Request      string       `json:"request"` // leaf hash of the request that the supervisor saw
	Facets       []string     `json:"facets"`  // to grant; empty when denying
	Escalation   Escalation   `json:"escalation"`
	Session      string       `json:"session"` // of the actor
	Reads        []Reading    `json:"reads"`   // of the evidence of this request, by anybody, in order
}

// A Reading is one time that the custodian opened the evidence of a request for
// somebody, whose token it had verified itself.
type Reading struct {
	Actor   Actor  `json:"actor"`
	Session string `json:"session"`
	At      Time   `json:"at"`
}

// The verdicts of a supervisor.
const (
	VerdictApprove = "approve"
	VerdictDeny    = "deny"
)

// IdentityRelease asks whether the key of these facets may leave Vault now.
type IdentityRelease struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Facets       []string     `json:"facets"`
	ClockTrails  bool         `json:"clock_trails"` // the clock is behind the log: deadlines cannot be judged
	Escalation   Escalation   `json:"escalation"`
}

// EvidenceRead asks whether a supervisor may read the evidence of an escalation.
type EvidenceRead struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
}

// LogRead asks whether the log may be searched.
type LogRead struct {
	At    Time  `json:"at"`
	Actor Actor `json:"actor"`
}

// Point implements [Input].
func (ConversationRead) Point() Point { return PointConversationRead }

// Point implements [Input].
func (EscalationRequest) Point() Point { return PointEscalationRequest }

// Point implements [Input].
func (EscalationApprove) Point() Point { return PointEscalationApprove }

// Point implements [Input].
func (IdentityRelease) Point() Point { return PointIdentityRelease }

// Point implements [Input].
func (EvidenceRead) Point() Point { return PointEvidenceRead }

// Point implements [Input].
func (LogRead) Point() Point { return PointLogRead }
