package inspection

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// Policies are what [WhoseRules] concludes.
type Policies struct {
	InForce  []InForce // each that was, in order
	Decided  int64     // decisions that the policy in force made
	Unjudged int64     // decisions before the first activation of an export that begins in mid-log
	Warnings []audit.Warning
	Damage   *audit.Damage // the first; nil when all holds
}

// InForce is a policy that was, from its entry to the next activation.
type InForce struct {
	activation.Activation
	At time.Time
}

// WhoseRules says who put which policy in force, for a reader who pins these
// signers for this log, of the export in fsys that [audit.Verify] found whole:
// first is its first entry.
//
// Each process of the service believes the signers in its own configuration, and
// whoever can write that file decides whose rules it follows. The inspector's pins
// are somebody else's. An activation that they do not bear out is a warning: anybody
// with the operator's password could write it, and nothing was in force until the
// next. A decision of the custodian by rules that were not in force is damage: it
// followed rules that nobody pinned here has signed. A face's is a warning.
func WhoseRules(fsys fs.FS, first int64, pinned policy.Verification) (*Policies, error) {
	if !pinned.Pinned() {
		return nil, errors.New("no signers of policy are pinned")
	}
	r := &rules{Policies: &Policies{}, history: activation.Begin(pinned), pruned: first > 0}
	for leaf, err := range audit.Leaves(fsys) {
		if err == nil {
			err = r.visit(leaf)
		}
		if d := (*audit.Damage)(nil); errors.As(err, &d) {
			r.Damage = d
			return r.Policies, nil
		}
		if err != nil {
			return nil, err
		}
	}
	return r.Policies, nil
}

type rules struct {
	*Policies
	history activation.History
	pruned  bool
}

// What stands in such a leaf cannot be mistaken: neither ids nor codes hold a
// quotation mark.
var (
	activates = []byte(`"action":"` + audit.ActionPolicyActivated + `"`)
	decides   = []byte(`"decision":{`)
)

func (r *rules) visit(leaf []byte) error {
	if !bytes.Contains(leaf, activates) && !bytes.Contains(leaf, decides) {
		return nil // most entries: they are not parsed
	}
	e, err := parse(leaf)
	if err != nil || e == nil {
		return err
	}
	if e.Action == audit.ActionPolicyActivated {
		r.history = r.history.Apply(*e, audit.LeafHash(leaf))
		if err := r.history.Refused(); err != nil {
			r.Warnings = append(r.Warnings, audit.Warning{Seq: e.Seq, Code: audit.CodeActivation, Detail: err.Error()})
			return nil
		}
		inForce, err := r.history.InForce()
		if err != nil {
			return err
		}
		r.InForce = append(r.InForce, InForce{Activation: inForce, At: e.At})
		return nil
	}
	if e.Decision == nil {
		return nil
	}
	return r.decided(e)
}

// decided holds a decision against the policy in force at its entry: writers read
// both under the same lock, so that an honest one is never late.
func (r *rules) decided(e *audit.Entry) error {
	_, _, seen := r.history.Latest()
	inForce, err := r.history.InForce()
	switch {
	case r.pruned && !seen:
		r.Unjudged++
		return nil
	case err != nil:
		return r.notInForce(e, fmt.Sprintf("it names %s, and nothing was in force", e.Decision.Policy))
	case e.Decision.Policy != inForce.Revision:
		return r.notInForce(e, fmt.Sprintf("it names %s, and %s was in force since entry %d", e.Decision.Policy, inForce.Revision, inForce.Seq))
	}
	r.Decided++
	return nil
}

// notInForce is damage of the custodian, which opens and destroys. Whoever breaks into
// a face may name any policy: that is shown, and must not hide what comes after.
func (r *rules) notInForce(e *audit.Entry, why string) error {
	if e.Via == audit.ViaPublic || e.Via == audit.ViaStaff {
		r.Warnings = append(r.Warnings, audit.Warning{Seq: e.Seq, Code: audit.CodeUnfounded, Case: e.Case, Detail: why})
		return nil
	}
	return &audit.Damage{Seq: e.Seq, Code: audit.CodePolicy, Detail: why}
}
