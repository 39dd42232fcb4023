package custodian

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgfault"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// recorded is an entry that is durable, and a moment before its commit. readKey
// requires one, and only record makes one.
type recorded struct {
	caseID string
	ref    pglog.Ref
	since  time.Time // monotonic, taken before the commit: the entry seems older than it is, never younger
}

// effect decides an order under the head lock and appends its entry. It may
// run more than once, and counts as it ran last.
type effect func(ctx context.Context, turn *pglog.Turn) (caseID string, ref pglog.Ref, err error)

// record runs an effect in its turn, on a log that was followed to its end,
// and returns when the entry is durable and remembered. replayed says that the
// idempotency key was used before: the effect did not run, and r names the entry of
// then without its hash, under which no key is read.
func (c *Custodian) record(ctx context.Context, idem pglog.Idempotency, decide effect) (r recorded, replayed bool, err error) {
	// To follow the log takes long: under the lock only what came since is left.
	if _, err := c.lookAround(ctx); err != nil {
		return recorded{}, false, err
	}
	// So does loading a bundle. When another is activated in between, the turn loads
	// it all the same.
	if _, err := c.inForce(ctx, c.pool); err != nil && !errors.Is(err, errNoPolicy) {
		return recorded{}, false, err
	}
	answer, err := c.log.Do(ctx, idem, func(ctx context.Context, turn *pglog.Turn) (any, error) {
		r = recorded{since: c.config.Now()}
		if err := c.followed.keepUpInTurn(ctx, turn.Tx); err != nil {
			return nil, err
		}
		r.caseID, r.ref, err = decide(ctx, turn)
		return order.Kept{Case: r.caseID, At: r.ref.At, Seq: r.ref.Seq}, err
	})
	if err != nil {
		return recorded{}, false, err
	}
	if answer.Replayed {
		var before order.Kept
		err := answer.Decode(&before)
		return recorded{caseID: before.Case, ref: pglog.Ref{Seq: before.Seq, At: before.At}}, true, err
	}
	if err := c.memory.remember(seen{Seq: r.ref.Seq, Hash: r.ref.Hash}); err != nil {
		return recorded{}, false, err
	}
	return r, false, nil
}

// lookAround follows the log to its end, and tells the time of the log.
func (c *Custodian) lookAround(ctx context.Context) (at time.Time, err error) {
	return c.followed.keepUp(ctx, c.pool)
}

// inForce is the policy that two people have put in force, by the log as it was
// followed: PostgreSQL brings the bundle, and is not asked which it is. So whoever
// owns PostgreSQL cannot hide the newest activation, nor bring a laxer one back.
func (c *Custodian) inForce(ctx context.Context, q querier) (*policy.Policy, error) {
	activated, err := c.followed.policy()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errNoPolicy, err)
	}
	return c.loaded(ctx, q, activated)
}

// loaded is the policy of an activation that was believed.
func (c *Custodian) loaded(ctx context.Context, q querier, activated activation.Activation) (*policy.Policy, error) {
	p, err := c.rules.Of(ctx, q, activated)
	var answer *pgconn.PgError
	switch {
	case errors.As(err, &answer), pgfault.Unavailable(err):
		return nil, fmt.Errorf("%w: %w", errDatabase, err)
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errNoPolicy, err)
	}
	return p, nil
}

// ask has the policy in force decide. A refusal is no error.
func (c *Custodian) ask(ctx context.Context, q querier, in policy.Input) (policy.Decision, error) {
	rules, err := c.inForce(ctx, q)
	if err != nil {
		return policy.Decision{}, err
	}
	d, err := rules.Decide(ctx, in)
	if err != nil {
		return policy.Decision{}, fmt.Errorf("%w: %w", errNoPolicy, err)
	}
	return d, nil
}

// stale says whether an entry is older than it may be when a key is read by it.
func (c *Custodian) stale(r recorded) bool { return c.config.Now().Sub(r.since) > freshness }

// readKey reads a case key. It is the only way to one: it asks for the entry
// that allows it, refuses when that entry is older than it may be, gives its
// hash to Vault for Vault's own audit log, and believes only a key whose
// recipient is the one that key.created recorded.
func (c *Custodian) readKey(ctx context.Context, r recorded, talk *conversation.Conversation, class string) (key *seal.Key, vaultRequest string, err error) {
	created := talk.Key(class)
	switch {
	case talk.Case != r.caseID || created == nil:
		return nil, "", fmt.Errorf("%w: the case has no %s key", errAltered, class)
	case created.Destroyed, c.isDestroyed(keyName{r.caseID, class}):
		return nil, "", errDestroyed
	}
	left := freshness - c.config.Now().Sub(r.since)
	if left <= 0 {
		return nil, "", errTooLate
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	secret, vaultRequest, err := c.vault.Read(ctx, r.caseID, class, hex.EncodeToString(r.ref.Hash[:]))
	if err != nil {
		return nil, vaultRequest, err
	}
	// A process that was paused while it asked may have got the key too late.
	if c.stale(r) {
		return nil, vaultRequest, errTooLate
	}
	key, err = seal.ParseKey(secret)
	if err != nil {
		return nil, vaultRequest, fmt.Errorf("%w: Vault holds no case key there", errAltered)
	}
	if seal.Fingerprint(key.Recipient) != created.Recipient {
		return nil, vaultRequest, fmt.Errorf("%w: Vault holds another key than key.created says", errAltered)
	}
	c.config.Reached(StepKeyRead)
	return key, vaultRequest, nil
}
