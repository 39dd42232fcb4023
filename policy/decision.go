package policy

// A Decision is what policy answered, and the exact bytes that replay it.
type Decision struct {
	Allow       bool
	Reasons     []string // why not: codes of [Reasons], sorted; empty when allowed
	Obligations Obligations

	Point  Point  // the path of the leaf's decision
	Policy string // revision of the bundle, "sha256:" + hex of its exact bytes
	Engine string // [Engine]
	Input  []byte // JSON that was evaluated: what the leaf commits to as "input"
	Result []byte // JSON that came out: what the leaf commits to as "result"
}

// Obligations are what an allowed decision demands. Numbers come from the
// bundle's data.
type Obligations struct {
	Approvals     []ApprovalNeeded `json:"approvals,omitempty"`
	AnswerWithinS int64            `json:"answer_within_s,omitempty"` // then the request expires
	RemindAfterS  int64            `json:"remind_after_s,omitempty"`
	WidenAfterS   int64            `json:"widen_after_s,omitempty"` // then every supervisor is asked
	UseWithinS    int64            `json:"use_within_s,omitempty"`  // after approval
	ReadForS      int64            `json:"read_for_s,omitempty"`    // after the first opening
	Uses          int64            `json:"uses,omitempty"`          // reading windows
	Facets        []string         `json:"facets,omitempty"`        // that may be granted, or released

	BreakGlassAfterS int64    `json:"break_glass_after_s,omitempty"` // from the request; 0: the glass may never be broken
	ReviewWithinS    int64    `json:"review_within_s,omitempty"`     // after the glass was broken
	TellWithinS      int64    `json:"tell_within_s,omitempty"`       // after the first opening
	UnsafeAgainS     int64    `json:"unsafe_again_s,omitempty"`      // after telling was unsafe
	Tellable         []string `json:"tellable,omitempty"`            // escalations whose openings the minor may be told of
	Scope            string   `json:"scope,omitempty"`               // of a reading: [ScopeMessages] or [ScopeRequisition]
}

// An ApprovalNeeded is so many approvals by that role.
type ApprovalNeeded struct {
	Role  string `json:"role"`
	Count int64  `json:"count"`
}
