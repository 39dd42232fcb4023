package pgstore

import (
	"context"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/escalation"
)

// Printed records that the requester prints what the open reading window shows. Which
// facets these are is the log's to say.
func (s *Store) Printed(ctx context.Context, idem pglog.Idempotency, actor audit.Actor, id string) (Receipt, error) {
	return s.act(ctx, idem, id, func(_ context.Context, t *turn) error {
		if err := t.Case.CheckPrinting(t.escalation, actor, t.At); err != nil {
			return err
		}
		_, err := t.Append(escalation.PrintedEntry(t.escalation, t.At), actor, nil, nil)
		return err
	})
}
