package policy

import (
	"encoding/json"
	"testing"
	"time"
)

func TestOnDutySeen(t *testing.T) {
	if got := loaded(t, Production).OnDutySeen(); got != 15*time.Minute {
		t.Errorf("production: %s", got)
	}
	if got := loaded(t, Demonstration).OnDutySeen(); got <= 0 {
		t.Errorf("demonstration: %s", got)
	}
	// A bundle that does not say it counts nobody.
	for _, n := range []any{nil, json.Number("-1"), json.Number("1e3"), json.Number("99999999999"), "900", 900} {
		data := map[string]any{"sceau": map[string]any{"numbers": map[string]any{"on_duty_seen_s": n}}}
		if got := onDutySeen(data); got != 0 {
			t.Errorf("%v: %s", n, got)
		}
	}
	if onDutySeen(nil) != 0 {
		t.Error("nothing counts somebody")
	}
}
