package order

import (
	"errors"
	"fmt"
	"net/http"
)

// ErrDown means that the custodian could not be reached, or answered nothing
// that could be understood: whether the order was carried out is unknown.
// Repeating it is safe.
var ErrDown = errors.New("the custodian does not answer")

// Refusal is the custodian's answer to an order that it did not carry out.
// Code is stable; Reasons are policy's, when policy refused.
type Refusal struct {
	Status  int      `json:"-"`
	Code    string   `json:"code"`
	Reasons []string `json:"reasons,omitempty"`
}

func (r *Refusal) Error() string {
	return fmt.Sprintf("the custodian refused: %s (%d)", r.Code, r.Status)
}

// Codes of refusals, besides the reasons of policy.
const (
	CodeMalformed    = "order.malformed"        // not an order: syntax, unknown field, size, range
	CodeNotFound     = "order.not_found"        // no such route
	CodeTokenInvalid = "token.invalid"          // forged, foreign, without person, for another audience
	CodeTokenExpired = "token.expired"          // was good
	CodeRoleInvalid  = "role.invalid"           // not among the token's roles, or not this session's
	CodeConversation = "conversation.not_found" // does not exist, or is not the caller's
	CodeEscalation   = "escalation.not_found"   // does not exist, or is not the caller's
	CodeSession      = "reading.not_found"      // no such reading session, or not the caller's, or ended
	CodeAltered      = "content.altered"        // rows differ from what the log recorded
	CodeLogAltered   = "log.altered"            // the case's entries contradict each other
	CodeDestroyed    = "conversation.erased"    // the case key was destroyed
	CodeTooLate      = "intent.too_late"        // more than 5 s passed between entry and key
	CodeIdempotency  = "idempotency.mismatch"   // same key, another order
	CodePhrase       = "phrase.unknown"         // no such phrase, or not a phrase
	CodeAbandoned    = "request.abandoned"      // the order ended before its answer: whoever sent it went away
	CodeRate         = "rate.limited"           // too many attempts
	CodeRolledBack   = "log.rolled_back"        // the chain is shorter than, or differs from, what was seen
	CodeClock        = "clock.trails"           // the database's clock runs behind the log
	CodeVaultDown    = "vault.unavailable"      // sealed or unreachable
	CodePostgresDown = "postgres.unavailable"   // unreachable, or an append was not confirmed
	CodePolicyDown   = "policy.unavailable"     // no signed, activated policy
	CodeStarting     = "custodian.starting"     // it destroys again what the log says is destroyed, before it serves
	CodeIssuerDown   = "issuer.unavailable"     // staff tokens cannot be checked
	CodeInternal     = "custodian.failed"       // a fault of the custodian's own
	CodeDown         = "custodian.unavailable"  // what a facing process says of ErrDown
)

// Codes maps every code to its HTTP status.
var Codes = map[string]int{
	CodeMalformed:    http.StatusBadRequest,
	CodeNotFound:     http.StatusNotFound,
	CodeTokenInvalid: http.StatusUnauthorized,
	CodeTokenExpired: http.StatusUnauthorized,
	CodeRoleInvalid:  http.StatusForbidden,
	CodeConversation: http.StatusNotFound,
	CodeEscalation:   http.StatusNotFound,
	CodeSession:      http.StatusNotFound,
	CodeAltered:      http.StatusConflict,
	CodeLogAltered:   http.StatusConflict,
	CodeDestroyed:    http.StatusGone,
	CodeTooLate:      http.StatusServiceUnavailable,
	CodeIdempotency:  http.StatusConflict,
	CodePhrase:       http.StatusNotFound,
	CodeAbandoned:    http.StatusRequestTimeout,
	CodeRate:         http.StatusTooManyRequests,
	CodeRolledBack:   http.StatusServiceUnavailable,
	CodeClock:        http.StatusServiceUnavailable,
	CodeVaultDown:    http.StatusServiceUnavailable,
	CodePostgresDown: http.StatusServiceUnavailable,
	CodePolicyDown:   http.StatusServiceUnavailable,
	CodeStarting:     http.StatusServiceUnavailable,
	CodeIssuerDown:   http.StatusServiceUnavailable,
	CodeInternal:     http.StatusInternalServerError,
	CodeDown:         http.StatusServiceUnavailable,
}
