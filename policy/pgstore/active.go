// Package pgstore finds the policy that is in force: the bundle that the latest
// policy.activated entry names, whose exact bytes lie in sceau.policy_bundles.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// ErrNone: no policy is in force, so nothing is allowed.
var ErrNone = activation.ErrNone

// ErrNoBundle: no bundle of that revision is stored.
var ErrNoBundle = errors.New("no such policy bundle")

// A Querier is a pool, a connection or a transaction.
type Querier interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// Active is the policy in force. It asks the log every time, by index, so that
// an activation holds from its own entry on, for every process and without a
// restart. Signatures are verified, and the bundle prepared, once an activation.
type Active struct {
	history atomic.Pointer[activation.History]
	loaded  atomic.Pointer[policy.Policy] // what was in force when last asked
}

// NewActive finds policies that people whose keys are pinned have put in force.
func NewActive(pinned policy.Verification) *Active {
	a, nothing := &Active{}, activation.Begin(pinned)
	a.history.Store(&nothing)
	return a
}

// In returns the policy in force as q sees the log. Inside a turn under the
// head lock that is the policy of the turn's own entries. An activation that two
// pinned people have not signed, and a bundle that is missing or altered, are
// errors that wrap [ErrNone]: nothing is allowed then.
func (a *Active) In(ctx context.Context, q Querier) (*policy.Policy, error) {
	history, err := a.look(ctx, q)
	if err != nil {
		return nil, err
	}
	inForce, err := history.InForce()
	if err != nil {
		return nil, err
	}
	return a.Of(ctx, q, inForce)
}

// Of returns the policy of an activation that the caller has found by
// following the log, from an [activation.History] of its own.
func (a *Active) Of(ctx context.Context, q Querier, inForce activation.Activation) (*policy.Policy, error) {
	revision := inForce.Revision
	if have := a.loaded.Load(); have != nil && have.Revision() == revision {
		return have, nil
	}
	bundle, err := Bundle(ctx, q, revision)
	if errors.Is(err, ErrNoBundle) {
		return nil, fmt.Errorf("%w: the bundle %s that entry %d names is missing; activate it again", ErrNone, revision, inForce.Seq)
	}
	if err != nil {
		return nil, fmt.Errorf("read the policy in force: %w", err)
	}
	p, err := policy.Load(bundle, revision)
	if err != nil {
		return nil, fmt.Errorf("%w: %w; activate one that loads", ErrNone, err)
	}
	a.loaded.Store(p)
	return p, nil
}

// Bundle returns the exact bytes of the bundle of a revision, in force or not, or
// [ErrNoBundle]. That they are what the revision says is for [policy.Load] to find.
func Bundle(ctx context.Context, q Querier, revision string) ([]byte, error) {
	var bundle []byte
	err := q.QueryRow(ctx, `SELECT bundle FROM sceau.policy_bundles WHERE revision = $1`, revision).Scan(&bundle)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, ErrNoBundle
	}
	if err != nil {
		return nil, fmt.Errorf("read a policy bundle: %w", err)
	}
	return bundle, nil
}

// History is what the activations of a log come to for who pins these signers.
func History(ctx context.Context, q Querier, pinned policy.Verification) (activation.History, error) {
	return follow(ctx, q, activation.Begin(pinned))
}

// look follows the log's activations as far as q sees them. No lock is held
// while PostgreSQL is asked: who waits here may hold the head.
func (a *Active) look(ctx context.Context, q Querier) (activation.History, error) {
	was := a.history.Load()
	// The index on (action, seq) makes this one descent. What counts is the leaf,
	// which the record was held to: a superuser's change of a column beside it
	// does not bring a laxer policy back.
	latest, err := pglog.LatestPolicyActivated(ctx, q)
	seq, hash, seen := was.Latest()
	switch {
	case errors.Is(err, pglog.ErrNoEntry) && !seen:
		return *was, nil
	case err != nil && !errors.Is(err, pglog.ErrNoEntry):
		return *was, fmt.Errorf("find the policy in force: %w", err)
	case err == nil && seen && latest.Seq == seq && latest.Hash == hash:
		return *was, nil
	case err != nil, seen && latest.Seq <= seq:
		// What this process saw was committed, and its log only grows.
		return *was, fmt.Errorf("%w: entry %d activated one, and is missing or another: the database lost or replaced entries; "+
			"find out why before you restart this process", ErrNone, seq)
	}
	now, err := follow(ctx, q, *was)
	if err != nil {
		return *was, err
	}
	a.keep(was, now)
	return now, nil
}

// keep remembers the longer of what this and other callers have followed.
func (a *Active) keep(was *activation.History, now activation.History) {
	for !a.history.CompareAndSwap(was, &now) {
		was = a.history.Load()
		seq, _, _ := was.Latest()
		if mine, _, _ := now.Latest(); mine <= seq {
			return
		}
	}
}

// follow applies the activations that came since.
func follow(ctx context.Context, q Querier, history activation.History) (activation.History, error) {
	var next int64
	if seq, _, seen := history.Latest(); seen {
		next = seq + 1
	}
	for r, err := range pglog.Entries(ctx, q, pglog.Filter{Actions: []audit.Action{audit.ActionPolicyActivated}, FromSeq: next}) {
		if err != nil {
			return history, fmt.Errorf("follow the activations of policy: %w", err)
		}
		history = history.Apply(r.Entry, r.Hash)
	}
	return history, nil
}
