package order

import "time"

// DecideErasure is a privacy officer's answer to a minor's request for erasure:
// granted without a reason, or refused with a coded one. An IdempotencyKey repeated
// with the same order is answered as before.
type DecideErasure struct {
	Caller         Caller `json:"caller"`
	Erasure        string `json:"erasure"`
	Verdict        string `json:"verdict"`
	Reason         string `json:"reason,omitempty"`
	IdempotencyKey Secret `json:"idempotency_key"`
}

// LiftHold is a privacy officer's word that what a hold was set for has ended. Of the
// IdempotencyKey see [DecideErasure].
type LiftHold struct {
	Caller         Caller `json:"caller"`
	Hold           string `json:"hold"`
	Reason         string `json:"reason"`
	IdempotencyKey Secret `json:"idempotency_key"`
}

// Kept says that the log recorded what was decided about keeping a case, as entry Seq.
type Kept struct {
	Case string    `json:"case"`
	At   time.Time `json:"at"`
	Seq  int64     `json:"seq"`
}
