package policy

import (
	"encoding/json"
	"testing"
	"time"
)

// The numbers that a list of what is due is made with are those of the rules.
func TestPeriods(t *testing.T) {
	retention := func(transcript, identity, openings any) map[string]any {
		return map[string]any{root: map[string]any{"numbers": map[string]any{"retention": map[string]any{
			"transcript_s": transcript, "identity_unreleased_s": identity, "openings_s": openings,
		}}}}
	}
	n := func(s string) json.Number { return json.Number(s) }
	want := Periods{Transcript: 3 * time.Second, IdentityUnreleased: 2 * time.Second, Openings: 4 * time.Second}
	if got := periods(retention(n("3"), n("2"), n("4"))); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	for name, data := range map[string]map[string]any{
		"nothing": nil, "no retention": {root: map[string]any{"numbers": map[string]any{}}},
		"one missing": retention(n("3"), nil, n("4")), "at once": retention(n("3"), n("0"), n("4")),
		"before": retention(n("-3"), n("2"), n("4")), "a text": retention("3", n("2"), n("4")),
		"no whole number": retention(n("3.5"), n("2"), n("4")), "beyond any time": retention(n("3"), n("2"), n("9000000000000000")),
	} {
		if got := periods(data); got != (Periods{}) {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for _, v := range []Variant{Production, Demonstration} {
		if got, ok := loaded(t, v).Periods(); !ok || got.IdentityUnreleased > got.Transcript || got.Transcript > got.Openings {
			t.Errorf("%s: %+v, %t", v, got, ok)
		}
	}
}
