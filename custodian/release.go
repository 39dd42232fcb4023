package custodian

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/escalation/pgstore"
	"github.com/sceau-project/sceau/policy"
)

// intent is a release that is recorded and not yet carried out.
type intent struct {
	recorded
	actor      audit.Actor
	facets     []string
	file       *escalation.Case
	escalation *escalation.Escalation
}

// release opens granted facets: the intent first, then the key, then the
// outcome, and the answer last. Whatever fails after the intent is recorded as
// failed, which gives the use of the grant back; what cannot even be recorded
// is not answered, and reads "possibly opened" for ever.
func (c *Custodian) release(ctx context.Context, o order.Release) (order.Released, error) {
	who, err := c.authenticateStaff(ctx, o.Caller)
	if err != nil {
		return order.Released{}, err
	}
	facets := slices.Compact(slices.Sorted(slices.Values(o.Facets)))
	if !audit.IsUUID(o.Escalation) {
		return order.Released{}, refuse(order.CodeEscalation)
	}
	if len(facets) != len(o.Facets) || len(facets) > len(conversation.Facets) {
		return order.Released{}, refuse(order.CodeMalformed)
	}
	in, err := c.recordIntent(ctx, who, o, facets)
	if err != nil {
		return order.Released{}, err
	}
	c.config.Reached(StepIntentDurable)

	// From here on it changes nothing when the caller goes away: there is an
	// intent, and it must get its outcome.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderTimeout)
	defer cancel()
	if c.stale(in.recorded) {
		return order.Released{}, c.fail(ctx, in, errTooLate)
	}
	opened, err := c.unwrapFacets(ctx, in)
	if err != nil && ctx.Err() != nil {
		// The order's own time ran out, in a process that stood still: no dependency is to blame.
		err = errTooLate
	}
	if err != nil {
		return order.Released{}, c.fail(ctx, in, err)
	}
	c.config.Reached(StepUnwrapped)
	if err := c.recordRelease(ctx, in, opened); err != nil {
		for _, k := range opened.keys {
			clear(k.Key)
		}
		return order.Released{}, err
	}
	c.config.Reached(StepOutcomeDurable)
	return order.Released{
		Case: in.caseID, Intent: in.ref.Hash.String(), Seq: in.ref.Seq, ReadUntil: in.escalation.ReadUntil,
		Keys: opened.keys, Altered: opened.altered,
	}, nil
}

// recordIntent decides and writes identity.release_ordered. A repeated
// idempotency key gets an intent of its own: inside the reading window it is
// the same use, and after it there is nothing to repeat.
func (c *Custodian) recordIntent(ctx context.Context, who bearer, o order.Release, facets []string) (intent, error) {
	in := intent{facets: facets}
	decide := func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		var err error
		if in.actor, err = c.actorOf(ctx, turn.Tx, who); err != nil {
			return "", pglog.Ref{}, err
		}
		docket, esc, err := c.openEscalation(ctx, turn, o.Escalation)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		in.file, in.escalation = docket.Case, esc
		if in.escalation.Requester.ID != in.actor.ID {
			// A grant of somebody else is answered as if it did not exist.
			return "", pglog.Ref{}, refuse(order.CodeEscalation)
		}
		if c.followed.suspendedSince(in.actor.Person, in.escalation.RequestSeq) {
			return "", pglog.Ref{}, refuse(policy.ReasonWrongState)
		}
		decision, err := c.ask(ctx, turn.Tx, in.file.ReleaseInput(turn.At, in.actor, in.escalation, facets, turn.ClockTrails))
		switch {
		case err != nil:
			return "", pglog.Ref{}, err
		case turn.ClockTrails:
			return "", pglog.Ref{}, errClock
		case !decision.Allow:
			return "", pglog.Ref{}, notAllowed(decision)
		}
		// The rules of the state machine hold whatever policy says.
		if err := in.file.CheckRelease(in.escalation, in.actor, facets, turn.At); err != nil {
			return "", pglog.Ref{}, err
		}
		ref, err := docket.Append(escalation.ReleaseOrderedEntry(in.escalation, facets, decision.Obligations, turn.At), in.actor, &decision, nil)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		return in.escalation.Case, ref, pgstore.Project(ctx, turn.Tx, in.escalation)
	}
	body, err := json.Marshal([]any{o.Escalation, facets})
	if err != nil {
		return intent{}, err
	}
	idem := who.idempotency(o.IdempotencyKey, body)
	if idem.Key == "" {
		return intent{}, refuse(order.CodeMalformed)
	}
	var replayed bool
	if in.recorded, replayed, err = c.record(ctx, idem, decide); err == nil && replayed {
		in.recorded, _, err = c.record(ctx, pglog.Idempotency{}, decide)
	}
	return in, err
}

// recordRelease writes identity.released, if the grant still stands: what was
// withdrawn, closed or erased meanwhile is not handed over.
func (c *Custodian) recordRelease(ctx context.Context, in intent, opened opened) error {
	var ended error
	err := c.recordOutcome(ctx, in, func(turn *pglog.Turn, file *escalation.Case, esc *escalation.Escalation) (audit.Entry, error) {
		ended = nil
		switch {
		case esc.State != escalation.Released && withdrawn(file, esc):
			ended = refuse(policy.ReasonConsentWithdrawn)
		case esc.State != escalation.Released:
			ended = refuse(policy.ReasonWrongState)
		case escalation.Passed(esc.ReadUntil, turn.At):
			ended = refuse(policy.ReasonGrantWindowOver)
		case file.Erased():
			ended = errDestroyed
		case !file.TakesPart(in.actor):
			ended = refuse(policy.ReasonNotParticipant)
		}
		if ended != nil {
			return escalation.ReleaseFailedEntry(esc, in.ref.Hash, refusal(ended).Code), nil
		}
		entry := escalation.ReleasedEntry(esc, in.ref.Hash, in.facets, opened.vaultRequest)
		if len(opened.altered) > 0 {
			entry.Details["altered"] = formatItems(opened.altered)
		}
		return entry, nil
	})
	if err != nil {
		return err
	}
	return ended
}

// withdrawn says whether what an escalation rests on is a consent that was taken back.
func withdrawn(file *escalation.Case, esc *escalation.Escalation) bool {
	given := file.Consent(esc.Consent)
	return esc.Ground == escalation.GroundConsent && (given == nil || !given.Stands())
}

// fail writes identity.release_failed and returns why it failed. When not even
// that can be written, the database's refusal is the answer.
func (c *Custodian) fail(ctx context.Context, in intent, cause error) error {
	// It has time of its own: what used up the order's, a process that stood still for
	// instance, must not leave unsaid what is certain.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), orderTimeout)
	defer cancel()
	code := refusal(cause).Code
	err := c.recordOutcome(ctx, in, func(_ *pglog.Turn, _ *escalation.Case, esc *escalation.Escalation) (audit.Entry, error) {
		return escalation.ReleaseFailedEntry(esc, in.ref.Hash, code), nil
	})
	if err != nil {
		return errors.Join(refusal(err), cause)
	}
	return cause
}

// recordOutcome writes the outcome of an intent, on the case as it is by then.
func (c *Custodian) recordOutcome(ctx context.Context, in intent,
	outcome func(*pglog.Turn, *escalation.Case, *escalation.Escalation) (audit.Entry, error),
) error {
	_, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		docket, esc, err := c.openEscalation(ctx, turn, in.escalation.ID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		entry, err := outcome(turn, docket.Case, esc)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		ref, err := docket.Append(entry, in.actor, nil, nil)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		return in.caseID, ref, pgstore.Project(ctx, turn.Tx, esc)
	})
	return err
}
