package conversation

// A Refusal is an answer of this package that its caller can do something about.
// Its code is stable; faces have a sentence for each. It never repeats what was
// submitted.
type Refusal struct {
	Code string // area.snake_case
	text string
}

func (r *Refusal) Error() string { return r.text }

func refusal(code, text string) *Refusal {
	r := &Refusal{Code: code, text: text}
	Codes = append(Codes, code)
	return r
}

// Codes lists the code of every Refusal.
var Codes []string

// The refusals. ErrNotFound stands both for what does not exist and for what is
// not the caller's: the difference would tell that a child has written.
var (
	ErrNotFound          = refusal("conversation.not_found", "no such conversation")
	ErrClosed            = refusal("conversation.closed", "the conversation is closed")
	ErrTaken             = refusal("conversation.taken", "another agent is in the conversation")
	ErrAlreadyJoined     = refusal("conversation.already_joined", "already in the conversation")
	ErrNoAgentYet        = refusal("conversation.no_agent_yet", "no agent is in the conversation yet")
	ErrNotItsAgent       = refusal("conversation.not_its_agent", "only the agent of the conversation may do this")
	ErrRole              = refusal("role.not_allowed", "this role takes no part in conversations")
	ErrNoReadyKey        = refusal("conversation.no_ready_key", "no ready case key is left")
	ErrColleague         = refusal("colleague.not_available", "no such agent is signed in")
	ErrPostalCode        = refusal("postal_code.unknown", "no French postal code")
	ErrTopic             = refusal("topic.unknown", "no such topic")
	ErrMessageEmpty      = refusal("message.empty", "the message is empty")
	ErrMessageTooLong    = refusal("message.too_long", "the message is too long")
	ErrMessageNotText    = refusal("message.not_text", "the message is not plain text")
	ErrFacet             = refusal("facet.unknown", "no such facet can be entrusted")
	ErrFacetEmpty        = refusal("facet.empty", "nothing was entrusted")
	ErrFacetTooLong      = refusal("facet.too_long", "what was entrusted is too long")
	ErrFacetNotText      = refusal("facet.not_text", "what was entrusted is not plain text")
	ErrFacetTooMany      = refusal("facet.too_many", "this facet was entrusted too many times")
	ErrErased            = refusal("conversation.erased", "the keys of the conversation were destroyed")
	ErrConsent           = refusal("consent.not_found", "no such consent was given in this conversation")
	ErrConsentFacets     = refusal("consent.facets", "a consent names known facets, at least one, each once")
	ErrConsentTooMany    = refusal("consent.too_many", "the conversation has as many consents as it can hold")
	ErrWordsEmpty        = refusal("words.empty", "a consent is in the minor's own words")
	ErrWordsTooLong      = refusal("words.too_long", "the words are too long")
	ErrWordsNotText      = refusal("words.not_text", "the words are not plain text")
	ErrOpinion           = refusal("opinion.unknown", "an opinion is danger or no_danger")
	ErrErasureWaiting    = refusal("erasure.already_requested", "a request for erasure waits already")
	ErrErasureGranted    = refusal("erasure.already_granted", "an erasure was granted already")
	ErrPsychologistThere = refusal("psychologist.present", "a psychologist is in the conversation")
	ErrPsychologistAsked = refusal("psychologist.already_asked", "a psychologist was asked already")
	ErrTooManyMessages   = refusal("conversation.full", "the conversation has as many messages as it can hold")
)
