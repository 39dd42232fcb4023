package pgstore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// A Preview is what policy would answer now.
type Preview struct {
	At          time.Time
	Reasons     []string // why not, sorted; empty: it may be asked
	Obligations policy.Obligations
}

// Preview asks the policy in force what it would answer to a request, with the same
// facts, and records nothing: it opens nothing, and says of the case only what asking
// would say. The narrative is not looked at. Whoever is not in the conversation is
// refused as by [Store.Request].
func (s *Store) Preview(ctx context.Context, actor audit.Actor, ask Ask) (Preview, error) {
	if err := ask.Requisition.check(); err != nil {
		return Preview{}, err
	}
	// One moment of the database, without the head's lock: nobody waits for a preview.
	tx, err := s.pool.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return Preview{}, fmt.Errorf("preview a request: %w", err)
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	var took bool
	var p Preview
	if err := tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM sceau.participants WHERE case_id = $1 AND person_id = $2),
			(SELECT greatest(clock_timestamp(), at) FROM sceau.log_head)`, ask.Case, actor.Person).Scan(&took, &p.At); err != nil {
		return Preview{}, fmt.Errorf("look who took part in the conversation: %w", err)
	}
	if !took {
		return Preview{}, ErrNotFound
	}
	c, err := ReadCase(ctx, tx, ask.Case)
	switch {
	case err != nil:
		return Preview{}, err
	case !c.TookPart(actor.Person):
		return Preview{}, ErrNotFound
	case !c.TakesPart(actor):
		return Preview{}, &escalation.Refusal{Code: policy.ReasonNotParticipant, Detail: actor.ID + " is not in the conversation"}
	}
	rules, err := s.policy.In(ctx, tx)
	if err != nil {
		return Preview{}, err
	}
	messages, _, err := cite(ctx, tx, ask)
	var refused *escalation.Refusal
	if errors.As(err, &refused) {
		p.Reasons = []string{refused.Code} // a message that is not as it was read
		return p, nil
	}
	if err != nil {
		return Preview{}, err
	}
	duty, err := onDuty(ctx, tx, c, actor.Person, rules.OnDutySeen(), p.At)
	if err != nil {
		return Preview{}, err
	}
	positions := make([]int64, len(ask.Evidence))
	for i, e := range ask.Evidence {
		positions[i] = e.Position
	}
	decided, err := rules.Decide(ctx, c.RequestInput(p.At, actor, sealedAsk{Ask: ask, positions: positions}.wish(messages, duty)))
	if err != nil {
		return Preview{}, err
	}
	p.Reasons, p.Obligations = slices.Sorted(slices.Values(decided.Reasons)), decided.Obligations
	if err := c.CheckRequest(actor, p.At); err != nil && decided.Allow {
		if !errors.As(err, &refused) {
			return Preview{}, err
		}
		p.Reasons = []string{refused.Code}
	}
	return p, nil
}
