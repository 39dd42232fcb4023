package pglog

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
)

// An ExportRequest says who exports, and why.
type ExportRequest struct {
	Dir    string // must be empty or not exist
	Actor  audit.Actor
	Reason string               // the operator's own words: kept beside the leaf, never in it
	Told   func(done, of int64) // progress, in entries; may be nil
}

// Export writes the log into a folder that `sceau-inspect verify` reads: every
// leaf as it was hashed, up to the log.exported entry that it appends first;
// the openings that were not erased; and every policy bundle that the entries
// name. Only the operator may export.
//
// A damaged log is exported too, since an inspector must see the damage; the
// error is then a [*Damage] and the export is whole. Any other error leaves
// nothing but the entry.
func (l *Log) Export(ctx context.Context, req ExportRequest) (Ref, error) {
	if req.Reason == "" {
		return Ref{}, errors.New("export the log: say why")
	}
	// The folder is made first, so that no entry records an export that could
	// never be written.
	first, prev, err := l.firstEntry(ctx)
	if err != nil {
		return Ref{}, err
	}
	x, err := audit.NewExport(req.Dir, audit.Meta{Origin: l.origin, First: first, Prev: prev})
	if err != nil {
		return Ref{}, err
	}
	defer x.Abort()

	salt := NewSalt()
	commitment := audit.Commit(salt, "reason", "", []byte(req.Reason))
	last, err := l.Append(ctx, Draft{
		Actor:       req.Actor,
		Action:      audit.ActionLogExported,
		Commitments: audit.Commitments{"reason": commitment},
		Openings:    []Opening{{Field: "reason", Salt: salt, Value: []byte(req.Reason)}},
	})
	if err != nil {
		return Ref{}, fmt.Errorf("export the log: %w", err)
	}
	w := &exporting{log: l, to: x, next: first, last: last.Seq, policies: make(map[string]bool)}
	for w.next <= w.last {
		before := w.next
		if err := w.page(ctx); err != nil {
			return last, err
		}
		if w.next == before {
			break // entries are missing: the verifier will say which
		}
		if req.Told != nil {
			req.Told(w.next-first, last.Seq-first+1)
		}
	}
	if err := w.openings(ctx); err != nil {
		return last, err
	}
	if err := w.bundles(ctx); err != nil {
		return last, err
	}
	if err := x.Close(last.Hash); err != nil {
		return last, err
	}
	return last, w.damage
}

// firstEntry is where an export begins, and the hash before it.
func (l *Log) firstEntry(ctx context.Context) (int64, audit.Hash, error) {
	r, err := collect(ctx, l.cfg.Pool, `SELECT `+recordColumns+` FROM sceau.entries ORDER BY seq LIMIT 1`)
	switch {
	case errors.Is(err, ErrDamaged):
		return 0, audit.Genesis(l.origin), nil // the inspector will find it
	case err != nil:
		return 0, audit.Hash{}, err
	case len(r) == 0 || r[0].Seq == 0:
		return 0, audit.Genesis(l.origin), nil
	}
	return r[0].Seq, r[0].Prev, nil
}

// An exporting is one export under way.
type exporting struct {
	log      *Log
	to       *audit.Export
	next     int64
	last     int64
	policies map[string]bool // named by entries
	damage   error           // the first that columns or hashes show; what leaves show, the verifier finds
}

// page writes the next leaves.
func (w *exporting) page(ctx context.Context) error {
	rows, err := w.log.cfg.Pool.Query(ctx, `SELECT `+recordColumns+` FROM sceau.entries
		WHERE seq >= $1 AND seq <= $2 ORDER BY seq LIMIT $3`, w.next, w.last, pageSize)
	if err != nil {
		return readError(err)
	}
	defer rows.Close()
	for rows.Next() {
		r, err := scanRecord(rows)
		switch {
		case errors.Is(err, ErrDamaged):
			if w.damage == nil {
				w.damage = err
			}
		case err != nil:
			return readError(err)
		}
		if err := w.to.Leaf(r.Leaf); err != nil {
			return err
		}
		w.next = r.Seq + 1
		if r.Decision != nil && r.Decision.Policy != "" {
			w.policies[r.Decision.Policy] = true
		}
		if r.Action == audit.ActionPolicyActivated {
			w.policies[r.Subject.ID] = true
		}
	}
	if err := rows.Err(); err != nil {
		return readError(err)
	}
	return nil
}

// openingsPage is the next of the openings behind one, up to that of an entry.
const openingsPage = `SELECT seq, field, coalesce(case_id::text, ''), salt, value FROM sceau.openings
	WHERE (seq, field) > ($1, $2) AND seq <= $3 ORDER BY seq, field LIMIT $4`

// openings writes those that were not erased, sorted as audit.Export wants them.
func (w *exporting) openings(ctx context.Context) error {
	seq, field := int64(-1), ""
	for {
		rows, err := w.log.cfg.Pool.Query(ctx, openingsPage, seq, field, w.last, pageSize)
		if err != nil {
			return readError(err)
		}
		page, err := pgx.CollectRows(rows, pgx.RowToStructByPos[audit.Opening])
		if err != nil {
			return readError(err)
		}
		if len(page) == 0 {
			return nil
		}
		for _, o := range page {
			if err := w.to.Opening(o); err != nil {
				return err
			}
			seq, field = o.Seq, o.Field
		}
	}
}

// bundles writes those that are stored. The verifier reports one that is
// missing: it knows which entry names it.
func (w *exporting) bundles(ctx context.Context) error {
	named := slices.Sorted(maps.Keys(w.policies))
	rows, err := w.log.cfg.Pool.Query(ctx, `SELECT revision, bundle FROM sceau.policy_bundles WHERE revision = ANY($1)`, named)
	if err != nil {
		return readError(err)
	}
	var revision string
	var bundle []byte
	_, err = pgx.ForEachRow(rows, []any{&revision, &bundle}, func() error { return w.to.Bundle(revision, bundle) })
	if err != nil {
		return fmt.Errorf("export policy bundles: %w", err)
	}
	return nil
}
