package order

import "time"

// ReadEvidence asks for what must be seen to answer an escalation, or to review it.
type ReadEvidence struct {
	Caller     Caller `json:"caller"`
	Escalation string `json:"escalation"`
}

// The scopes of a reading of the evidence.
const (
	ScopeMessages    = "messages"    // what the request cites, with keys
	ScopeRequisition = "requisition" // what a magistrate ordered: no message, no key
)

// Evidence holds the keys of exactly the messages that the request cites, and
// of its narrative; on ground consent those of the young person's words, and of the
// latest psychologist's note when there is one. Request is the leaf hash of
// escalation.requested (padded standard base64), to which an approval is bound. On
// scope requisition there are no keys at all: only the reading is recorded.
type Evidence struct {
	Case      string       `json:"case"`
	Request   string       `json:"request"`
	Scope     string       `json:"scope"`
	Keys      []MessageKey `json:"keys"`
	Narrative Key          `json:"narrative,omitempty"`
	Words     *SealedKey   `json:"words,omitempty"`
	Note      *SealedKey   `json:"note,omitempty"`
	Altered   []string     `json:"altered,omitempty"` // the note's opinion, when it cannot be opened as the log recorded it
}

// Confirm is a second agent's word that the glass must be broken. Request is the
// leaf hash of the escalation.requested that they saw (padded standard base64). It
// can be sent again: who has confirmed is told so (confirmer.already_confirmed).
type Confirm struct {
	Caller     Caller `json:"caller"`
	Escalation string `json:"escalation"`
	Request    string `json:"request"`
}

// Confirmed says when the log recorded the confirmation, as entry Seq.
type Confirmed struct {
	Escalation string    `json:"escalation"`
	At         time.Time `json:"at"`
	Seq        int64     `json:"seq"`
}

// Release asks for granted facets. An IdempotencyKey repeated with the same
// order is the same use of the grant; it is a new intent in the log all the same.
type Release struct {
	Caller         Caller   `json:"caller"`
	Escalation     string   `json:"escalation"`
	Facets         []string `json:"facets"`
	IdempotencyKey Secret   `json:"idempotency_key"`
}

// Released holds the keys of every sealed item of the granted facets. Intent
// is the leaf hash of identity.release_ordered (padded standard base64) and Seq its number;
// nothing opens after ReadUntil without a new grant. Altered lists the items that
// were sealed, by the log, and are missing or other bytes by now: say so to the
// reader, who would otherwise take what there is for everything.
type Released struct {
	Case      string      `json:"case"`
	Intent    string      `json:"intent"`
	Seq       int64       `json:"seq"`
	ReadUntil time.Time   `json:"read_until"`
	Keys      []FacetKey  `json:"keys"`
	Altered   []FacetItem `json:"altered,omitempty"`
}

// FacetKey opens item Number of a facet: a minor may entrust a name twice, and
// the connection is sealed again at each return.
type FacetKey struct {
	Facet  string `json:"facet"`
	Number int    `json:"number"`
	Key    Key    `json:"key"`
}

// FacetItem is one sealed item of a facet.
type FacetItem struct {
	Facet  string `json:"facet"`
	Number int    `json:"number"`
}

// AskReceipt is a minor's question: who opened my identity?
type AskReceipt struct {
	Caller Caller `json:"caller"`
}

// Receipt is what may be told by now. No opening that may be told and none at all
// are the same answer, byte for byte but for AsOf: openings is then an empty list.
type Receipt struct {
	AsOf     time.Time `json:"as_of"`
	Openings []Opening `json:"openings"`
}

// The ways to an opening.
const (
	OpenedApproved   = "approved"
	OpenedBreakGlass = "break_glass"
)

// ReviewDue is the state of an opening's review until it is done; then it is the
// verdict, one of package policy's. There is none after an approval.
const ReviewDue = "due"

// Opening is one time that the identity was opened, or may have been: the first
// under one escalation. Nobody is named.
type Opening struct {
	OpenedAt time.Time `json:"opened_at"`
	Ground   string    `json:"ground"`
	Facets   []string  `json:"facets"`
	How      string    `json:"how"`    // [OpenedApproved] or [OpenedBreakGlass]
	Review   string    `json:"review"` // "", or one of the states above
	Told     bool      `json:"told"`   // somebody has told the minor
}
