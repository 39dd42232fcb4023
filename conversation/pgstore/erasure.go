package pgstore

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

// RequestErasure asks, in the minor's name, that everything of the case be destroyed;
// also when the conversation is closed. A privacy officer decides. What was refused
// may be asked for again. Refusals: [conversation.ErrNotFound], [conversation.ErrErasureWaiting],
// [conversation.ErrErasureGranted], [conversation.ErrErased] when nothing is left.
func (s *Store) RequestErasure(ctx context.Context, caseID, key string) (Recorded, error) {
	id := uuid.NewString()
	return s.record(ctx, idempotency(minorOf(caseID), key, "erase"), caseID, func(ctx context.Context, turn *pglog.Turn, r row) (Recorded, error) {
		asked, err := erasures(ctx, turn.Tx, caseID)
		switch {
		case err != nil:
			return Recorded{}, err
		case r.gone:
			return Recorded{}, conversation.ErrErased
		case slices.ContainsFunc(asked, func(a AskedErasure) bool { return a.Verdict == policy.VerdictGranted }):
			return Recorded{}, conversation.ErrErasureGranted
		case slices.ContainsFunc(asked, func(a AskedErasure) bool { return a.Verdict == "" }):
			return Recorded{}, conversation.ErrErasureWaiting
		}
		ref, err := turn.Append(pglog.Draft{Actor: minorActor, Action: audit.ActionErasureRequested, Case: caseID,
			Subject: audit.Subject{Type: "erasure", ID: id}})
		if err != nil {
			return Recorded{}, err
		}
		_, err = turn.Tx.Exec(ctx, `INSERT INTO sceau.erasures (erasure_id, case_id, requested_at, requested_seq) VALUES ($1, $2, $3, $4)`,
			id, caseID, ref.At, ref.Seq)
		if err != nil {
			return Recorded{}, fmt.Errorf("keeping a request for erasure: %w", err)
		}
		return Recorded{ID: id, At: ref.At}, nil
	})
}

// An AskedErasure is what became of a request for erasure, for the minor who asked.
type AskedErasure struct {
	ID          string
	RequestedAt time.Time
	Verdict     string    // policy.VerdictGranted, policy.VerdictRefused, or "" while it waits
	Reason      string    // why it was refused, coded
	DecidedAt   time.Time // zero while it waits
}

// Erasures lists the requests for erasure of a case, in order. Whoever asks must have
// been let in by [Store.ByToken].
func (s *Store) Erasures(ctx context.Context, caseID string) ([]AskedErasure, error) {
	return erasures(ctx, s.cfg.Pool, caseID)
}

func erasures(ctx context.Context, q Querier, caseID string) ([]AskedErasure, error) {
	rows, err := q.Query(ctx, `SELECT erasure_id::text, requested_at, coalesce(verdict, ''), coalesce(reason, ''), decided_at
		FROM sceau.erasures WHERE case_id = $1 ORDER BY requested_seq`, caseID)
	if err != nil {
		return nil, fmt.Errorf("reading requests for erasure: %w", err)
	}
	list, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (AskedErasure, error) {
		var a AskedErasure
		var decided *time.Time
		err := row.Scan(&a.ID, &a.RequestedAt, &a.Verdict, &a.Reason, &decided)
		a.RequestedAt = a.RequestedAt.UTC()
		if decided != nil {
			a.DecidedAt = decided.UTC()
		}
		return a, err
	})
	if err != nil {
		return nil, fmt.Errorf("reading requests for erasure: %w", err)
	}
	return list, nil
}
