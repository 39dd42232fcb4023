package custodian

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/crypto/seal"
)

// How often the pool of ready cases is looked at, and how long a failing
// refill waits at most before it is tried again: when an outage outlasted the
// pool, children cannot open a conversation until then.
const (
	refillEvery = 500 * time.Millisecond
	refillPause = 2 * time.Second
)

// actor of entries that no person asked for.
var custodianActor = audit.Actor{ID: "custodian", Role: "custodian"}

// keepReady keeps cases with fresh keys ready, so that a conversation opens
// without waiting for Vault.
func (c *Custodian) keepReady(ctx context.Context) {
	wait := refillEvery
	for {
		if err := c.refill(ctx); err != nil && ctx.Err() == nil {
			c.logger.Warn("making ready case keys failed", "code", refusal(err).Code, "error", err)
			wait = min(2*wait, refillPause)
		} else {
			wait = refillEvery
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// refill makes as many ready cases as are missing, one at a time: a burst of
// openings must not become a burst of keys that starves orders.
func (c *Custodian) refill(ctx context.Context) error {
	for ctx.Err() == nil {
		ready, err := c.countReady(ctx)
		if err != nil {
			return err
		}
		if ready >= c.config.ReadyKeys {
			return nil
		}
		if err := c.makeCase(ctx); err != nil {
			return err
		}
	}
	return nil
}

// countReady counts the cases that a conversation could open with, as far as are
// wanted.
func (c *Custodian) countReady(ctx context.Context) (n int, err error) {
	err = c.pool.QueryRow(ctx, `
		SELECT count(*) FROM (SELECT FROM sceau.cases
			WHERE NOT opened AND coalesce(reserved_until < clock_timestamp(), true) LIMIT $1) r`, c.config.ReadyKeys).Scan(&n)
	if err != nil {
		return 0, fmt.Errorf("%w: counting ready cases: %w", errDatabase, err)
	}
	return n, nil
}

// makeCase generates the keys of one case, keeps them in Vault, has Vault sign
// their recipients, and only then makes the case known: a crash in between leaves a path in Vault that nobody
// names, and never a case whose key does not exist.
func (c *Custodian) makeCase(ctx context.Context) error {
	id := uuid.NewString()
	recipients, signatures := map[string]string{}, map[string][]byte{}
	for _, class := range []string{seal.Transcript, seal.Identity} {
		key, err := seal.NewKey(!c.config.Classical)
		if err != nil {
			return err
		}
		if err := c.vault.Create(ctx, id, class, key.Secret()); err != nil {
			return err
		}
		recipients[class] = key.Recipient
		statement, err := seal.RecipientStatement(id, class, key.Recipient)
		if err != nil {
			return err
		}
		if signatures[class], err = c.vault.SignRecipient(ctx, statement); err != nil {
			return err
		}
	}
	_, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		created := map[string]pglog.Ref{}
		for _, class := range []string{seal.Transcript, seal.Identity} {
			ref, err := turn.Append(pglog.Draft{
				Actor: custodianActor, Action: audit.ActionKeyCreated, Case: id,
				Subject: audit.Subject{Type: "key", ID: class},
				Details: audit.Details{"recipient": seal.Fingerprint(recipients[class])},
			})
			if err != nil {
				return "", pglog.Ref{}, err
			}
			created[class] = ref
		}
		_, err := turn.Tx.Exec(ctx, `
			INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq,
				transcript_signature, identity_signature)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			id, recipients[seal.Transcript], recipients[seal.Identity], created[seal.Transcript].Seq, created[seal.Identity].Seq,
			signatures[seal.Transcript], signatures[seal.Identity])
		if err != nil {
			return "", pglog.Ref{}, fmt.Errorf("%w: making a case: %w", errDatabase, err)
		}
		return id, created[seal.Identity], nil
	})
	return err
}
