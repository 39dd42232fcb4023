package pgstore

import (
	"context"
	"fmt"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// A Docket is one case as the log tells it, held during one turn under the head
// lock. What it appends is held to the rules that will read it: an entry that
// readers would disregard is an error, which undoes the whole turn.
type Docket struct {
	Case *escalation.Case
	turn *pglog.Turn
	via  audit.Via
}

// OpenDocket reads and folds the entries of a case, those included that earlier
// turns of the same batch are about to write. The turn's process writes as via.
func OpenDocket(ctx context.Context, turn *pglog.Turn, via audit.Via, caseID string) (*Docket, error) {
	records, err := turn.ByCase(ctx, caseID, 0)
	if err != nil {
		return nil, err
	}
	return DocketOf(turn, via, records)
}

// DocketOf is [OpenDocket] for whoever has read the entries already, and holds
// them to more than PostgreSQL's word.
func DocketOf(turn *pglog.Turn, via audit.Via, records []pglog.Record) (*Docket, error) {
	c, err := FoldRecords(records)
	if err != nil {
		return nil, err
	}
	return &Docket{Case: c, turn: turn, via: via}, nil
}

// ReadCase folds the committed entries of a case.
func ReadCase(ctx context.Context, q pglog.Querier, caseID string) (*escalation.Case, error) {
	records, err := pglog.ByCase(ctx, q, caseID, 0)
	if err != nil {
		return nil, err
	}
	return FoldRecords(records)
}

// FoldRecords folds the entries of one case as they are stored.
func FoldRecords(records []pglog.Record) (*escalation.Case, error) {
	leaves := make([]escalation.Leaf, len(records))
	for i, r := range records {
		leaves[i] = escalation.Leaf{Entry: r.Entry, Hash: r.Hash}
	}
	return escalation.Fold(leaves)
}

// Append writes one entry about the case in the name of actor. decided, when not
// nil, is the policy decision behind it: the leaf commits to its input and
// result, and both are laid open beside it. sealed are commitments to values
// that inspectors may not see.
func (d *Docket) Append(e audit.Entry, actor audit.Actor, decided *policy.Decision, sealed audit.Commitments) (pglog.Ref, error) {
	return d.appendOpened(e, actor, decided, sealed, nil)
}

// appendOpened is Append with commitments that inspectors may open.
func (d *Docket) appendOpened(e audit.Entry, actor audit.Actor, decided *policy.Decision, committed audit.Commitments, openings []pglog.Opening) (pglog.Ref, error) {
	draft := pglog.Draft{
		Actor: actor, Action: e.Action, Case: e.Case, Subject: e.Subject, Ground: e.Ground,
		Details: e.Details, Commitments: committed, Openings: openings,
	}
	if decided != nil {
		policystore.Decide(&draft, *decided)
	}
	ref, err := d.turn.Append(draft)
	if err != nil {
		return pglog.Ref{}, err
	}
	e.V, e.Seq, e.At, e.Via, e.Actor = audit.Version, ref.Seq, ref.At, d.via, actor
	e.Decision, e.Commitments = draft.Decision, draft.Commitments
	if err := d.Case.Extend(e, ref.Hash); err != nil {
		return pglog.Ref{}, fmt.Errorf("append %s: %w", e.Action, err)
	}
	return ref, nil
}
