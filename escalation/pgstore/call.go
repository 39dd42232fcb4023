package pgstore

import (
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
)

// noticeOf says that something about e waits for somebody: ids and a time, no more.
func noticeOf(e *escalation.Escalation, kind notice.Kind, at time.Time) notice.Notice {
	return notice.Notice{Kind: kind, ID: e.ID, At: at, Unit: e.Requester.Unit}
}

// callForAnswers is everybody to be called about a new request, now and later. What is
// later is dropped by then if nothing waits any more.
func callForAnswers(e *escalation.Escalation, o policy.Obligations) []notice.Notice {
	calls := []notice.Notice{noticeOf(e, notice.RequestWaiting, e.RequestedAt)}
	if slices.ContainsFunc(e.Needed, func(n policy.ApprovalNeeded) bool { return n.Role == policy.RolePrivacyOfficer }) {
		calls = append(calls, noticeOf(e, notice.RequisitionWaiting, e.RequestedAt))
	}
	if o.RemindAfterS > 0 {
		calls = append(calls, noticeOf(e, notice.RequestReminder, e.RequestedAt.Add(time.Duration(o.RemindAfterS)*time.Second)))
	}
	if !e.BreakGlassFrom.IsZero() {
		calls = append(calls, noticeOf(e, notice.ConfirmationWanted, e.BreakGlassFrom))
	}
	return calls
}

// call queues notices with the entry that they are about, if anybody is to be called.
func call(ctx context.Context, to Caller, tx pgx.Tx, notices ...notice.Notice) error {
	if to == nil {
		return nil
	}
	return to.Call(ctx, tx, notices...)
}
