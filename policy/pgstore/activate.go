package pgstore

import (
	"context"
	"fmt"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// operator is how entries name whoever runs the operator's commands: the
// database's role is what is known of them. Who changed policy is who signed.
var operator = audit.Actor{ID: "operator"}

// Activate puts a bundle in force: its exact bytes and the entry that says so,
// with the signatures of the note, in one transaction of the operator's log. It
// refuses, before anything is written, what every process would refuse: a bundle
// that does not load, a note that two pinned people have not signed, that is for
// another bundle or another log, or whose serial is not above those before.
func Activate(ctx context.Context, log *pglog.Log, bundle, note []byte, pinned policy.Verification) (pglog.Ref, error) {
	revision := policy.Revision(bundle)
	loaded, err := policy.Load(bundle, revision)
	if err != nil {
		return pglog.Ref{}, err
	}
	if silent := loaded.Silent(); len(silent) > 0 {
		return pglog.Ref{}, fmt.Errorf("the bundle has no rule for %v, and everything there would be refused: build it with this version", silent)
	}
	signed, err := pinned.Open(note)
	if err != nil {
		return pglog.Ref{}, fmt.Errorf("the note: %w", err)
	}
	if signed.Revision != revision {
		return pglog.Ref{}, fmt.Errorf("the note was signed for %s, and the bundle is %s", signed.Revision, revision)
	}
	var ref pglog.Ref
	_, err = log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		// Under the head lock, so that of two activations at once with one serial
		// the second is refused.
		history, err := follow(ctx, turn.Tx, activation.Begin(pinned))
		if err != nil {
			return nil, err
		}
		if signed.Serial < history.Next() {
			return nil, fmt.Errorf("its serial is %d, and %d is the lowest that is left: sign again with that one", signed.Serial, history.Next())
		}
		if _, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.policy_bundles (revision, bundle) VALUES ($1, $2) ON CONFLICT (revision) DO NOTHING`,
			revision, bundle); err != nil {
			return nil, fmt.Errorf("keep the bundle: %w", err)
		}
		ref, err = turn.Append(pglog.Draft{
			Actor: operator, Action: audit.ActionPolicyActivated,
			Subject: audit.Subject{Type: activation.SubjectType, ID: revision}, Details: activation.Details(signed),
		})
		return nil, err
	})
	return ref, err
}
