package pglog

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// KeepAnswers is for how long an answer is kept for a client that asks again, where
// nothing else is configured. Clients give up long before.
const KeepAnswers = 24 * time.Hour

// keepAtLeast is how old an answer must be to be removed; the database holds every
// process to it. A repeat within it must never be done twice.
const keepAtLeast = time.Hour

// prunePage bounds one statement, so that it holds no row for long.
const prunePage = 5000

// PruneAnswers removes what this process answered longer ago than keep, by the
// database's clock, and says how many answers that were. Whoever repeats a request
// after that makes a new one. What is removed can be read by nobody without the
// client's key anyway; but what is of no use any more must not lie about.
func (l *Log) PruneAnswers(ctx context.Context, keep time.Duration) (int64, error) {
	if keep < keepAtLeast {
		return 0, errors.New("prune answers: they are kept for an hour at least")
	}
	var pruned int64
	for {
		tag, err := l.cfg.Pool.Exec(ctx, `DELETE FROM sceau.idempotency WHERE ctid = ANY (ARRAY(
				SELECT ctid FROM sceau.idempotency
				WHERE via = $1 AND at < statement_timestamp() - $2::interval LIMIT $3))`, string(l.cfg.Via), keep, prunePage)
		if err != nil {
			return pruned, fmt.Errorf("prune answers: %w", err)
		}
		pruned += tag.RowsAffected()
		if tag.RowsAffected() < prunePage {
			return pruned, nil
		}
	}
}
