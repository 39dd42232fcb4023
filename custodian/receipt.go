package custodian

import (
	"context"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
)

// giveReceipt answers a minor who asks who opened their identity, and writes that
// it did.
//
// Whoever looks over the child's shoulder must not learn from the answer that there
// was an opening which may not be told yet. So the answer is made in one way
// whatever it says: the same queries, the same question to policy with every
// escalation in it, the same entry without a detail. "Never opened" and "not
// tellable yet" are then the same bytes.
func (c *Custodian) giveReceipt(ctx context.Context, o order.AskReceipt) (order.Receipt, error) {
	who, err := c.authenticateMinor(ctx, o.Caller)
	if err != nil {
		return order.Receipt{}, err
	}
	caseID, err := c.ownCase(ctx, who)
	if err != nil {
		return order.Receipt{}, err
	}
	var openings []order.Opening
	r, _, err := c.record(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (string, pglog.Ref, error) {
		docket, err := c.openDocket(ctx, turn, caseID)
		if err != nil {
			return "", pglog.Ref{}, err
		}
		file := docket.Case
		if err := ownToken(ctx, turn.Tx, who, file); err != nil {
			return "", pglog.Ref{}, err
		}
		if file.Gone() {
			return "", pglog.Ref{}, errDestroyed
		}
		decision, err := c.ask(ctx, turn.Tx, file.ReceiptInput(turn.At))
		switch {
		case err != nil:
			return "", pglog.Ref{}, err
		case !decision.Allow:
			return "", pglog.Ref{}, notAllowed(decision)
		}
		openings = openingsOf(file, decision.Obligations.Tellable)
		ref, err := docket.Append(audit.Entry{Action: audit.ActionReceiptGiven, Case: caseID}, minorActor, &decision, nil)
		return caseID, ref, err
	})
	if err != nil {
		return order.Receipt{}, err
	}
	return order.Receipt{AsOf: r.ref.At, Openings: openings}, nil
}

// openingsOf lists what was opened, or may have been, under the escalations that
// may be told of; the earliest first.
func openingsOf(file *escalation.Case, tellable []string) []order.Opening {
	openings := []order.Opening{} // none is [] in the answer, never null
	for _, e := range file.Escalations {
		at := e.OpenedAt()
		if at.IsZero() || !slices.Contains(tellable, e.ID) {
			continue
		}
		o := order.Opening{OpenedAt: at, Ground: e.Ground, How: order.OpenedApproved, Review: e.Review.Verdict}
		for _, i := range e.Intents {
			if i.Outcome != escalation.Failed {
				o.Facets = append(o.Facets, i.Facets...)
			}
		}
		slices.Sort(o.Facets)
		o.Facets = slices.Compact(o.Facets)
		if !e.BrokenAt.IsZero() {
			o.How = order.OpenedBreakGlass
		}
		if e.ReviewDue() {
			o.Review = order.ReviewDue
		}
		o.Told = slices.ContainsFunc(e.Tellings, func(t escalation.Telling) bool { return t.Outcome == policy.Told })
		openings = append(openings, o)
	}
	slices.SortStableFunc(openings, func(a, b order.Opening) int { return a.OpenedAt.Compare(b.OpenedAt) })
	return openings
}
