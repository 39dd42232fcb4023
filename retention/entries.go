package retention

import (
	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
)

// DecidedEntry is the privacy officer's answer to a request for erasure.
func DecidedEntry(c *escalation.Case, erasure, verdict, reason string) audit.Entry {
	details := audit.Details{"verdict": verdict}
	if reason != "" {
		details["reason"] = reason
	}
	return audit.Entry{Action: audit.ActionErasureDecided, Case: c.Case,
		Subject: audit.Subject{Type: "erasure", ID: erasure}, Details: details}
}

// LiftedEntry ends a hold; the reason is what has ended.
func LiftedEntry(c *escalation.Case, hold, reason string) audit.Entry {
	return audit.Entry{Action: audit.ActionHoldLifted, Case: c.Case,
		Subject: audit.Subject{Type: "hold", ID: hold}, Details: audit.Details{"reason": reason}}
}
