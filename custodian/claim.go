package custodian

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
	"github.com/sceau-project/sceau/retention"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
)

// A claim is an entry of the log that says that a key is destroyed. It is not believed
// for being there: whoever can append in the custodian's name, with its password of
// PostgreSQL or as a superuser, could else have every key in Vault destroyed.
type claim struct {
	keyName
	seq   int64
	under activation.Activation // the policy in force before the entry, unless lawless
	// lawless: no policy was in force, so nothing could have allowed it.
	lawless bool
}

// clockApart is how far the log's clock may be from this process's when something is
// destroyed for ever: much more than clocks differ, much less than anything is kept.
const clockApart = 5 * time.Minute

// errUnfounded is why a claim is not believed.
var errUnfounded = errors.New("nothing before the entry allows it")

// believed holds a claim to the entries of its case before it: as far as they were
// followed, they must fold, let the key be destroyed, and the policy of then, asked
// again, must allow it. An error that is not errUnfounded says that this cannot be
// told now.
func (c *Custodian) believed(ctx context.Context, k claim) error {
	unfounded := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{errUnfounded}, args...)...)
	}
	records, err := c.held(ctx, c.pool, k.caseID)
	switch {
	case errors.Is(err, errLogAltered):
		return unfounded("%w", err)
	case err != nil:
		return err
	}
	file := escalation.NewCase()
	for _, r := range records {
		if r.Seq != k.seq {
			if err := file.Apply(r.Entry, r.Hash); err != nil {
				return unfounded("%w", err)
			}
			continue
		}
		if err := c.allowed(ctx, file, k, r.Entry); err != nil {
			return err
		}
		if err := file.Extend(r.Entry, r.Hash); err != nil {
			return unfounded("%w", err)
		}
		if key := file.Key(k.class); key == nil || !key.Destroyed {
			return unfounded("the key is none of the case's")
		}
		return nil
	}
	return unfounded("it is not among the entries of its case")
}

// allowed asks the policy of then what the custodian that wrote the entry had to ask.
func (c *Custodian) allowed(ctx context.Context, before *escalation.Case, k claim, e audit.Entry) error {
	switch {
	case k.lawless:
		return fmt.Errorf("%w: no policy was in force", errUnfounded)
	case e.At.After(c.config.Now().Add(clockApart)):
		return fmt.Errorf("%w: it is of %s, which is yet to come", errUnfounded, audit.FormatTime(e.At))
	}
	lastMessage, err := retentionstore.LastMessageBefore(ctx, c.pool, k.caseID, e.At)
	if err != nil {
		return fmt.Errorf("%w: %w", errDatabase, err)
	}
	rules, err := c.loaded(ctx, c.pool, k.under)
	if err != nil {
		return err
	}
	reason, _ := e.Details["reason"].(string)
	decision, err := rules.Decide(ctx, retention.DestroyInput(before, e.At, lastMessage, retention.What(k.class), reason))
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", errNoPolicy, err)
	case !decision.Allow:
		return fmt.Errorf("%w: policy refuses: %v", errUnfounded, decision.Reasons)
	case reason == policy.DestroyRetention && e.Details["erasure"] != nil:
		return fmt.Errorf("%w: it is for two reasons", errUnfounded)
	}
	return nil
}

// believe says which claims of the log are to be carried out, and raises an alarm for
// each of the others, once in the life of the process: then somebody forged entries,
// and the key stays in Vault, though nobody reads with it, until people have looked.
func (c *Custodian) believe(ctx context.Context, claims []claim) ([]keyName, error) {
	var keys []keyName
	for _, k := range claims {
		if c.destroyed.has(k.keyName) {
			continue // this process, or one before it, did it or believed it
		}
		err := c.believed(ctx, k)
		switch {
		case err == nil:
			keys = append(keys, k.keyName)
		case errors.Is(err, errUnfounded):
			if c.destroyer.disbelieve(k.keyName) {
				c.logger.ErrorContext(ctx, "the log says that a key is destroyed, and nothing allows it: the key is left in Vault. "+
					"Somebody else writes as the custodian: find out who before anything else", "entry", k.seq, "cause", err)
			}
		default:
			return nil, err
		}
	}
	return keys, nil
}
