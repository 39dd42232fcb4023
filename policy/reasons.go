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
	ReasonApproverTookPart    = "approver.took_part"        // has joined the conversation; of erasures and holds: or had a part in an escalation
	ReasonApproverAnswered    = "approver.already_answered" // the same person does not count twice
	ReasonApprovalsMissing    = "approvals.missing"         // fewer than policy asks for, or in conflict

	ReasonNobodyOnDuty   = "approver.nobody_on_duty" // of a role that policy wants there before anybody asks
	ReasonStaffSuspended = "staff.suspended"

	ReasonConsentMissing     = "consent.missing"
	ReasonConsentWithdrawn   = "consent.withdrawn"
	ReasonConsentOtherFacets = "consent.other_facets" // it names fewer

	ReasonRequisitionIncomplete    = "requisition.incomplete" // no authority that may order it, or no reference
	ReasonRequisitionOtherFacets   = "requisition.facets_not_ordered"
	ReasonRequisitionCaseNotListed = "requisition.case_not_listed" // the law lets no connection be ordered in it

	ReasonGlassNotBreakable     = "glass.not_breakable" // not on this ground, or without haste
	ReasonGlassTooEarly         = "glass.too_early"     // a supervisor may still answer
	ReasonGlassNotConfirmed     = "glass.not_confirmed" // by a second agent
	ReasonConfirmerSamePerson   = "confirmer.same_person"
	ReasonConfirmerAnswered     = "confirmer.already_confirmed"
	ReasonReviewNotDue          = "review.not_due"
	ReasonReviewDone            = "review.already_done"
	ReasonReviewerTookPart      = "reviewer.took_part" // in the conversation, the request or its answers
	ReasonRevocationNotCoded    = "revocation.not_coded"
	ReasonTellingNotDue         = "telling.not_due" // nothing was opened
	ReasonTellingNotCoded       = "telling.not_coded"
	ReasonErasureNotPending     = "erasure.not_pending"
	ReasonErasureNotCoded       = "erasure.not_coded"
	ReasonErasureEscalationOpen = "erasure.escalation_open" // or its review is due
	ReasonHoldSet               = "hold.set"                // a hold stops it
	ReasonHoldNotCoded          = "hold.not_coded"
	ReasonHoldUnknown           = "hold.unknown" // no such hold, or it was lifted
	ReasonRetentionTooEarly     = "retention.too_early"
	ReasonNamingNotCoded        = "naming.not_coded" // no reason to be told a name, or not one of the codes

	ReasonGrantExpired      = "grant.expired"       // not used in time
	ReasonGrantWindowOver   = "grant.window_over"   // was opened; its reading window has ended
	ReasonGrantBeyondPolicy = "grant.beyond_policy" // longer, or more uses, than policy gives now
)

// Reasons lists every code, sorted.
var Reasons = []string{
	ReasonApprovalsMissing,
	ReasonApproverAnswered, ReasonApproverIsRequester, ReasonNobodyOnDuty, ReasonApproverSamePerson,
	ReasonApproverTookPart,
	ReasonClockTrails,
	ReasonConfirmerAnswered, ReasonConfirmerSamePerson,
	ReasonConsentMissing, ReasonConsentOtherFacets, ReasonConsentWithdrawn,
	ReasonConversationClosed, ReasonConversationErased, ReasonNotParticipant,
	ReasonDangerNotCoded, ReasonDangerNotShown,
	ReasonDenialNotCoded,
	ReasonErasureEscalationOpen, ReasonErasureNotCoded, ReasonErasureNotPending,
	ReasonAlreadyPending, ReasonNotRequester, ReasonRequestChanged, ReasonTooLate, ReasonWrongState,
	ReasonEvidenceMissing, ReasonEvidenceNotRead, ReasonEvidenceTooMuch, ReasonEvidenceUnknown,
	ReasonFacetsMissing, ReasonFacetsNotAsked, ReasonFacetsNotGranted, ReasonFacetsUnknown,
	ReasonGlassNotBreakable, ReasonGlassNotConfirmed, ReasonGlassTooEarly,
	ReasonGrantBeyondPolicy, ReasonGrantExpired, ReasonGrantWindowOver,
	ReasonGroundNotAvailable, ReasonGroundUnknown,
	ReasonHoldNotCoded, ReasonHoldSet, ReasonHoldUnknown,
	ReasonNamingNotCoded,
	ReasonPersonMissing,
	ReasonPolicyFailed,
	ReasonRequisitionCaseNotListed, ReasonRequisitionOtherFacets, ReasonRequisitionIncomplete,
	ReasonRetentionTooEarly,
	ReasonReviewDone, ReasonReviewNotDue,
	ReasonReviewerTookPart,
	ReasonRevocationNotCoded,
	ReasonRoleNotAllowed,
	ReasonStaffSuspended,
	ReasonTellingNotCoded, ReasonTellingNotDue,
	ReasonVerdictUnknown,
}
