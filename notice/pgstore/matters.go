package pgstore

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/notice"
)

const (
	unanswered = `SELECT EXISTS (SELECT FROM sceau.escalations
		WHERE escalation_id = $1::uuid AND state = 'requested' AND deadline >= statement_timestamp())`
	unreviewed = `SELECT EXISTS (SELECT FROM sceau.escalations
		WHERE escalation_id = $1::uuid AND review_by IS NOT NULL AND review IS NULL)`
)

// questions ask, for each kind, whether anybody still has to look at what the id
// names. They read the projections: a notice decides nothing.
var questions = map[notice.Kind]string{
	notice.RequestWaiting:  unanswered,
	notice.RequestReminder: unanswered,
	notice.RequestWidened:  unanswered,
	// Until a privacy officer has answered; the supervisor's answer may be missing still.
	notice.RequisitionWaiting: unanswered + ` AND NOT EXISTS (SELECT FROM sceau.entries e
		WHERE e.subject_id = $1::text AND e.action = 'escalation.approval_given'
		  AND convert_from(e.leaf, 'UTF8')::jsonb #>> '{actor,role}' = 'privacy_officer')`,
	notice.ConfirmationWanted: unanswered + ` AND NOT EXISTS (SELECT FROM sceau.entries e
		WHERE e.subject_id = $1::text AND e.action = 'escalation.break_glass_confirmed')`,
	notice.GlassBroken:   unreviewed,
	notice.ReviewDue:     unreviewed,
	notice.ReviewOverdue: unreviewed,
	// Put off, the telling is due at another time, and has another notice.
	notice.TellingDue: `SELECT EXISTS (SELECT FROM sceau.escalations e WHERE escalation_id = $1::uuid AND tell_by <= statement_timestamp()
		AND NOT EXISTS (SELECT FROM sceau.cases k
			WHERE k.case_id = e.case_id AND (k.transcript_destroyed_seq IS NOT NULL OR k.identity_destroyed_seq IS NOT NULL)))`,
	notice.ErasureWaiting: `SELECT EXISTS (SELECT FROM sceau.erasures WHERE erasure_id = $1::uuid AND verdict IS NULL)`,
	// Until one has come, or the conversation is over.
	notice.PsychologistWanted: `SELECT EXISTS (SELECT FROM sceau.psychologist_calls a JOIN sceau.conversations c USING (case_id)
		WHERE a.call_id = $1::uuid AND c.state = 'active' AND NOT EXISTS (SELECT FROM sceau.participants p
			WHERE p.case_id = a.case_id AND p.role = 'psychologist' AND (p.left_seq IS NULL OR p.joined_seq > a.asked_seq)))`,
	// What has changed has changed: whoever follows the policy reads every notice.
	notice.PolicyChanged: `SELECT $1::text IS NOT NULL`,
}

// matters asks the database, not what was true when the notice was written.
func matters(ctx context.Context, pool *pgxpool.Pool, n notice.Notice) (waits bool, err error) {
	question, known := questions[n.Kind]
	if err := n.Check(); err != nil || !known {
		// A job of another version of this program: nothing that we could say of it.
		return false, nil //nolint:nilerr // refused, not failed
	}
	if err := pool.QueryRow(ctx, question, n.ID).Scan(&waits); err != nil {
		return false, fmt.Errorf("ask whether %s still matters: %w", n.Kind, err)
	}
	return waits, nil
}
