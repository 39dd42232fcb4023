package policy

// MinorTell asks whether the outcome of telling the minor may be recorded.
type MinorTell struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Escalation   Escalation   `json:"escalation"`
	TellBy       Time         `json:"tell_by"`     // when the minor must be told; none when nothing is due
	Outcome      string       `json:"outcome"`     // one of [Tellings]
	Reason       string       `json:"reason"`      // with "unsafe": one of [UnsafeReasons]
	Until        Time         `json:"until"`       // with "later"
	LaterForS    int64        `json:"later_for_s"` // whole seconds from at to until, rounded up; 0 without
}

// MinorReceipt asks which openings the minor who asks may be told of:
// obligations.tellable lists the ids of their escalations.
type MinorReceipt struct {
	At          Time         `json:"at"`
	Case        string       `json:"case"`
	Escalations []Escalation `json:"escalations"` // all of the case
}

// ErasureDecide asks whether a privacy officer may give this answer to the
// minor's request for erasure.
type ErasureDecide struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Verdict      string       `json:"verdict"` // "granted" or "refused"
	Reason       string       `json:"reason"`  // with "refused": one of [ErasureRefusalReasons]
	Erasure      Erasure      `json:"erasure"`
	Holds        []Hold       `json:"holds"`       // all of the case
	Escalations  []Escalation `json:"escalations"` // all of the case
}

// A HoldChange is what [HoldSet] and [HoldLift] ask about.
type HoldChange struct {
	At           Time         `json:"at"`
	Actor        Actor        `json:"actor"`
	Case         string       `json:"case"`
	Conversation Conversation `json:"conversation"`
	Reason       string       `json:"reason"`      // one of [HoldReasons]: why it is set, or what has ended
	Holds        []Hold       `json:"holds"`       // all of the case
	Escalations  []Escalation `json:"escalations"` // all of the case
	Hold         string       `json:"hold"`        // id of the one that is set or lifted
}

// HoldSet asks whether a privacy officer may set a hold.
type HoldSet HoldChange

// HoldLift asks whether a privacy officer may lift a hold. It is a type of its
// own, not a HoldSet that names a hold: a forgotten id must not turn one
// question into another.
type HoldLift HoldChange

// KeyDestroy asks whether a case key may be destroyed.
type KeyDestroy struct {
	At           Time         `json:"at"`
	Case         string       `json:"case"`
	Class        string       `json:"class"`  // "transcript" or "identity"
	Reason       string       `json:"reason"` // one of [DestructionReasons]
	Conversation Conversation `json:"conversation"`
	Erasures     []Erasure    `json:"erasures"`    // all of the case
	Holds        []Hold       `json:"holds"`       // all of the case
	Escalations  []Escalation `json:"escalations"` // all of the case
	Destroyed    bool         `json:"destroyed"`   // this key is destroyed already
}

// OpeningsErase asks whether what opens the commitments of a case may be erased.
type OpeningsErase struct {
	At           Time         `json:"at"`
	Case         string       `json:"case"`
	Reason       string       `json:"reason"` // one of [DestructionReasons]
	Conversation Conversation `json:"conversation"`
	Erasures     []Erasure    `json:"erasures"`    // all of the case
	Holds        []Hold       `json:"holds"`       // all of the case
	Escalations  []Escalation `json:"escalations"` // all of the case
	Destroyed    bool         `json:"destroyed"`   // both keys of the case are destroyed
}

// LogRead asks whether the log, or a register drawn from it, may be searched.
type LogRead struct {
	At     Time   `json:"at"`
	Actor  Actor  `json:"actor"`
	View   string `json:"view"`   // one of the views
	Reason string `json:"reason"` // with [ViewNames]: one of [NamingReasons]
}

// The views of the log.
const (
	ViewLog      = "log"      // every entry, and its exports
	ViewReviews  = "reviews"  // of glass that was broken
	ViewErasures = "erasures" // what minors asked to be erased
	ViewHolds    = "holds"
	ViewDue      = "due"     // what is to be destroyed, and when
	ViewFigures  = "figures" // counts and times, of people under pseudonyms
	ViewNames    = "names"   // whom a pseudonym or an id of staff stands for
)

// Point implements [Input].
func (MinorTell) Point() Point { return PointMinorTell }

// Point implements [Input].
func (MinorReceipt) Point() Point { return PointMinorReceipt }

// Point implements [Input].
func (ErasureDecide) Point() Point { return PointErasureDecide }

// Point implements [Input].
func (HoldSet) Point() Point { return PointHoldSet }

// Point implements [Input].
func (HoldLift) Point() Point { return PointHoldLift }

// Point implements [Input].
func (KeyDestroy) Point() Point { return PointKeyDestroy }

// Point implements [Input].
func (OpeningsErase) Point() Point { return PointOpeningsErase }

// Point implements [Input].
func (LogRead) Point() Point { return PointLogRead }
