package audit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// MaxLeaf is the longest leaf in bytes, the final newline of an export's line
// not counted.
const MaxLeaf = 65535

// MaxInt bounds every integer of a leaf: |x| < MaxInt. Above it, readers that
// keep numbers as IEEE doubles (JavaScript, jq) would silently read another
// value than the one that was hashed.
const MaxInt = int64(1) << 53

// Version is the `v` of the entries that this package writes and fully reads.
const Version = 1

// A Hash is a SHA-256 value: a leaf's hash, or the origin's for the entry
// before the first.
type Hash [sha256.Size]byte

// String returns h in padded standard base64, as it stands in `prev`.
func (h Hash) String() string { return base64.StdEncoding.EncodeToString(h[:]) }

// ParseHash reads what [Hash.String] writes, and nothing else.
func ParseHash(s string) (Hash, error) {
	if !isHash([]byte(s)) {
		return Hash{}, fmt.Errorf("hash %.60q is not 32 bytes in padded base64", s)
	}
	return decodeHash([]byte(s)), nil
}

// LeafHash is RFC 6962's: SHA-256(0x00 ‖ leaf). The prefix keeps a leaf from
// being passed off as an inner node of the Merkle tree over the same leaves.
func LeafHash(leaf []byte) Hash {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(leaf)
	var sum Hash
	h.Sum(sum[:0])
	return sum
}

// Genesis is the `prev` of entry 0: it binds a log to its origin, so that the
// entries of one log cannot continue another.
func Genesis(origin string) Hash {
	return sha256.Sum256([]byte("sceau.log/v1\n" + origin + "\n"))
}

// Commit hides value behind salt: base64(HMAC-SHA-256(salt,
// "sceau.commitment/v1\n" ‖ field ‖ "\n" ‖ case ‖ "\n" ‖ value)). The salt is 32
// random bytes; without it, a value of few possibilities cannot be guessed from
// the commitment. caseID is the leaf's case, empty when it has none.
func Commit(salt []byte, field, caseID string, value []byte) string {
	m := hmac.New(sha256.New, salt)
	m.Write([]byte("sceau.commitment/v1\n" + field + "\n" + caseID + "\n"))
	m.Write(value)
	return base64.StdEncoding.EncodeToString(m.Sum(nil))
}

// SaltSize is the length in bytes of a commitment's salt.
const SaltSize = 32

// An Entry is one line of the audit log, decoded. Its identity is its leaf, the
// exact bytes that were hashed: an Entry is for reading them, and for writing
// them once.
type Entry struct {
	V           int         // Version
	Seq         int64       // 0, 1, 2, …
	At          time.Time   // UTC, whole microseconds; never before the previous entry's
	Prev        Hash        // hash of entry Seq-1, or Genesis(origin)
	Via         Via         // the process that wrote it; PostgreSQL enforces it
	Actor       Actor       // who acted; ID is required
	Action      Action      // what was done, dotted, past tense
	Case        string      // lower-case UUID, or empty
	Subject     Subject     // what it was done to
	Ground      string      // the legal ground, of escalations and releases
	Decision    *Decision   // what policy said, when it was asked
	Details     Details     // coded facts, never free text
	Commitments Commitments // what the leaf must not hold in clear
}

// A Via names the database role that wrote an entry.
type Via string

// The writers.
const (
	ViaPublic    Via = "public"
	ViaStaff     Via = "staff"
	ViaCustodian Via = "custodian"
	ViaPublisher Via = "publisher"
	ViaOperator  Via = "operator"
)

// An Actor is who acted, in random ids: names live in an erasable table.
type Actor struct {
	ID      string // account, or minor, custodian, operator
	Person  string // one human behind one or more accounts
	Role    string
	Unit    string
	Session string
}

// A Subject is what the action was done to, when the case does not say it.
type Subject struct {
	Type string
	ID   string
}

// A Decision is what policy answered, with all that is needed to ask it again.
type Decision struct {
	ID     string
	Path   string // decision point, for example identity.release
	Policy string // "sha256:" + hex of the exact bundle
	Engine string
	Input  string // commitment (field "input") to the exact input
	Result string // ResultAllow or ResultRefuse
}

// The results of a decision.
const (
	ResultAllow  = "allow"
	ResultRefuse = "refuse"
)

