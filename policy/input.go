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
	PointConversationRead     Point = "conversation.read"
	PointEscalationRequest    Point = "escalation.request"
	PointEscalationApprove    Point = "escalation.approve"
	PointEscalationRevoke     Point = "escalation.revoke"
	PointEscalationConfirm    Point = "escalation.confirm"
	PointEscalationBreakGlass Point = "escalation.break_glass"
	PointEscalationReview     Point = "escalation.review"
	PointEvidenceRead         Point = "evidence.read"
	PointIdentityRelease      Point = "identity.release"
	PointMinorTell            Point = "minor.tell"
	PointMinorReceipt         Point = "minor.receipt"
	PointErasureDecide        Point = "erasure.decide"
	PointHoldSet              Point = "hold.set"
	PointHoldLift             Point = "hold.lift"
	PointKeyDestroy           Point = "key.destroy"
	PointOpeningsErase        Point = "openings.erase"
	PointLogRead              Point = "log.read"
)

// Points lists every decision point.
var Points = []Point{
	PointConversationRead,
	PointEscalationRequest, PointEscalationApprove, PointEscalationRevoke,
	PointEscalationConfirm, PointEscalationBreakGlass, PointEscalationReview,
	PointEvidenceRead, PointIdentityRelease,
	PointMinorTell, PointMinorReceipt,
	PointErasureDecide, PointHoldSet, PointHoldLift, PointKeyDestroy, PointOpeningsErase,
	PointLogRead,
}

// An Input is one of the structs of questions.go and rights.go: all that a decision may depend on, the
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
