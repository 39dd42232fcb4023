package custodian

import (
	"bytes"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/crypto/seal"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

// keyName names one case key.
type keyName struct {
	caseID string
	class  string // seal.Transcript or seal.Identity
}

// valid says whether a key can have this name.
func (k keyName) valid() bool {
	return audit.IsUUID(k.caseID) && (k.class == seal.Transcript || k.class == seal.Identity)
}

// A watch is what the log says beyond its cases, as far as it was followed: who
// is suspended, which sessions were signed out, which keys are destroyed, and
// which policy is in force. PostgreSQL's tables say the same, and whoever owns
// PostgreSQL can change them; here they change with the chain alone.
//
// It takes some 50 bytes a session of staff, and 100 a suspended person, a session that was signed out, or
// a destroyed key.
type watch struct {
	suspended   map[string]bool       // by person
	ended       map[string]int64      // by person: their latest suspension, though restored since; what they asked for before is over
	signedIn    map[[32]byte]struct{} // who signed in, see signingIn
	signedOut   map[string]struct{}   // by session
	destroyed   []claim               // in the order of the log, each key once
	isDestroyed map[keyName]struct{}
	policy      activation.History   // every activation, with its signatures
	intents     map[string]time.Time // orders to release without an outcome, by their hash in text
}

func newWatch(pinned policy.Verification) watch {
	return watch{policy: activation.Begin(pinned), suspended: map[string]bool{}, ended: map[string]int64{}, signedIn: map[[32]byte]struct{}{}, signedOut: map[string]struct{}{}, isDestroyed: map[keyName]struct{}{},
		intents: map[string]time.Time{}}
}

// note takes in one more leaf of the chain. A face's nonsense is passed over: it
// can neither suspend nor destroy, and what it signs out is one session. Whatever
// claims to activate a policy counts: when it cannot be believed, none is in force.
func (w *watch) note(seq int64, leaf []byte, hash audit.Hash) {
	action := audit.Action(actionIn(leaf))
	switch action {
	case audit.ActionIdentityReleaseOrdered, audit.ActionIdentityReleased, audit.ActionIdentityReleaseFailed,
		audit.ActionStaffSuspended, audit.ActionStaffRestored, audit.ActionStaffSignedIn, audit.ActionStaffSignedOut,
		audit.ActionKeyDestroyed, audit.ActionPolicyActivated:
	default:
		return
	}
	e, err := audit.Parse(leaf)
	if err != nil {
		e = audit.Entry{Seq: seq, Action: action}
	}
	may, _ := audit.MayRecord(e.Via, action)
	good := err == nil && may
	switch {
	case action == audit.ActionPolicyActivated:
		w.policy = w.policy.Apply(e, hash)
	case !good:
	case action == audit.ActionStaffSuspended && e.Subject.Type == "person":
		w.suspended[e.Subject.ID], w.ended[e.Subject.ID] = true, seq
	case action == audit.ActionStaffRestored && e.Subject.Type == "person":
		delete(w.suspended, e.Subject.ID)
	case action == audit.ActionStaffSignedIn:
		bearer, _ := e.Details["bearer"].(string)
		w.signedIn[signingIn(e.Actor, bearer)] = struct{}{}
	case action == audit.ActionStaffSignedOut && e.Actor.Session != "":
		w.signedOut[e.Actor.Session] = struct{}{}
	case action == audit.ActionKeyDestroyed && e.Subject.Type == "key":
		w.destroy(keyName{e.Case, e.Subject.ID}, seq)
	case action == audit.ActionIdentityReleaseOrdered:
		w.intents[hash.String()] = e.At
	case action == audit.ActionIdentityReleased, action == audit.ActionIdentityReleaseFailed:
		intent, _ := e.Details["intent"].(string)
		delete(w.intents, intent)
	}
}

func (w *watch) destroy(k keyName, seq int64) {
	if !k.valid() {
		return
	}
	if _, known := w.isDestroyed[k]; !known {
		w.isDestroyed[k] = struct{}{}
		under, err := w.policy.InForce()
		w.destroyed = append(w.destroyed, claim{keyName: k, seq: seq, under: under, lawless: err != nil})
	}
}

// actionIn finds the action in a leaf, where the trigger on the log finds it too:
// no actor before it can hold a quotation mark.
func actionIn(leaf []byte) []byte {
	_, rest, _ := bytes.Cut(leaf, []byte(`},"action":"`))
	action, _, ok := bytes.Cut(rest, []byte(`"`))
	if !ok {
		return nil
	}
	return action
}

// standing is what the log says of one member of staff.
type standing struct {
	suspended bool // the person, under all their accounts
	signedOut bool // this session
}

func (f *follower) standingOf(a audit.Actor) standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, out := f.trail.watch.signedOut[a.Session]
	return standing{suspended: f.trail.watch.suspended[a.Person], signedOut: out}
}

// signingIn is one signing in: of this account, person, role and session, by the bearer
// of a token.
func signingIn(a audit.Actor, bearer string) [32]byte {
	return sha256.Sum256([]byte(strings.Join([]string{a.ID, a.Person, a.Role, a.Session, bearer}, "\x00")))
}

// signedIn says whether the log, as it was followed, has this signing in. The entry as
// PostgreSQL has it now is not enough: whoever owns it could write another person there,
// who is not suspended.
func (f *follower) signedIn(a audit.Actor, bearer string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, in := f.trail.watch.signedIn[signingIn(a, bearer)]
	return in
}

// suspendedSince says whether a person was suspended after an entry. It does not
// matter that they were restored: what they were granted before stays ended, also
// when no sweeper recorded that meanwhile.
func (f *follower) suspendedSince(person string, seq int64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trail.watch.ended[person] > seq
}

// possiblyOpened counts the orders to release that have no outcome, and says when the
// oldest was given; zero without any.
func (f *follower) possiblyOpened() (n int, oldest time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, at := range f.trail.watch.intents {
		if oldest.IsZero() || at.Before(oldest) {
			oldest = at
		}
	}
	return len(f.trail.watch.intents), oldest
}

// policy is the activation that holds by the log as far as it was followed.
func (f *follower) policy() (activation.Activation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trail.watch.policy.InForce()
}

// destroyedFrom lists the keys that the log says are destroyed, but for the first n.
func (f *follower) destroyedFrom(n int) []claim {
	f.mu.Lock()
	defer f.mu.Unlock()
	all := f.trail.watch.destroyed
	return append([]claim(nil), all[min(n, len(all)):]...)
}

// isDestroyed says whether the log says that a key is destroyed.
func (f *follower) isDestroyed(k keyName) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, gone := f.trail.watch.isDestroyed[k]
	return gone
}
