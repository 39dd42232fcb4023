package policy

// ConversationRead asks whether a member of staff may start, or go on with, a
// reading session.
type ConversationRead struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
}

// EscalationRequest asks whether an escalation may be requested.
type EscalationRequest struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Ground       string       `json:"ground"`
	Assessment   Assessment   `json:"assessment"`
	Facets       []string     `json:"facets"`
	Evidence     []int64      `json:"evidence"`    // positions of messages, from 1: position 0 is the postal code
	Messages     int64        `json:"messages"`    // how many the conversation has: positions lie below
	Pending      []Pending    `json:"pending"`     // requests of this case that wait for an answer
	Consent      Consent      `json:"consent"`     // on ground consent: the one it rests on
	Requisition  Requisition  `json:"requisition"` // on ground judicial_requisition
	OnDuty       []OnDuty     `json:"on_duty"`     // a role that is not listed has nobody
}

// A Pending is a request that nobody has answered yet.
type Pending struct {
	ID        string `json:"id"`
	Requester Actor  `json:"requester"`
}

// EscalationApprove asks whether a supervisor, or on a requisition a privacy
// officer, may give this answer.
type EscalationApprove struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Verdict      string       `json:"verdict"` // "approve" or "deny"
	Request      string       `json:"request"` // leaf hash of the request that the actor saw
	Facets       []string     `json:"facets"`  // to grant; empty when denying
	Escalation   Escalation   `json:"escalation"`
	Session      string       `json:"session"` // of the actor
	Reads        []Reading    `json:"reads"`   // of the evidence of this request, by anybody, in order
}

// EscalationRevoke asks whether a supervisor may end an escalation that was
// granted, opened or not.
type EscalationRevoke struct {
	At         Time       `json:"at"`
	Actor      Actor      `json:"actor"`
	Case       string     `json:"case"`
	Escalation Escalation `json:"escalation"`
	Reason     string     `json:"reason"` // one of [RevocationReasons]
}

// EscalationConfirm asks whether a second agent may confirm that the glass must
// be broken.
type EscalationConfirm struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
	Request      string       `json:"request"` // leaf hash of the request that the actor saw
	Session      string       `json:"session"` // of the actor
	ClockTrails  bool         `json:"clock_trails"`
}

// EscalationBreakGlass asks whether the requester may break the glass now: have
// what was asked without an approval, and be reviewed.
type EscalationBreakGlass struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
	Request      string       `json:"request"` // leaf hash of the request
	ClockTrails  bool         `json:"clock_trails"`
}

// EscalationReview asks whether a supervisor may say whether the glass was
// rightly broken.
type EscalationReview struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
	Verdict      string       `json:"verdict"` // "confirmed" or "abusive"
	Request      string       `json:"request"` // leaf hash of the request that the actor saw
	Session      string       `json:"session"` // of the actor
	Reads        []Reading    `json:"reads"`   // of the evidence of this request, by anybody, in order
}

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

// EvidenceRead asks whether the evidence of an escalation may be read: by a
// supervisor its messages, by a privacy officer what the magistrate ordered.
type EvidenceRead struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
}

// Point implements [Input].
func (ConversationRead) Point() Point { return PointConversationRead }

// Point implements [Input].
func (EscalationRequest) Point() Point { return PointEscalationRequest }

// Point implements [Input].
func (EscalationApprove) Point() Point { return PointEscalationApprove }

// Point implements [Input].
func (EscalationRevoke) Point() Point { return PointEscalationRevoke }

// Point implements [Input].
func (EscalationConfirm) Point() Point { return PointEscalationConfirm }

// Point implements [Input].
func (EscalationBreakGlass) Point() Point { return PointEscalationBreakGlass }

// Point implements [Input].
func (EscalationReview) Point() Point { return PointEscalationReview }

// Point implements [Input].
func (IdentityRelease) Point() Point { return PointIdentityRelease }

// Point implements [Input].
func (EvidenceRead) Point() Point { return PointEvidenceRead }
