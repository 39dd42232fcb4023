package web

import (
	"context"
	"errors"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/internal/pgfault"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
	stafftoken "github.com/sceau-project/sceau/staff"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// asFail gives every error of the packages below its code. What is not named
// here is a fault of the service.
func asFail(err error) *fail {
	var (
		own     *fail
		talk    *conversation.Refusal
		esc     *escalation.Refusal
		refused *order.Refusal
		decided *policystore.Refused
	)
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &talk):
		return &fail{code: talk.Code}
	case errors.As(err, &esc):
		return refusedByPolicy([]string{esc.Code})
	case errors.As(err, &refused):
		return &fail{code: refused.Code, reasons: refused.Reasons}
	}
	if errors.As(err, &decided) {
		return refusedByPolicy(decided.Reasons)
	}
	for _, known := range []struct {
		err  error
		code string
	}{
		{order.ErrDown, order.CodeDown},
		{stafftoken.ErrExpired, "token.expired"},
		{stafftoken.ErrInvalid, "token.invalid"},
		{stafftoken.ErrIssuerDown, "issuer.unavailable"},
		{stafftoken.ErrRoleAmbiguous, "role.ambiguous"},
		{stafftoken.ErrNoRole, "role.invalid"},
		{staffstore.ErrRole, "role.invalid"},
		{staffstore.ErrChanged, "token.invalid"},
		{staffstore.ErrEnded, "token.expired"},
		{staffstore.ErrSuspended, policy.ReasonStaffSuspended},
		{staffstore.ErrAltered, "content.altered"},
		{escalationstore.ErrNotFound, "escalation.not_found"},
		{policystore.ErrNone, "policy.unavailable"},
		{retentionstore.ErrPeriods, "policy.unavailable"},
		{pglog.ErrIdempotencyMismatch, "idempotency.mismatch"},
		{pglog.ErrIdempotencyKey, "idempotency.key_missing"},
		{pglog.ErrClock, order.CodeClock},
		{pglog.ErrUnavailable, "postgres.unavailable"},
		{pglog.ErrEffectTimeout, "postgres.unavailable"},
		{staffstore.ErrDatabase, "postgres.unavailable"},
		{pglog.ErrDamaged, "log.altered"},
		{conversation.ErrHistory, "log.altered"},
		{escalationstore.ErrNoEntry, "log.altered"},
		{escalationstore.ErrAltered, "content.altered"},
		{conversationstore.ErrRecipient, "content.altered"},
		{conversation.ErrChain, "content.altered"},
		{seal.ErrContext, "content.altered"},
		{seal.ErrDamaged, "content.altered"},
	} {
		if errors.Is(err, known.err) {
			return &fail{code: known.code}
		}
	}
	switch {
	case escalation.Damaged(err):
		return &fail{code: "log.altered"}
	case pgfault.Unavailable(err), errors.Is(err, context.DeadlineExceeded):
		return &fail{code: "postgres.unavailable"}
	case errors.Is(err, context.Canceled):
		return &fail{code: order.CodeAbandoned}
	}
	return &fail{code: "service.failed"}
}

// abandoned says that the request ended before its answer: its client went
// away, or the process is about to end. No dependency is to blame for that.
func abandoned(ctx context.Context, err error) bool {
	return errors.Is(ctx.Err(), context.Canceled) && errors.Is(err, context.Canceled)
}

// notFoundAs says in other words that something does not exist.
func notFoundAs(err error, code string) error {
	if errors.Is(err, escalationstore.ErrNotFound) {
		return refuse(code)
	}
	return err
}