// Details are flat facts: each value is a string, a bool or an int64 with
// |x| < MaxInt. Keys are lower-case ASCII words.
type Details map[string]any

// Commitments map a field's name to what [Commit] returned for it.
type Commitments map[string]string

// An Action says what was done.
type Action string

// The actions of version 1. The verifier checks the chain through actions it
// does not know, and answers "unknown" to the rules about them.
const (
	ActionConversationOpened     Action = "conversation.opened"
	ActionConversationJoined     Action = "conversation.joined"
	ActionConversationRead       Action = "conversation.read"
	ActionConversationHandedOver Action = "conversation.handed_over"
	ActionConversationClosed     Action = "conversation.closed"

	ActionPsychologistAsked Action = "psychologist.asked" // into a conversation, by its agent

	ActionConsentGiven     Action = "consent.given"
	ActionConsentWithdrawn Action = "consent.withdrawn"

	ActionIdentitySealed         Action = "identity.sealed"
	ActionIdentityReleaseOrdered Action = "identity.release_ordered" // the intent, before the key leaves Vault
	ActionIdentityReleased       Action = "identity.released"        // its outcome
	ActionIdentityReleaseFailed  Action = "identity.release_failed"  // or this one
	ActionIdentityViewed         Action = "identity.viewed"
	ActionIdentityPrinted        Action = "identity.printed"

	ActionEscalationRequested           Action = "escalation.requested"
	ActionEscalationRefused             Action = "escalation.refused"
	ActionEscalationWidened             Action = "escalation.widened"
	ActionEscalationApprovalGiven       Action = "escalation.approval_given"
	ActionEscalationApproved            Action = "escalation.approved"
	ActionEscalationDenied              Action = "escalation.denied"
	ActionEscalationWithdrawn           Action = "escalation.withdrawn"
	ActionEscalationExpired             Action = "escalation.expired"
	ActionEscalationRevoked             Action = "escalation.revoked"
	ActionEscalationBreakGlassConfirmed Action = "escalation.break_glass_confirmed"
	ActionEscalationGlassBroken         Action = "escalation.glass_broken"
	ActionEscalationReviewed            Action = "escalation.reviewed"
	ActionEscalationClosed              Action = "escalation.closed"

	ActionEvidenceRead     Action = "evidence.read"
	ActionPhraseIssued     Action = "phrase.issued"   // a recovery phrase, which replaces the one before
	ActionPhraseReturned   Action = "phrase.returned" // somebody came back with it, and got a token
	ActionMinorTold        Action = "minor.told"
	ActionReceiptGiven     Action = "receipt.given" // the minor asked who opened their identity
	ActionOpinionRecorded  Action = "opinion.recorded"
	ActionHoldSet          Action = "hold.set"
	ActionHoldLifted       Action = "hold.lifted"
	ActionErasureRequested Action = "erasure.requested"
	ActionErasureDecided   Action = "erasure.decided"
	ActionKeyCreated       Action = "key.created"
	ActionKeyDestroyed     Action = "key.destroyed"
	ActionOpeningsErased   Action = "openings.erased" // of a case: its decisions cannot be replayed any more
	ActionPolicyActivated  Action = "policy.activated"
	ActionStaffSignedIn    Action = "staff.signed_in"
	ActionStaffSignedOut   Action = "staff.signed_out"
	ActionStaffSuspended   Action = "staff.suspended" // a person, under all their accounts
	ActionStaffRestored    Action = "staff.restored"
	ActionLogRead          Action = "log.read"
	ActionLogExported      Action = "log.exported"
	ActionLogPruned        Action = "log.pruned"
	ActionLogContinued     Action = "log.continued"
	ActionClockStepped     Action = "clock.stepped"
)

const timeLayout = "2006-01-02T15:04:05.000000Z"

// FormatTime writes t as leaves do: UTC, always six digits. What lies below the
// microsecond is cut.
func FormatTime(t time.Time) string { return t.UTC().Format(timeLayout) }

// ParseTime reads what [FormatTime] writes, and nothing else.
func ParseTime(s string) (time.Time, error) {
	if !isTime([]byte(s)) {
		return time.Time{}, fmt.Errorf("time %.40q is not like %s", s, timeLayout)
	}
	t, err := time.Parse(timeLayout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %.40q is not like %s", s, timeLayout)
	}
	return t, nil
}
