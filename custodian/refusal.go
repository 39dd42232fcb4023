package custodian

import (
	"context"
	"errors"
	"slices"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/custody"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/internal/pgfault"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/staff"
)

var (
	errTooLate   = errors.New("too long after the entry that allows it")
	errDestroyed = errors.New("a key of the case was destroyed")
	errAltered   = errors.New("stored content is not what the log recorded")
	errNoPolicy  = errors.New("no policy is in force that can be trusted")
	errClock     = errors.New("the clock trails the log")
)

func refuse(code string, reasons ...string) *order.Refusal {
	status, ok := order.Codes[code]
	if !ok {
		status = 403 // a reason of policy: the caller is known and may not
	}
	return &order.Refusal{Status: status, Code: code, Reasons: reasons}
}

// notAllowed is policy's refusal: its first reason is the code.
func notAllowed(d policy.Decision) *order.Refusal {
	if len(d.Reasons) == 0 {
		return refuse(policy.ReasonPolicyFailed)
	}
	return refuse(d.Reasons[0], d.Reasons...)
}

// refusal is the one place where an error becomes an answer. What the caller
// may not learn (which row, which state) stays in the error, for the log.
func refusal(err error) *order.Refusal {
	var r *order.Refusal
	var e *escalation.Refusal
	is := func(targets ...error) bool {
		return slices.ContainsFunc(targets, func(t error) bool { return errors.Is(err, t) })
	}
	switch {
	case errors.As(err, &r):
		return r
	case is(errRolledBack):
		return refuse(order.CodeRolledBack)
	case is(errTooLate):
		return refuse(order.CodeTooLate)
	case is(errClock, pglog.ErrClock):
		return refuse(order.CodeClock)
	case is(errNoPolicy):
		return refuse(order.CodePolicyDown)
	case is(staff.ErrExpired):
		return refuse(order.CodeTokenExpired)
	case is(staff.ErrInvalid):
		return refuse(order.CodeTokenInvalid)
	case is(staff.ErrIssuerDown):
		return refuse(order.CodeIssuerDown)
	case is(staff.ErrNoRole, staff.ErrRoleAmbiguous):
		return refuse(order.CodeRoleInvalid)
	case is(errDestroyed, custody.ErrDestroyed):
		return refuse(order.CodeDestroyed)
	case is(custody.ErrUnavailable):
		return refuse(order.CodeVaultDown)
	case is(errAltered, conversation.ErrChain, seal.ErrHeader, seal.ErrDamaged, custody.ErrMissing):
		return refuse(order.CodeAltered)
	case is(errLogAltered, conversation.ErrHistory, pglog.ErrDamaged), escalation.Damaged(err):
		return refuse(order.CodeLogAltered)
	case is(pglog.ErrIdempotencyMismatch):
		return refuse(order.CodeIdempotency)
	case is(pglog.ErrIdempotencyKey):
		return refuse(order.CodeMalformed)
	case is(pglog.ErrUnavailable, pglog.ErrEffectTimeout, errDatabase, errBehindLog):
		return refuse(order.CodePostgresDown)
	case errors.As(err, &e):
		return refuse(e.Code, e.Code)
	case pgfault.Unavailable(err):
		return refuse(order.CodePostgresDown)
	case is(context.Canceled):
		return refuse(order.CodeAbandoned)
	default:
		return refuse(order.CodeInternal)
	}
}
