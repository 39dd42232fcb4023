// Package escalation is the life of a request to lift a minor's anonymity:
// states, legal transitions, and what the entries of a case say of it.
//
// It is pure: it takes values and times and does no I/O. The staff face, the
// custodian and the inspector use the same functions, so that they cannot
// disagree. [Transition] is the machine: which event may happen in which state,
// by whom. [Case] is the fold: it applies the entries of a case in order and
// refuses a history that the machine, four eyes, the deadlines or the request's
// hash do not allow. The Check methods say beforehand what Apply would refuse.
//
// See docs/lifecycle.md.
package escalation
