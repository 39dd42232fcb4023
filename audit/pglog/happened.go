package pglog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// Happening is that an entry was written, and no more of it: what wakes who may have
// to look. It is read from the columns beside the leaf, so nothing is decided from it.
type Happening struct {
	Seq    int64
	Action audit.Action
	Case   string
	Ground string // of the escalation it is about

	Requester string // of that escalation
}

// Happened lists what was written from a number on, at most 1,000 of it, in order.
func Happened(ctx context.Context, q Querier, from int64) ([]Happening, error) {
	rows, err := q.Query(ctx, `SELECT e.seq, e.action, coalesce(e.case_id::text, ''), coalesce(x.ground, ''), coalesce(x.requester_id, '')
		FROM sceau.entries e
		LEFT JOIN sceau.escalations x ON e.subject_type = 'escalation' AND x.case_id = e.case_id AND x.escalation_id::text = e.subject_id
		WHERE e.seq >= $1 ORDER BY e.seq LIMIT 1000`, from)
	if err != nil {
		return nil, fmt.Errorf("read what happened: %w", err)
	}
	list, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Happening])
	if err != nil {
		return nil, fmt.Errorf("read what happened: %w", err)
	}
	return list, nil
}

// Next is the number of the next entry.
func Next(ctx context.Context, q interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}) (seq int64, err error) {
	if err := q.QueryRow(ctx, `SELECT seq FROM sceau.log_head`).Scan(&seq); err != nil {
		return 0, fmt.Errorf("read the head of the log: %w", err)
	}
	return seq, nil
}
