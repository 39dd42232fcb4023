package pgstore

import (
	"context"
	"fmt"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/policy"
)

// Approve gives one approval, by a supervisor or where policy asks for it by a privacy
// officer, of these facets of the request whose leaf hash they saw; the last one
// needed approves the escalation.
func (s *Store) Approve(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string, request audit.Hash, facets []string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		d, err := t.decide(ctx, t.Case.ApproveInput(t.At, actor, t.escalation, request, facets))
		if err != nil {
			return err
		}
		if err := t.Case.CheckApproval(t.escalation, actor, request, facets, t.At); err != nil {
			return err
		}
		if _, err := t.Append(escalation.ApprovalGivenEntry(t.escalation, facets), actor, d, nil); err != nil {
			return err
		}
		if !t.escalation.Complete() {
			return nil
		}
		_, err = t.Append(escalation.ApprovedEntry(t.escalation, t.At), actor, nil, nil)
		return err
	})
}

// Deny refuses the request whose leaf hash the actor saw, for a coded reason.
func (s *Store) Deny(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string, request audit.Hash, reason string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		d, err := t.decide(ctx, t.Case.DenyInput(t.At, actor, t.escalation, request))
		if err != nil {
			return err
		}
		if err := t.Case.CheckDenial(t.escalation, actor, request, reason, t.At); err != nil {
			return err
		}
		_, err = t.Append(escalation.DeniedEntry(t.escalation, reason), actor, d, nil)
		return err
	})
}

// Withdraw takes a request back. Only its requester may.
func (s *Store) Withdraw(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		if err := t.Case.CheckWithdrawal(t.escalation, actor); err != nil {
			return err
		}
		_, err := t.Append(escalation.WithdrawnEntry(t.escalation), actor, nil, nil)
		return err
	})
}

// Close ends a granted lift before its time. Only its requester may.
func (s *Store) Close(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		if err := t.Case.CheckClosing(t.escalation, actor); err != nil {
			return err
		}
		_, err := t.Append(escalation.ClosedEntry(t.escalation), actor, nil, nil)
		return err
	})
}

// Revoke ends what was granted, opened or not, for a coded reason. Any supervisor may
// who is not the requester's human.
func (s *Store) Revoke(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id, reason string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		d, err := t.decide(ctx, t.Case.RevokeInput(t.At, actor, t.escalation, reason))
		if err != nil {
			return err
		}
		if err := t.Case.CheckRevocation(t.escalation, actor, reason); err != nil {
			return err
		}
		_, err = t.Append(escalation.RevokedEntry(t.escalation, reason), actor, d, nil)
		return err
	})
}

// BreakGlass grants the requester what nobody answered in time, on the word of a second
// agent that the custodian has recorded. Every supervisor and inspector is called, and
// it is reviewed.
func (s *Store) BreakGlass(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string, request audit.Hash) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		d, err := t.decide(ctx, t.Case.BreakGlassInput(t.At, actor, t.escalation, request, t.ClockTrails))
		if err != nil {
			return err
		}
		if t.ClockTrails {
			return &escalation.Refusal{Code: policy.ReasonClockTrails, Detail: "no deadline can be judged"}
		}
		if err := t.Case.CheckBreakGlass(t.escalation, actor, request, t.At); err != nil {
			return err
		}
		if _, err = t.Append(escalation.GlassBrokenEntry(t.escalation, d.Obligations, t.At), actor, d, nil); err != nil {
			return err
		}
		return t.call(ctx, notice.GlassBroken, t.At)
	})
}

// Review says whether the glass was rightly broken: policy.VerdictConfirmed or
// policy.VerdictAbusive, once, by a supervisor who had no part in it.
func (s *Store) Review(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string, request audit.Hash, verdict string) (Receipt, error) {
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		d, err := t.decide(ctx, t.Case.ReviewInput(t.At, actor, t.escalation, request, verdict))
		if err != nil {
			return err
		}
		if err := t.Case.CheckReview(t.escalation, actor, request, verdict); err != nil {
			return err
		}
		ref, err := t.Append(escalation.ReviewedEntry(t.escalation, verdict), actor, d, nil)
		if err != nil {
			return err
		}
		if _, err := t.Tx.Exec(ctx, `UPDATE sceau.escalations SET review = $2, last_seq = $3 WHERE escalation_id = $1`,
			id, verdict, ref.Seq); err != nil {
			return fmt.Errorf("keep the review: %w", err)
		}
		return nil
	})
}

// Tell records how telling the minor of the opening went: one of policy.Tellings, with a
// coded reason where it was not safe, and the time to try again where it is for later.
// To an agent who neither had it opened nor is in the conversation it does not exist; a
// supervisor tells what is overdue.
func (s *Store) Tell(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id, outcome, reason string, until time.Time) (Receipt, error) {
	// Asked first, and again in its turn: a stranger is refused after the same question
	// whether there is such an escalation or not.
	var theirs bool
	if err := s.pool.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.escalations e WHERE escalation_id = $1 AND (requester_id = $2 OR $3 AND state <> 'refused' OR EXISTS (
			SELECT FROM sceau.participants p WHERE p.case_id = e.case_id AND p.staff_id = $2 AND p.role = 'agent' AND p.left_seq IS NULL)))`,
		id, actor.ID, actor.Role == policy.RoleSupervisor).Scan(&theirs); err != nil {
		return Receipt{}, fmt.Errorf("look whose the escalation is: %w", err)
	}
	if !theirs {
		return Receipt{}, ErrNotFound
	}
	return s.act(ctx, idem, id, func(ctx context.Context, t *turn) error {
		if t.escalation.Requester.ID != actor.ID && !t.Case.TakesPart(actor) && actor.Role != policy.RoleSupervisor {
			return ErrNotFound
		}
		d, err := t.decide(ctx, t.Case.TellInput(t.At, actor, t.escalation, outcome, reason, until))
		if err != nil {
			return err
		}
		if err := t.Case.CheckTelling(t.escalation, actor, outcome, reason, until, t.At); err != nil {
			return err
		}
		_, err = t.Append(escalation.ToldEntry(t.escalation, outcome, reason, until, d.Obligations, t.At), actor, d, nil)
		return err
	})
}

// call queues a notice about the escalation of this turn.
func (t *turn) call(ctx context.Context, kind notice.Kind, at time.Time) error {
	return call(ctx, t.notices, t.Tx, noticeOf(t.escalation, kind, at))
}
