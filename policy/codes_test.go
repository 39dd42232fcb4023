package policy

import (
	"context"
	"maps"
	"slices"
	"testing"
)

// What people can choose from is what the rules know: each code of each list is
// allowed, and one that is no code is refused with the reason that says so.
func TestCodesAreWhatRulesKnow(t *testing.T) {
	p := loaded(t, Production)
	inputs := everyInput()
	for name, of := range map[string]struct {
		codes  []string
		with   func(code string) Input
		refuse string
	}{
		"revocations": {RevocationReasons, func(code string) Input {
			in := inputs["revoke"].(EscalationRevoke)
			in.Reason = code
			return in
		}, ReasonRevocationNotCoded},
		"unsafe": {UnsafeReasons, func(code string) Input {
			in := inputs["tellUnsafe"].(MinorTell)
			in.Reason = code
			return in
		}, ReasonTellingNotCoded},
		"tellings": {Tellings, func(code string) Input {
			in := inputs["tell"].(MinorTell)
			switch in.Outcome = code; code {
			case TellLater:
				in = inputs["tellLater"].(MinorTell)
			case TellUnsafe:
				in = inputs["tellUnsafe"].(MinorTell)
			}
			return in
		}, ReasonTellingNotCoded},
		"refusals of erasure": {ErasureRefusalReasons, func(code string) Input {
			in := inputs["erasureRefuse"].(ErasureDecide)
			in.Reason = code
			return in
		}, ReasonErasureNotCoded},
		"holds": {HoldReasons, func(code string) Input {
			in := inputs["holdSet"].(HoldSet)
			in.Reason = code
			return in
		}, ReasonHoldNotCoded},
		"lifted holds": {HoldReasons, func(code string) Input {
			in := inputs["holdLift"].(HoldLift)
			in.Reason = code
			return in
		}, ReasonHoldNotCoded},
		"authorities": {Authorities, func(code string) Input {
			in := inputs["requestRequisition"].(EscalationRequest)
			in.Requisition.Authority = code
			return in
		}, ReasonRequisitionIncomplete},
		"naming reasons": {NamingReasons, func(code string) Input {
			in := inputs["log"].(LogRead)
			in.View, in.Reason = ViewNames, code
			return in
		}, ReasonNamingNotCoded},
		"listed cases": {ListedCases, func(code string) Input {
			in := inputs["requestRequisition"].(EscalationRequest)
			in.Requisition.ListedCase = code
			return in
		}, ReasonRequisitionCaseNotListed},
	} {
		if !slices.IsSorted(of.codes) {
			t.Errorf("%s: not sorted: %q", name, of.codes)
		}
		for _, code := range of.codes {
			if d, err := p.Decide(context.Background(), of.with(code)); err != nil || !d.Allow {
				t.Errorf("%s: %s: %v, %v", name, code, d.Reasons, err)
			}
		}
		for _, code := range []string{"", "because"} {
			if d, err := p.Decide(context.Background(), of.with(code)); err != nil || !slices.Equal(d.Reasons, []string{of.refuse}) {
				t.Errorf("%s: %q: %v, %v", name, code, d.Reasons, err)
			}
		}
	}
	views := map[string]string{ViewLog: "log", ViewReviews: "log", ViewErasures: "logErasures", ViewHolds: "logErasures", ViewDue: "logErasures", ViewFigures: "log"}
	for _, view := range slices.Sorted(maps.Keys(views)) {
		in := inputs[views[view]].(LogRead)
		in.View = view
		if d, err := p.Decide(context.Background(), in); err != nil || !d.Allow {
			t.Errorf("%s: %v, %v", view, d.Reasons, err)
		}
	}
}

// The same input, asked of other numbers: what would have been decided differently.
func TestReplayByAnotherBundle(t *testing.T) {
	production, demo := loaded(t, Production), loaded(t, Demonstration)
	d, err := production.Decide(context.Background(), everyInput()["release"])
	if err != nil || !d.Allow {
		t.Fatalf("%v, %v", d.Reasons, err)
	}
	same, err := production.Replay(context.Background(), d.Point, d.Input)
	if err != nil || string(same) != string(d.Result) {
		t.Errorf("by its own bundle: %s, %v", same, err)
	}
	other, err := demo.Replay(context.Background(), d.Point, d.Input)
	if want := `{"allow":false,"obligations":{},"reasons":["grant.beyond_policy"]}`; err != nil || string(other) != want {
		t.Errorf("by the demonstration's: %s, %v", other, err)
	}
}
