package policy

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
	QuietForS    int64         `json:"quiet_for_s"`  // whole seconds since anything was written or done in it; 0 where no rule asks
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

	WidenAt          Time           `json:"widen_at"`
	BreakGlassAfterS int64          `json:"break_glass_after_s"` // from the request to break_glass_from, 0 for never
	BreakGlassFrom   Time           `json:"break_glass_from"`    // "": the glass may never be broken
	Confirmations    []Confirmation `json:"confirmations"`
	BrokenAt         Time           `json:"broken_at"`       // when the glass was broken, "" otherwise
	ReviewBy         Time           `json:"review_by"`       // "" when nothing is to be reviewed
	ReviewWithinS    int64          `json:"review_within_s"` // from broken_at to review_by
	Review           string         `json:"review"`          // "", or the verdict: confirmed, abusive
	Answered         []Actor        `json:"answered"`        // who approved, denied or revoked, in order
	Consent          Consent        `json:"consent"`         // that it rests on; zero for another ground
	Authority        string         `json:"authority"`       // "" for another ground than judicial_requisition
	ListedCase       string         `json:"listed_case"`     // "" unless the connection is asked on a requisition
	OpenedAt         Time           `json:"opened_at"`       // first opening, a possible one included
	Tellings         []Telling      `json:"tellings"`        // of the minor, in order
}

// A Confirmation is a second agent's word that the glass must be broken.
type Confirmation struct {
	Actor Actor `json:"actor"`
	At    Time  `json:"at"`
}

// A Consent is what the minor agreed to, in their own words, in the conversation.
type Consent struct {
	ID          string   `json:"id"` // "": none
	Facets      []string `json:"facets"`
	GivenAt     Time     `json:"given_at"`
	WithdrawnAt Time     `json:"withdrawn_at"` // "" while it stands
}

// A Requisition is a magistrate's written order, as the agent reports it.
type Requisition struct {
	Authority      string   `json:"authority"`
	ListedCase     string   `json:"listed_case"`     // of those for which the law lets connection data be ordered, "" for none
	ReferenceGiven bool     `json:"reference_given"` // the reference itself is committed to, beside the input
	Facets         []string `json:"facets"`          // that the order names
}

// OnDuty counts the persons of a role who could answer now: on duty, neither the
// requester's person nor one who ever joined the conversation.
type OnDuty struct {
	Role    string `json:"role"`
	Persons int64  `json:"persons"`
}

// A Telling is one attempt to tell the minor that their identity was opened.
type Telling struct {
	Outcome string `json:"outcome"` // one of [Tellings]
	At      Time   `json:"at"`
	Until   Time   `json:"until"` // with "later"
}

// A Reading is one time that the custodian opened the evidence of a request for
// somebody, whose token it had verified itself. A privacy officer's opens no
// message: it shows what a magistrate ordered.
type Reading struct {
	Actor   Actor  `json:"actor"`
	Session string `json:"session"`
	At      Time   `json:"at"`
}

// A Hold keeps a case from being destroyed until it is lifted.
type Hold struct {
	ID       string `json:"id"`
	Reason   string `json:"reason"`
	SetAt    Time   `json:"set_at"`
	SetBy    Actor  `json:"set_by"`
	LiftedAt Time   `json:"lifted_at"` // "" while it stands
}

// An Erasure is the minor's request that everything be destroyed.
type Erasure struct {
	ID          string `json:"id"`
	RequestedAt Time   `json:"requested_at"`
	Decided     string `json:"decided"` // "", or the verdict: granted, refused
}
