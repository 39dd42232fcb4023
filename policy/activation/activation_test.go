package activation_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/policy/activation"
)

const origin = "sceau.test/activation"

type holder struct{ person, private, public string }

func hold(t *testing.T, person string) holder {
	t.Helper()
	private, public, err := policy.GenerateKey("key-of-" + person)
	if err != nil {
		t.Fatal(err)
	}
	return holder{person, private, public}
}

func pin(t *testing.T, holders ...holder) policy.Verification {
	t.Helper()
	var signers []policy.Signer
	for _, h := range holders {
		signers = append(signers, policy.Signer{Person: h.person, Key: h.public})
	}
	v, err := policy.Pin(origin, signers)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func revision(digit string) string { return "sha256:" + strings.Repeat(digit, 64) }

// signed is the entry of an activation that these have signed.
func signed(t *testing.T, serial int64, digit string, by ...holder) audit.Entry {
	t.Helper()
	s := policy.Statement{Origin: origin, Serial: serial, Revision: revision(digit)}
	var note []byte
	for _, h := range by {
		var err error
		if note, err = policy.Sign(s, note, h.private); err != nil {
			t.Fatal(err)
		}
	}
	opened, err := pin(t, by...).Open(note)
	if err != nil {
		t.Fatal(err)
	}
	return audit.Entry{
		Via: audit.ViaOperator, Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated,
		Subject: audit.Subject{Type: activation.SubjectType, ID: opened.Revision}, Details: activation.Details(opened),
	}
}

// with is the entry, changed.
func with(e audit.Entry, change func(*audit.Entry)) audit.Entry {
	e.Details = maps.Clone(e.Details)
	change(&e)
	return e
}

// follow applies entries in this order.
func follow(pinned policy.Verification, entries ...audit.Entry) activation.History {
	h := activation.Begin(pinned)
	for i, e := range entries {
		e.Seq = int64(i)
		h = h.Apply(e, audit.LeafHash([]byte{byte(i)}))
	}
	return h
}

// What a log says, and which policy is in force by it.
func TestWhichPolicyIsInForce(t *testing.T) {
	one, two, three, left := hold(t, "p-1"), hold(t, "p-2"), hold(t, "p-3"), hold(t, "p-left")
	pinned := pin(t, one, two, three)
	a, b, c := signed(t, 1, "a", one, two), signed(t, 2, "b", two, three), signed(t, 9, "c", one, three)
	before := signed(t, 5, "d", left, two) // by somebody who has left since
	bare := with(c, func(e *audit.Entry) { e.Details = audit.Details{"policy": e.Subject.ID} })
	for _, tt := range []struct {
		what    string
		entries []audit.Entry
		want    string // digit of the revision, or a part of the reason
		next    int64
	}{
		{"nothing", nil, "none was ever activated", 1},
		{"one", []audit.Entry{a}, "a", 2},
		{"two", []audit.Entry{a, b}, "b", 3},
		{"serials may leave gaps", []audit.Entry{a, c}, "c", 10},
		{"another action", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Action = audit.ActionLogExported })}, "a", 2},

		{"replayed", []audit.Entry{a, b, a}, "not above 2", 3},
		{"replayed at once", []audit.Entry{a, a}, "not above 1", 2},
		{"signed long ago, never used", []audit.Entry{b, signed(t, 1, "d", one, two)}, "not above 2", 3},
		{"replayed, then put right", []audit.Entry{a, b, a, c}, "c", 10},

		{"unsigned, as before signatures", []audit.Entry{a, bare}, "nobody signed it", 2},
		{"unsigned, then put right", []audit.Entry{a, bare, b}, "b", 3},
		{"a forged entry uses up no serial", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Details["serial"] = int64(policy.MaxSerial) }), b}, "b", 3},
		{"signed by one and one who left", []audit.Entry{a, before}, "1 of 2", 2},
		{"before somebody left", []audit.Entry{before, a}, "a", 2},

		{"the bundle swapped", []audit.Entry{a, with(b, func(e *audit.Entry) {
			e.Subject.ID, e.Details["policy"] = revision("e"), revision("e")
		})}, "is not of this text", 2},
		{"the subject swapped", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Subject.ID = revision("e") })}, "something else", 2},
		{"signatures of another", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Details["signatures"] = c.Details["signatures"] })}, "is not of this text", 2},
		{"the serial raised", []audit.Entry{b, with(a, func(e *audit.Entry) { e.Details["serial"] = int64(3) })}, "is not of this text", 3},
		{"the serial a text", []audit.Entry{with(a, func(e *audit.Entry) { e.Details["serial"] = "1" })}, "serial must lie", 1},
		{"another's name over it", []audit.Entry{with(a, func(e *audit.Entry) { e.Details["signers"] = "p-1,p-3" })}, "does not name everybody", 1},
		{"a face wrote it", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Via = audit.ViaStaff })}, "no operator", 2},
		{"the custodian wrote it", []audit.Entry{a, with(b, func(e *audit.Entry) { e.Via = audit.ViaCustodian })}, "no operator", 2},
	} {
		h := follow(pinned, tt.entries...)
		inForce, err := h.InForce()
		switch {
		case len(tt.want) == 1 && (err != nil || inForce.Revision != revision(tt.want) || len(inForce.Persons) < 2):
			t.Errorf("%s: %+v, %v", tt.what, inForce, err)
		case len(tt.want) > 1 && (!errors.Is(err, activation.ErrNone) || !strings.Contains(err.Error(), tt.want) || inForce.Revision != ""):
			t.Errorf("%s: %+v, %v; it should say %q", tt.what, inForce, err, tt.want)
		}
		if h.Next() != tt.next {
			t.Errorf("%s: next is %d, not %d", tt.what, h.Next(), tt.next)
		}
		if _, _, seen := h.Latest(); seen != (len(tt.entries) > 0) {
			t.Errorf("%s: seen is %v", tt.what, seen)
		}
	}
	if _, err := follow(policy.Verification{}, a).InForce(); !errors.Is(err, activation.ErrNone) {
		t.Errorf("without pins: %v", err)
	}
	if _, err := follow(pin(t, one, three), a).InForce(); !errors.Is(err, activation.ErrNone) {
		t.Errorf("for who pins other people: %v", err)
	}
}

// An activation fits into a leaf, spelled as leaves are, and is found again.
func TestAnActivationIsALeaf(t *testing.T) {
	one, two := hold(t, "p-1"), hold(t, "p-2")
	e := signed(t, policy.MaxSerial, "a", one, two)
	e.At = e.At.AddDate(2026, 0, 0).UTC()
	e.V, e.Prev = audit.Version, audit.Genesis(origin)
	leaf, err := audit.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	back, err := audit.Parse(leaf)
	if err != nil {
		t.Fatal(err)
	}
	if inForce, err := follow(pin(t, one, two), back).InForce(); err != nil || inForce.Serial != policy.MaxSerial || inForce.Signers() != "p-1,p-2" {
		t.Errorf("%+v, %v", inForce, err)
	}
}
