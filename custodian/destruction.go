package custodian

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/retention"
	retentionstore "github.com/sceau-project/sceau/retention/pgstore"
)

// How often is looked for what must be destroyed, where the configuration says
// nothing.
const (
	erasureEvery   = 3 * time.Second
	retentionEvery = time.Hour
	candidatesPage = 100
	// erasureAgain is after how long an erasure that was refused or failed is tried
	// again: each try takes a turn of the log.
	erasureAgain = 20 * time.Second
)

var classes = []string{seal.Transcript, seal.Identity}

// sweep destroys what policy says is to be destroyed: cases whose erasure a
// privacy officer granted, at once; what was kept long enough, now and then.
func (c *Custodian) sweep(ctx context.Context) {
	erasures, retention := time.NewTicker(c.config.ErasureEvery), time.NewTicker(c.config.RetentionEvery)
	defer erasures.Stop()
	defer retention.Stop()
	said, later := map[string]string{}, map[string]time.Time{}
	run := func(what string, do func(context.Context) error) {
		if !c.destroyer.isCleared() {
			return // what is destroyed already comes first
		}
		err := do(ctx)
		now := ""
		if err != nil {
			now = refusal(err).Code
		}
		if err != nil && ctx.Err() == nil && now != said[what] {
			c.logger.WarnContext(ctx, "destroying what is due failed", "reason", what, "code", now, "error", err)
		}
		said[what] = now
	}
	for {
		select {
		case <-ctx.Done():
			return
		case <-erasures.C:
			run(policy.DestroyErasure, func(ctx context.Context) error { return c.sweepErasures(ctx, later) })
		case <-retention.C:
			run(policy.DestroyRetention, c.sweepRetention)
		}
	}
}

// erasuresDue are granted erasures that were not carried out. destroyed_seq lets the
// index hold these alone; the keys are asked for too, since retention may have taken
// them before. What a hold keeps is not due.
const erasuresDue = `
	FROM sceau.erasures e JOIN sceau.cases c USING (case_id)
	WHERE e.verdict = 'granted' AND e.destroyed_seq IS NULL
		AND (c.transcript_destroyed_seq IS NULL OR c.identity_destroyed_seq IS NULL)
		AND NOT EXISTS (SELECT FROM sceau.holds h WHERE h.case_id = e.case_id AND h.lifted_seq IS NULL)`

// erasuresWait is for how long the oldest granted erasure has waited to be carried
// out, 0 without any.
func (c *Custodian) erasuresWait(ctx context.Context) (oldest time.Duration, err error) {
	var seconds float64
	err = c.pool.QueryRow(ctx, `SELECT coalesce(extract(epoch FROM max(clock_timestamp() - e.decided_at)), 0)::float8`+erasuresDue).Scan(&seconds)
	return time.Duration(seconds * float64(time.Second)), err
}

// sweepErasures destroys the cases whose erasure was granted. The rows only say
// where to look: what is decided is decided on the entries. What could not be
// destroyed is tried again after a while, and stops no other.
func (c *Custodian) sweepErasures(ctx context.Context, later map[string]time.Time) error {
	var failed []error
	for after := uuid.Nil.String(); ctx.Err() == nil; {
		rows, err := c.pool.Query(ctx, `SELECT DISTINCT e.case_id::text`+erasuresDue+` AND e.case_id > $1 ORDER BY 1 LIMIT $2`,
			after, candidatesPage)
		if err != nil {
			return fmt.Errorf("%w: looking for erasures: %w", errDatabase, err)
		}
		due, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return fmt.Errorf("%w: looking for erasures: %w", errDatabase, err)
		}
		for _, id := range due {
			if now := c.config.Now(); now.Before(later[id]) {
				continue
			}
			delete(later, id)
			if err := c.destroyCase(ctx, id, policy.DestroyErasure); err != nil {
				failed = append(failed, fmt.Errorf("case %s: %w", id, err))
				later[id] = c.config.Now().Add(erasureAgain)
			}
		}
		if len(due) < candidatesPage {
			break
		}
		after = due[len(due)-1]
	}
	return errors.Join(failed...)
}

// sweepRetention destroys what was kept for as long as policy lets it be. The
// numbers are policy's; the rows only say where to look.
func (c *Custodian) sweepRetention(ctx context.Context) error {
	at, err := c.lookAround(ctx)
	if err != nil {
		return err
	}
	rules, err := c.inForce(ctx, c.pool)
	if err != nil {
		return err
	}
	periods, ok := rules.Periods()
	if !ok {
		return nil // a policy without periods keeps everything
	}
	var failed []error
	for after := ""; ctx.Err() == nil; {
		due, err := retentionstore.Candidates(ctx, c.pool, periods, at, after, candidatesPage)
		if err != nil {
			return fmt.Errorf("%w: %w", errDatabase, err)
		}
		if len(due) == 0 {
			break
		}
		for _, id := range due {
			if err := c.destroyCase(ctx, id, policy.DestroyRetention); err != nil {
				failed = append(failed, fmt.Errorf("case %s: %w", id, err))
			}
		}
		after = due[len(due)-1]
	}
	return errors.Join(failed...)
}

