package pgstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/staff"
)

// The answers to an operator who suspends or restores.
var (
	ErrNoPerson     = errors.New("no such person")
	ErrNotCoded     = errors.New("the reason is none of the codes")
	ErrNotSuspended = errors.New("the person is not suspended")
)

// operator is how entries name whoever runs the operator's commands.
var operator = audit.Actor{ID: "operator"}

const subjectPerson = "person"

// Suspend takes a human out of service at once, under all their accounts: their
// sessions end, no new one begins, and the custodian, which follows the entry
// staff.suspended, takes no order of theirs any more, grants included. log writes
// via operator; reason is one of [staff.SuspensionReasons].
func Suspend(ctx context.Context, log *pglog.Log, person, reason string) (pglog.Ref, error) {
	if !staff.SuspensionCoded(reason) {
		return pglog.Ref{}, ErrNotCoded
	}
	return change(ctx, log, person, func(ctx context.Context, turn *pglog.Turn, is bool) (pglog.Ref, error) {
		if is {
			return pglog.Ref{}, ErrSuspended
		}
		ref, err := turn.Append(pglog.Draft{
			Actor: operator, Action: audit.ActionStaffSuspended, Subject: audit.Subject{Type: subjectPerson, ID: person},
			Details: audit.Details{"reason": reason},
		})
		if err != nil {
			return pglog.Ref{}, err
		}
		// A trigger ends the sessions with it.
		_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.suspensions (person_id, suspended_seq) VALUES ($1, $2)`, person, ref.Seq)
		return ref, err
	})
}

// Restore lets a suspended human sign in again. What they held before is gone.
func Restore(ctx context.Context, log *pglog.Log, person string) (pglog.Ref, error) {
	return change(ctx, log, person, func(ctx context.Context, turn *pglog.Turn, is bool) (pglog.Ref, error) {
		if !is {
			return pglog.Ref{}, ErrNotSuspended
		}
		ref, err := turn.Append(pglog.Draft{
			Actor: operator, Action: audit.ActionStaffRestored, Subject: audit.Subject{Type: subjectPerson, ID: person},
		})
		if err != nil {
			return pglog.Ref{}, err
		}
		_, err = turn.Tx.Exec(ctx, `UPDATE sceau.suspensions SET restored_seq = $2 WHERE person_id = $1 AND restored_seq IS NULL`, person, ref.Seq)
		return ref, err
	})
}

func change(ctx context.Context, log *pglog.Log, person string, do func(context.Context, *pglog.Turn, bool) (pglog.Ref, error)) (pglog.Ref, error) {
	var ref pglog.Ref
	_, err := log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		var known bool
		if err := turn.Tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.persons WHERE person_id = $1)`, person).Scan(&known); err != nil {
			return nil, err
		}
		if !known {
			return nil, ErrNoPerson
		}
		is, err := suspended(ctx, turn.Tx, person)
		if err != nil {
			return nil, err
		}
		ref, err = do(ctx, turn, is)
		return nil, err
	})
	return ref, err
}

// suspended says whether a person is suspended now.
func suspended(ctx context.Context, q Querier, person string) (is bool, err error) {
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.suspensions WHERE person_id = $1 AND restored_seq IS NULL)`, person).Scan(&is)
	if err != nil {
		return false, fmt.Errorf("%w: looking for a suspension: %w", ErrDatabase, err)
	}
	return is, nil
}

// A Colleague is one account, for an operator who must find the person behind it.
type Colleague struct {
	Person, ID, Subject, Name string
	Sessions                  int64 // that have not ended, and were seen within [SeenLately]
	Suspended                 bool
}

// SeenLately is within what time a session must have been used to be shown as one.
// Few people sign out: most sessions that have not ended are of long ago.
const SeenLately = 15 * time.Minute

// Colleagues lists every account, by person.
func Colleagues(ctx context.Context, q interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}) ([]Colleague, error) {
	rows, err := q.Query(ctx, `
		SELECT f.person_id, f.staff_id, f.subject, f.name,
		       (SELECT count(*) FROM sceau.staff_sessions s WHERE s.staff_id = f.staff_id AND s.ended_at IS NULL
		          AND s.last_seen_at >= clock_timestamp() - $1::interval),
		       EXISTS (SELECT FROM sceau.suspensions x WHERE x.person_id = f.person_id AND x.restored_seq IS NULL)
		FROM sceau.staff f ORDER BY f.person_id, f.staff_id`, SeenLately)
	if err != nil {
		return nil, fmt.Errorf("%w: listing accounts: %w", ErrDatabase, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Colleague])
	if err != nil {
		return nil, fmt.Errorf("%w: listing accounts: %w", ErrDatabase, err)
	}
	return all, nil
}
