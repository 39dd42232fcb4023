package custodian

import (
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// What the trail notes of each kind of entry, from whoever may write it and from
// nobody else.
func TestWatch(t *testing.T) {
	const p, x = "p-1", "x-1"
	amal := audit.Actor{ID: "s-1", Person: p, Role: "agent", Session: x}
	suspended := audit.Entry{Via: audit.ViaOperator, Actor: audit.Actor{ID: "operator"}, Action: audit.ActionStaffSuspended, Subject: audit.Subject{Type: "person", ID: p}}
	restored := suspended
	restored.Action = audit.ActionStaffRestored
	out := audit.Entry{Via: audit.ViaStaff, Actor: amal, Action: audit.ActionStaffSignedOut}
	gone := audit.Entry{Via: audit.ViaCustodian, Actor: custodianActor, Action: audit.ActionKeyDestroyed, Case: oneCase, Subject: audit.Subject{Type: "key", ID: "identity"}}
	ordered := audit.Entry{Via: audit.ViaCustodian, Actor: amal, Action: audit.ActionIdentityReleaseOrdered, Case: oneCase}
	with := func(e audit.Entry, change func(*audit.Entry)) audit.Entry { change(&e); return e }

	for name, c := range map[string]struct {
		entries []audit.Entry
		want    standing
		gone    []keyName
	}{
		"nothing":            {nil, standing{}, nil},
		"suspended":          {[]audit.Entry{suspended}, standing{suspended: true}, nil},
		"and restored":       {[]audit.Entry{suspended, restored}, standing{}, nil},
		"and again":          {[]audit.Entry{suspended, restored, suspended}, standing{suspended: true}, nil},
		"another person":     {[]audit.Entry{with(suspended, func(e *audit.Entry) { e.Subject.ID = "p-2" })}, standing{}, nil},
		"restored by a face": {[]audit.Entry{suspended, with(restored, func(e *audit.Entry) { e.Via = audit.ViaStaff })}, standing{suspended: true}, nil},
		"signed out":         {[]audit.Entry{out}, standing{signedOut: true}, nil},
		"another session":    {[]audit.Entry{with(out, func(e *audit.Entry) { e.Actor.Session = "x-2" })}, standing{}, nil},
		"destroyed":          {[]audit.Entry{gone, gone}, standing{}, []keyName{{oneCase, "identity"}}},
		"destroyed by a face": {[]audit.Entry{with(gone, func(e *audit.Entry) { e.Via = audit.ViaStaff })},
			standing{}, nil},
		"a key of no class": {[]audit.Entry{with(gone, func(e *audit.Entry) { e.Subject.ID = "name" })}, standing{}, nil},
	} {
		f := newFollower("sceau.test/watch", policy.Verification{}, nil, nil)
		for _, e := range c.entries {
			follow(t, f, e)
		}
		if got := f.standingOf(amal); got != c.want {
			t.Errorf("%s: %+v", name, got)
		}
		if got := keysOf(f.destroyedFrom(0)); !slices.Equal(got, c.gone) {
			t.Errorf("%s: destroyed %v", name, got)
		}
		if got := f.isDestroyed(keyName{oneCase, "identity"}); got != (len(c.gone) > 0) {
			t.Errorf("%s: destroyed %t", name, got)
		}
	}

	f := newFollower("sceau.test/watch", policy.Verification{}, nil, nil)
	first := follow(t, f, ordered)
	follow(t, f, ordered)
	follow(t, f, with(ordered, func(e *audit.Entry) {
		e.Action, e.Details = audit.ActionIdentityReleased, audit.Details{"intent": first.String()}
	}))
	if n, oldest := f.possiblyOpened(); n != 1 || !oldest.Equal(time.Unix(1, 0)) {
		t.Errorf("%d possibly opened, the oldest at %v", n, oldest)
	}
}

func keysOf(claims []claim) (keys []keyName) {
	for _, c := range claims {
		keys = append(keys, c.keyName)
	}
	return keys
}

// follow extends the trail by an entry.
func follow(t *testing.T, f *follower, e audit.Entry) audit.Hash {
	t.Helper()
	e.V, e.Seq, e.Prev, e.At = audit.Version, f.trail.next, f.trail.head, time.Unix(f.trail.next, 0).UTC()
	leaf, err := audit.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.trail.extend(e.Seq, leaf, nil); err != nil {
		t.Fatal(err)
	}
	return f.trail.head
}

// Whatever claims to activate a policy and cannot be read leaves none in force; an
// unreadable suspension or signing out by a face is passed over.
func TestWatchPassesOverNonsense(t *testing.T) {
	w := newWatch(policy.Verification{})
	for _, action := range []audit.Action{audit.ActionStaffSignedOut, audit.ActionStaffSuspended, audit.ActionKeyDestroyed, audit.ActionPolicyActivated} {
		w.note(3, []byte(`{"v":1,"actor":{"id":"x"},"action":"`+string(action)+`","nonsense`), audit.Hash{3})
	}
	if len(w.suspended)+len(w.signedOut)+len(w.destroyed) != 0 {
		t.Errorf("noted %+v", w)
	}
	if seq, _, seen := w.policy.Latest(); !seen || seq != 3 {
		t.Error("the activation was passed over")
	}
	if _, err := w.policy.InForce(); err == nil {
		t.Error("a policy is in force")
	}
}
