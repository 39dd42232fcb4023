// Package activation says which policy is in force, from the entries of the log
// alone.
//
// A policy.activated entry names a bundle by its hash, has a serial number, and
// carries the signatures of the people who put it in force. Whoever reads the log
// holds each against the keys that they themselves pin, so that neither the
// database, nor its superuser, nor one operator can change policy: an entry
// without two people's signatures puts nothing in force, and ends what was.
//
//	history := activation.Begin(pinned)
//	for entry := range entries {
//		history = history.Apply(entry, hash)
//	}
//	inForce, err := history.InForce()
package activation

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// SubjectType is what a policy.activated entry is about.
const SubjectType = "policy"

// ErrNone: no policy is in force, so nothing is allowed.
var ErrNone = errors.New("no policy is in force")

// An Activation is one that two people have signed.
type Activation struct {
	policy.Signed
	Seq int64 // of its entry
}

// A History is what activations came to, up to one entry of the log. It is a
// value: applying gives another.
type History struct {
	pinned  policy.Verification
	seen    bool       // an activation, believed or not
	seq     int64      // of the latest
	hash    audit.Hash // of the latest
	highest int64      // serial that was ever believed
	inForce Activation // of the latest, when why is nil
	why     error      // the latest cannot be believed
}

// Begin is the history of a log without entries, for a reader who pins these
// signers.
func Begin(pinned policy.Verification) History { return History{pinned: pinned} }

// Latest is where the latest policy.activated entry stands, believed or not.
func (h History) Latest() (seq int64, hash audit.Hash, ok bool) { return h.seq, h.hash, h.seen }

// Apply is the history with one more entry, whose leaf has this hash. Entries of
// other actions change nothing.
//
// An entry that cannot be believed is not passed over: somebody could write it, and
// until two people activate a policy again, nothing is in force. It does not use
// up a serial, or one forged entry could end all change of policy for ever.
func (h History) Apply(e audit.Entry, hash audit.Hash) History {
	if e.Action != audit.ActionPolicyActivated {
		return h
	}
	h.seen, h.seq, h.hash = true, e.Seq, hash
	signed, err := read(e, h.pinned)
	if err == nil && signed.Serial <= h.highest {
		err = fmt.Errorf("its serial, %d, is not above %d, which was in force before: it is an old activation, replayed", signed.Serial, h.highest)
	}
	if h.why = err; err != nil {
		h.inForce = Activation{}
		return h
	}
	h.highest, h.inForce = signed.Serial, Activation{Signed: signed, Seq: e.Seq}
	return h
}

// InForce is the activation that holds after the last entry that was applied.
// Every error wraps [ErrNone] and says what to do.
func (h History) InForce() (Activation, error) {
	switch {
	case !h.seen:
		return Activation{}, fmt.Errorf("%w: none was ever activated; two people sign one with sceau policy sign, and an operator runs sceau policy activate", ErrNone)
	case h.why != nil:
		return Activation{}, fmt.Errorf("%w: entry %d cannot be believed: %w; find out who wrote it, then activate a policy signed by two "+
			"people whose keys are pinned in policy.signers, with a serial above %d", ErrNone, h.seq, h.why, h.highest)
	}
	return h.inForce, nil
}

// Refused says why the latest activation is not believed; nil when it is, or when
// there is none.
func (h History) Refused() error { return h.why }

// Next is the lowest serial that an activation can have now.
func (h History) Next() int64 { return h.highest + 1 }

// Details are what the entry of an activation holds: enough for anybody who pins
// the signers to verify it, years later, without asking the operator.
func Details(s policy.Signed) audit.Details {
	return audit.Details{
		"policy": s.Revision, "serial": s.Serial,
		"signers": s.Signers(), "signatures": s.Signatures.String(),
	}
}

// read holds an entry against the signers.
func read(e audit.Entry, pinned policy.Verification) (policy.Signed, error) {
	revision, _ := e.Details["policy"].(string)
	serial, _ := e.Details["serial"].(int64)
	listed, _ := e.Details["signatures"].(string)
	named, _ := e.Details["signers"].(string)
	switch {
	case e.Via != audit.ViaOperator:
		return policy.Signed{}, errors.New("no operator wrote it")
	case e.Subject != (audit.Subject{Type: SubjectType, ID: revision}):
		return policy.Signed{}, errors.New("it is about something else than the policy it names")
	case listed == "":
		return policy.Signed{}, errors.New("nobody signed it")
	}
	signatures, err := policy.ParseSignatures(listed)
	if err != nil {
		return policy.Signed{}, err
	}
	signed, err := pinned.Check(policy.Statement{Serial: serial, Revision: revision}, signatures)
	if err != nil {
		return policy.Signed{}, err
	}
	// Who reads the log without keys must not be told other names.
	for _, person := range signed.Persons {
		if !slices.Contains(strings.Split(named, ","), person) {
			return policy.Signed{}, errors.New("it does not name everybody who signed it")
		}
	}
	return signed, nil
}
