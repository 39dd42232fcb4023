package pgstore

import (
	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

// Decide puts a decision into a draft: what was decided in the leaf, its exact
// input and result beside it, where an erasure can reach them.
func Decide(draft *pglog.Draft, d policy.Decision) {
	result := audit.ResultRefuse
	if d.Allow {
		result = audit.ResultAllow
	}
	input, output := pglog.NewSalt(), pglog.NewSalt()
	draft.Decision = &audit.Decision{
		ID: uuid.NewString(), Path: string(d.Point), Policy: d.Policy, Engine: d.Engine,
		Input: audit.Commit(input, "input", draft.Case, d.Input), Result: result,
	}
	if draft.Commitments == nil {
		draft.Commitments = audit.Commitments{}
	}
	draft.Commitments["result"] = audit.Commit(output, "result", draft.Case, d.Result)
	draft.Openings = append(draft.Openings,
		pglog.Opening{Field: "input", Case: draft.Case, Salt: input, Value: d.Input},
		pglog.Opening{Field: "result", Case: draft.Case, Salt: output, Value: d.Result})
}
