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

// Unwrap asks for the file keys of the messages at positions From ≤ p < To, of
// the words of these consents and of the notes of these opinions, by their ids.
// Positions and ids that the log does not know yet are left out of the answer. A
// minor asks for no note. At most [MaxUnwrap] keys in all.
type Unwrap struct {
	Caller   Caller   `json:"caller"`
	From     int      `json:"from"`
	To       int      `json:"to"`
	Consents []string `json:"consents,omitempty"`
	Opinions []string `json:"opinions,omitempty"`
}

// MessageKeys answers Unwrap: Keys in order of position, Words and Notes in the
// order of the log. Altered lists ids of consents and opinions whose stored bytes
// are missing or not what the log recorded: they have no key, and the others do.
type MessageKeys struct {
	Keys    []MessageKey `json:"keys"`
	Words   []SealedKey  `json:"words,omitempty"`
	Notes   []SealedKey  `json:"notes,omitempty"`
	Altered []string     `json:"altered,omitempty"`
}

// SealedKey opens the words of the consent, or the note of the opinion, with this id.
type SealedKey struct {
	ID  string `json:"id"`
	Key Key    `json:"key"`
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
// what it waits for: postgres, log, vault, policy, issuer, head, destruction. Progress is how
// far it came, when it is at work before it serves.
type Ready struct {
	Ready    bool      `json:"ready"`
	Down     []string  `json:"down,omitempty"`
	Progress *Progress `json:"progress,omitempty"`
}

// What is done before orders are served.
const (
	ProgressFollowing  = "following"  // the log's entries
	ProgressDestroying = "destroying" // again, the keys that the log says are destroyed: Vault may have been restored from a snapshot
)

// Progress of it.
type Progress struct {
	Doing string `json:"doing"`
	Done  int64  `json:"done"`
	Of    int64  `json:"of"`
}
