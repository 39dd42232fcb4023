package policy

// The codes that people choose from where free text has no place. The rules
// hold the same lists; a test keeps them equal.

// The answers to a request, to a broken glass and to a request for erasure.
const (
	VerdictApprove = "approve"
	VerdictDeny    = "deny"

	VerdictConfirmed = "confirmed"
	VerdictAbusive   = "abusive"

	VerdictGranted = "granted"
	VerdictRefused = "refused"
)

// The outcomes of telling the minor. Told and refused are the end of it.
const (
	Told        = "told"
	TellRefused = "refused" // the minor does not want to know
	TellUnsafe  = "unsafe"
	TellLater   = "later"
)

// The scopes of a reading of the evidence.
const (
	ScopeMessages    = "messages"
	ScopeRequisition = "requisition" // what was ordered, no message
)

// Why something is destroyed.
const (
	DestroyErasure   = "erasure"   // the minor asked, a privacy officer granted
	DestroyRetention = "retention" // its time is over
)

// The closed lists, sorted.
var (
	Tellings           = []string{TellLater, TellRefused, Told, TellUnsafe}
	DestructionReasons = []string{DestroyErasure, DestroyRetention}

	// RevocationReasons are why a supervisor ends what was granted.
	RevocationReasons = []string{"danger_over", "granted_in_error", "minor_objects", "misuse"}
	// UnsafeReasons are why the minor cannot be told yet.
	UnsafeReasons = []string{
		"magistrate_forbids", "not_reachable", "perpetrator_reads", "risk_of_suicide", "risk_of_violence",
	}
	// ErasureRefusalReasons are why a privacy officer refuses an erasure.
	ErasureRefusalReasons = []string{"danger_persists", "legal_hold", "proceedings_under_way"}
	// HoldReasons are why a case is kept from being destroyed.
	HoldReasons = []string{"complaint", "internal_control", "proceedings", "requisition"}
	// NamingReasons are why an inspector is told who somebody of staff is.
	NamingReasons = []string{"collusion", "complaint", "misuse", "proceedings"}
	// Authorities are the magistrates who can order an identity to be opened; the
	// bundle's numbers may list fewer.
	Authorities = []string{"childrens_judge", "investigating_judge", "liberties_judge", "prosecutor"}
	// ListedCases are those for which the law lets connection data be ordered (code
	// de procédure pénale, article 60-1-2); the bundle's numbers may list fewer.
	ListedCases = []string{
		"cold_case", "missing_person", "one_year_by_network", "three_years", "victims_equipment",
	}
)