// destroyCase writes that keys of a case are destroyed, and has them destroyed: the
// entry first, so that a crash at any moment leaves a log which says so, and a
// custodian that does it. An erasure takes both keys and the openings, or nothing.
func (c *Custodian) destroyCase(ctx context.Context, caseID, reason string) error {
	var keys []keyName
	_, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		keys = nil
		docket, err := c.openDocket(ctx, turn, caseID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		d := destruction{c: c, turn: turn, docket: docket, reason: reason}
		if d.lastMessage, err = retentionstore.LastMessage(ctx, turn.Tx, caseID); err != nil {
			return "", pglog.Ref{}, fmt.Errorf("%w: %w", errDatabase, err)
		}
		if granted := docket.Case.Granted(); reason == policy.DestroyErasure && granted != nil {
			d.erasure = granted.ID
		}
		for _, class := range classes {
			did, err := d.key(ctx, class)
			if err != nil {
				return "", pglog.Ref{}, err
			}
			if did {
				keys = append(keys, keyName{caseID, class})
			}
		}
		if err := d.openings(ctx); err != nil {
			return "", pglog.Ref{}, err
		}
		if d.last.At.IsZero() {
			return "", pglog.Ref{}, errNothingDue
		}
		return caseID, d.last, d.carriedOut(ctx)
	})
	switch {
	case errors.Is(err, errNothingDue):
		return nil // another custodian was faster, or the row is not what the log says
	case err != nil:
		return err
	}
	c.config.Reached(StepDestroyDurable)
	if err := c.destroyed.add(keys...); err != nil {
		return err
	}
	c.forgetEnded()
	c.destroyer.poke()
	return nil
}

// errNothingDue ends a turn in which nothing was destroyed.
var errNothingDue = errors.New("nothing of the case is to be destroyed")

// A destruction is one turn of destroying.
type destruction struct {
	c       *Custodian
	turn    *pglog.Turn
	docket  *pgstore.Docket
	reason  string
	erasure string // id of the granted erasure
	last    pglog.Ref

	lastMessage time.Time
}

// decide asks policy. What retention may not take yet is left; what an erasure may
// not take stops all of it.
func (d *destruction) decide(ctx context.Context, in policy.Input) (*policy.Decision, error) {
	decision, err := d.c.ask(ctx, d.turn.Tx, in)
	switch {
	case err != nil:
		return nil, err
	case d.turn.ClockTrails, d.turn.At.Sub(d.c.config.Now()).Abs() > clockApart:
		// No time that has passed can be trusted, and PostgreSQL alone must not be able
		// to end the time of everything at once.
		return nil, errClock
	case decision.Allow:
		return &decision, nil
	case d.reason == policy.DestroyErasure:
		return nil, notAllowed(decision)
	}
	return nil, nil
}

func (d *destruction) details() audit.Details {
	details := audit.Details{"reason": d.reason}
	if d.erasure != "" {
		details["erasure"] = d.erasure
	}
	return details
}

func (d *destruction) key(ctx context.Context, class string) (did bool, err error) {
	file := d.docket.Case
	if k := file.Key(class); k == nil || k.Destroyed {
		return false, nil
	}
	decision, err := d.decide(ctx, retention.DestroyInput(file, d.turn.At, d.lastMessage, retention.What(class), d.reason))
	if err != nil || decision == nil {
		return false, err
	}
	ref, err := d.docket.Append(audit.Entry{
		Action: audit.ActionKeyDestroyed, Case: file.Case,
		Subject: audit.Subject{Type: "key", ID: class}, Details: d.details(),
	}, custodianActor, decision, nil)
	if err != nil {
		return false, err
	}
	d.last = ref
	if _, err := d.turn.Tx.Exec(ctx, `UPDATE sceau.cases SET `+class+`_destroyed_seq = $2 WHERE case_id = $1`, file.Case, ref.Seq); err != nil {
		return false, fmt.Errorf("%w: noting a destroyed key: %w", errDatabase, err)
	}
	return true, nil
}

// openings erases what opens the commitments of the case's entries, but for those
// that this turn writes and those of the answers to requests for erasure: ids and
// codes, which say why it was done.
func (d *destruction) openings(ctx context.Context) error {
	file := d.docket.Case
	if file.OpeningsErased > 0 || d.reason == policy.DestroyErasure && !file.Gone() {
		return nil
	}
	decision, err := d.decide(ctx, retention.OpeningsInput(file, d.turn.At, d.lastMessage, d.reason))
	if err != nil || decision == nil {
		return err
	}
	details := d.details()
	if d.last, err = d.docket.Append(audit.Entry{
		Action: audit.ActionOpeningsErased, Case: file.Case, Details: details,
	}, custodianActor, decision, nil); err != nil {
		return err
	}
	var answers []int64
	for _, r := range file.Erasures {
		if r.DecidedSeq > 0 {
			answers = append(answers, r.DecidedSeq)
		}
	}
	if _, err := d.turn.Tx.Exec(ctx, `DELETE FROM sceau.openings WHERE case_id = $1 AND seq <> ALL(coalesce($2, '{}'::bigint[]))`, file.Case, answers); err != nil {
		return fmt.Errorf("%w: erasing openings: %w", errDatabase, err)
	}
	return nil
}

// carriedOut notes on the erasure's row that it needs no more looking at. A row that
// somebody changed is left as it is: the entries say what was done.
func (d *destruction) carriedOut(ctx context.Context) error {
	if d.erasure == "" {
		return nil
	}
	if _, err := d.turn.Tx.Exec(ctx, `
		UPDATE sceau.erasures SET destroyed_seq = $2
		WHERE erasure_id = $1 AND verdict = 'granted' AND decided_seq < $2 AND destroyed_seq IS NULL`, d.erasure, d.last.Seq); err != nil {
		return fmt.Errorf("%w: noting an erasure: %w", errDatabase, err)
	}
	return nil
}
