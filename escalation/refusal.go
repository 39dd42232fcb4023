package escalation

import (
	"errors"
	"fmt"

	"github.com/sceau-project/sceau/policy"
)

// A Refusal is why something may not happen to an escalation. Code is one of
// [policy.Reasons].
type Refusal struct {
	Code   string
	Detail string // for the log of a developer, never for a client
}

func (r *Refusal) Error() string { return r.Code + ": " + r.Detail }

// Code returns the code of the Refusal in err's chain, or "".
func Code(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}

func refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

// A HistoryError says which entry of a case cannot have happened: the log was
// written by something that does not obey the rules. Nothing opens on such a
// history.
type HistoryError struct {
	Seq    int64
	Action string
	Err    error
}

func (e *HistoryError) Error() string {
	return fmt.Sprintf("entry %d, %s: %v", e.Seq, e.Action, e.Err)
}

func (e *HistoryError) Unwrap() error { return e.Err }

// Damaged says whether err is, or wraps, a [HistoryError].
func Damaged(err error) bool {
	var h *HistoryError
	return errors.As(err, &h)
}

var errNoPerson = refuse(policy.ReasonPersonMissing, "an account without a person cannot be told from another")
