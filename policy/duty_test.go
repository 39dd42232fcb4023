package policy

import (
	"encoding/json"
	"testing"
	"time"
)

func TestDutyNumbers(t *testing.T) {
	production, demo := loaded(t, Production), loaded(t, Demonstration)
	if seen, call := production.OnDutySeen(), production.OnCallAtMost(); seen != 15*time.Minute || call != 24*time.Hour {
		t.Errorf("production: seen within %s, on call for %s", seen, call)
	}
	if seen, call := demo.OnDutySeen(), demo.OnCallAtMost(); seen <= 0 || call <= 0 {
		t.Errorf("demonstration: seen within %s, on call for %s", seen, call)
	}
	// A bundle that does not say it counts nobody.
	for _, n := range []any{nil, json.Number("-1"), json.Number("1e3"), json.Number("99999999999"), "900", 900} {
		data := map[string]any{"sceau": map[string]any{"numbers": map[string]any{"on_duty_seen_s": n}}}
		if got := seconds(data, "on_duty_seen_s"); got != 0 {
			t.Errorf("%v: %s", n, got)
		}
	}
	if seconds(nil, "on_duty_seen_s") != 0 {
		t.Error("nothing counts somebody")
	}
}
