// Package pgstore finds the policy that is in force: the bundle that the latest
// policy.activated entry names, whose exact bytes lie in sceau.policy_bundles.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// ErrNone: no policy was ever activated, so nothing is allowed.
var ErrNone = errors.New("no policy is in force; an operator must activate one")

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Active is the policy in force. It asks the log every time, by index, so that
// an activation holds from its own entry on, for every process; only the
// prepared bundle is kept.
type Active struct {
	verification policy.Verification

	mu     sync.Mutex
	loaded *policy.Policy // of the revision that was in force when last asked
}

// NewActive finds policies whose bundles are signed by the pinned key.
func NewActive(v policy.Verification) *Active { return &Active{verification: v} }

// In returns the policy in force as q sees the log. Inside a turn under the
// head lock that is the policy of the turn's own entries. A bundle that is
// missing, altered or not signed by the pinned key is an error: nothing is
// allowed then.
func (a *Active) In(ctx context.Context, q Querier) (*policy.Policy, error) {
	// The index on (action, seq) makes this one descent. What counts is the leaf,
	// which the record was held to: a superuser's change of a column beside it
	// does not bring a laxer policy back.
	entry, err := pglog.LatestPolicyActivated(ctx, q)
	if errors.Is(err, pglog.ErrNoEntry) {
		return nil, ErrNone
	}
	if err != nil {
		return nil, fmt.Errorf("find the policy in force: %w", err)
	}
	if entry.Via != audit.ViaOperator || entry.Subject.Type != "policy" {
		return nil, fmt.Errorf("entry %d puts no policy in force: no operator wrote it, or it is about something else", entry.Seq)
	}
	revision := entry.Subject.ID
	if have := a.current(); have != nil && have.Revision() == revision {
		return have, nil
	}
	var bundle []byte
	err = q.QueryRow(ctx, `SELECT bundle FROM sceau.policy_bundles WHERE revision = $1`, revision).Scan(&bundle)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, fmt.Errorf("the bundle of the policy in force, %s, is missing", revision)
	}
	if err != nil {
		return nil, fmt.Errorf("read the policy in force: %w", err)
	}
	p, err := policy.Load(bundle, a.verification)
	if err != nil {
		return nil, fmt.Errorf("load the policy in force, %s: %w", revision, err)
	}
	if p.Revision() != revision {
		return nil, fmt.Errorf("the bundle stored as %s is %s", revision, p.Revision())
	}
	a.mu.Lock()
	a.loaded = p
	a.mu.Unlock()
	return p, nil
}

func (a *Active) current() *policy.Policy {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.loaded
}
