package policy

// Stable codes of why something is refused: `area.snake_case`. Rules and the
// state machine of package escalation use the same words; faces hold a sentence
// in French and English for each.
const (
	ReasonRoleNotAllowed = "role.not_allowed" // this role never does this
	ReasonPersonMissing  = "person.missing"   // the human behind the account is not known
	ReasonDenialNotCoded = "denial.not_coded" // no reason, or not one of the codes
	ReasonVerdictUnknown = "verdict.unknown"  // neither approve nor deny
	ReasonClockTrails    = "clock.trails"     // the clock is behind the log
	ReasonPolicyFailed   = "policy.failed"    // no answer: undefined, failed or too slow

	ReasonNotParticipant     = "conversation.not_participant"
	ReasonConversationClosed = "conversation.closed"
	ReasonConversationErased = "conversation.erased"

	ReasonGroundUnknown      = "ground.unknown"
	ReasonGroundNotAvailable = "ground.not_available"
	ReasonDangerNotCoded     = "danger.not_coded" // an answer is missing or is not one of the codes
	ReasonDangerNotShown     = "danger.not_shown" // no answer says that danger is imminent
	ReasonEvidenceMissing    = "evidence.missing"
	ReasonEvidenceTooMuch    = "evidence.too_much"
	ReasonEvidenceUnknown    = "evidence.unknown"  // no such message
	ReasonEvidenceNotRead    = "evidence.not_read" // whoever answers has read it first, in the same session

	ReasonFacetsMissing    = "facets.missing"
	ReasonFacetsUnknown    = "facets.unknown"
	ReasonFacetsNotAsked   = "facets.not_asked"   // an approval grants at most what was asked
	ReasonFacetsNotGranted = "facets.not_granted" // a release opens at most what was granted

	ReasonAlreadyPending = "escalation.already_pending"
	ReasonWrongState     = "escalation.wrong_state"
	ReasonTooLate        = "escalation.too_late"        // the deadline to answer has passed
	ReasonRequestChanged = "escalation.request_changed" // the approval is of another request
	ReasonNotRequester   = "escalation.not_requester"

	ReasonApproverIsRequester = "approver.is_requester"
	ReasonApproverSamePerson  = "approver.same_person"      // as the requester, under another account
	ReasonApproverTookPart    = "approver.took_part"        // has joined the conversation
	ReasonApproverAnswered    = "approver.already_answered" // the same person does not count twice
	ReasonApprovalsMissing    = "approvals.missing"         // fewer than policy asks for, or in conflict

	ReasonGrantExpired      = "grant.expired"       // not used in time
	ReasonGrantWindowOver   = "grant.window_over"   // was opened; its reading window has ended
	ReasonGrantBeyondPolicy = "grant.beyond_policy" // longer, or more uses, than policy gives now
)

// Reasons lists every code, sorted.
var Reasons = []string{
	ReasonApprovalsMissing, ReasonApproverAnswered, ReasonApproverIsRequester, ReasonApproverSamePerson, ReasonApproverTookPart,
	ReasonClockTrails,
	ReasonConversationClosed, ReasonConversationErased, ReasonNotParticipant,
	ReasonDangerNotCoded, ReasonDangerNotShown,
	ReasonDenialNotCoded,
	ReasonAlreadyPending, ReasonNotRequester, ReasonRequestChanged, ReasonTooLate, ReasonWrongState,
	ReasonEvidenceMissing, ReasonEvidenceNotRead, ReasonEvidenceTooMuch, ReasonEvidenceUnknown,
	ReasonFacetsMissing, ReasonFacetsNotAsked, ReasonFacetsNotGranted, ReasonFacetsUnknown,
	ReasonGrantBeyondPolicy, ReasonGrantExpired, ReasonGrantWindowOver,
	ReasonGroundNotAvailable, ReasonGroundUnknown,
	ReasonPersonMissing,
	ReasonPolicyFailed,
	ReasonRoleNotAllowed,
	ReasonVerdictUnknown,
}
