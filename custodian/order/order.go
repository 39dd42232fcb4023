// Package order is what the processes that face people say to the custodian,
// and what it answers: HTTP/JSON over a unix socket.
//
// An order names a case, an escalation or a reading session, and carries its
// caller's own token, which the custodian verifies itself. It never carries a
// header, a state or a permission: the custodian takes those from the log.
// The answer holds file keys of single age files, never a case key and never a
// plaintext; the facing process opens the ciphertexts it already has.
//
// Everything secret here has a type that prints as a placeholder, so that an
// order logged by mistake tells nothing.
package order

import "time"

const (
	// MaxBody bounds an order's body in bytes. A staff token is the largest
	// part of one, and issuers that list many groups write some kilobytes.
	MaxBody = 64 << 10

	// MaxAnswer bounds an answer's body in bytes.
	MaxAnswer = 1 << 20

	// MaxUnwrap is how many file keys one Unwrap may ask for.
	MaxUnwrap = 1000
)

// Caller is who gives the order: a staff member, by the bearer token of the
// session and the role it acts in, or a minor, by the conversation's token.
type Caller struct {
	StaffToken Secret `json:"staff_token,omitempty"`
	Role       string `json:"role,omitempty"`
	MinorToken Secret `json:"minor_token,omitempty"`
}

// OpenSession asks for a reading session of one case's transcript.
type OpenSession struct {
	Caller Caller `json:"caller"`
	Case   string `json:"case"`
}

// Session is an open reading session. Messages and Head are what the entry
// conversation.read recorded; messages that arrive later can be unwrapped in
// the same session. It ends at Expires at the latest, or earlier when idle.
type Session struct {
	Session  string    `json:"session"`
	Messages int       `json:"messages"`
	Head     string    `json:"head"`
	Expires  time.Time `json:"expires"`
}

// Unwrap asks for the file keys of the messages at positions From ≤ p < To.
// Positions that do not exist yet are left out of the answer.
type Unwrap struct {
	Caller Caller `json:"caller"`
	From   int    `json:"from"`
	To     int    `json:"to"`
}

// MessageKeys answers Unwrap, in order of position.
type MessageKeys struct {
	Keys []MessageKey `json:"keys"`
}

// MessageKey opens the message at Position, and only the ciphertext whose
// SHA-256 (raw, 32 bytes) is Sum: the one the custodian verified.
type MessageKey struct {
	Position int    `json:"position"`
	Sum      []byte `json:"sum"`
	Key      Key    `json:"key"`
}

// EndSession ends a reading session; the custodian forgets its key.
type EndSession struct {
	Caller Caller `json:"caller"`
}

// ReadEvidence asks for what a supervisor must see to decide on an escalation.
type ReadEvidence struct {
	Caller     Caller `json:"caller"`
	Escalation string `json:"escalation"`
}

// Evidence holds the keys of exactly the messages that the request cites, and
// of its narrative. Request is the leaf hash of escalation.requested (padded
// standard base64), to which an approval is bound.
type Evidence struct {
	Case      string       `json:"case"`
	Request   string       `json:"request"`
	Keys      []MessageKey `json:"keys"`
	Narrative Key          `json:"narrative"`
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
// nothing opens after ReadUntil without a new grant.
type Released struct {
	Case      string     `json:"case"`
	Intent    string     `json:"intent"`
	Seq       int64      `json:"seq"`
	ReadUntil time.Time  `json:"read_until"`
	Keys      []FacetKey `json:"keys"`
}

// FacetKey opens item Number of a facet: a minor may entrust a name twice, and
// the connection is sealed again at each return.
type FacetKey struct {
	Facet  string `json:"facet"`
	Number int    `json:"number"`
	Key    Key    `json:"key"`
}

// NewPhrase asks for a recovery phrase of the conversation whose minor calls.
// It replaces the phrase issued before.
type NewPhrase struct {
	Caller Caller `json:"caller"`
}

// Phrase is shown to the minor once and kept nowhere.
type Phrase struct {
	Phrase Secret `json:"phrase"`
}

// Return trades a recovery phrase for a new conversation token.
type Return struct {
	Phrase Secret `json:"phrase"`
}

// Returned is a fresh conversation token and the case that it opens.
type Returned struct {
	Token Secret `json:"token"`
	Case  string `json:"case"`
}

// Ready tells whether the custodian could carry out an order now; Down names
// what it waits for: postgres, vault, policy, issuer, head.
type Ready struct {
	Ready bool     `json:"ready"`
	Down  []string `json:"down,omitempty"`
}
