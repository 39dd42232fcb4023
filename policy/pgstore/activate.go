package pgstore

import (
	"context"
	"fmt"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// operator is how entries name whoever runs the operator's commands: the
// database's role is what is known of them.
var operator = audit.Actor{ID: "operator"}

// Activate puts a bundle in force: its exact bytes and the entry that says so,
// in one transaction of the operator's log. A bundle that the pinned key has
// not signed, or that does not load, is refused before anything is written.
func Activate(ctx context.Context, log *pglog.Log, bundle []byte, pinned policy.Verification) (pglog.Ref, error) {
	loaded, err := policy.Load(bundle, pinned)
	if err != nil {
		return pglog.Ref{}, fmt.Errorf("load the bundle: %w", err)
	}
	revision := loaded.Revision()
	var ref pglog.Ref
	_, err = log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		if _, err := turn.Tx.Exec(ctx, `INSERT INTO sceau.policy_bundles (revision, bundle) VALUES ($1, $2) ON CONFLICT (revision) DO NOTHING`,
			revision, bundle); err != nil {
			return nil, fmt.Errorf("keep the bundle: %w", err)
		}
		var err error
		ref, err = turn.Append(pglog.Draft{
			Actor: operator, Action: audit.ActionPolicyActivated,
			Subject: audit.Subject{Type: "policy", ID: revision}, Details: audit.Details{"policy": revision},
		})
		return nil, err
	})
	return ref, err
}
