package policy

import (
	"encoding/json"
	"time"
)

// OnDutySeen is within how long before a request a member of staff must have been seen
// to count as on duty. It is the one number that callers need before they ask: they
// count whom they tell policy of. Where the bundle has none, nobody counts.
func (p *Policy) OnDutySeen() time.Duration { return p.onDutySeen }

func onDutySeen(data map[string]any) time.Duration {
	ours, _ := data[root].(map[string]any)
	numbers, _ := ours["numbers"].(map[string]any)
	n, _ := numbers["on_duty_seen_s"].(json.Number)
	s, err := n.Int64()
	if err != nil || s < 0 || s > 7*24*3600 {
		return 0
	}
	return time.Duration(s) * time.Second
}
