package policy

import (
	"encoding/json"
	"time"
)

// OnDutySeen is within how long before a request a member of staff must have been seen
// to count as on duty. Callers need it before they ask: they count whom they tell
// policy of. Where the bundle has none, nobody counts.
func (p *Policy) OnDutySeen() time.Duration { return p.onDutySeen }

// OnCallAtMost is how long somebody may say, at once, that they are on call: a shift
// that nobody ended must not count for ever. Where the bundle has none, nobody can be
// on call.
func (p *Policy) OnCallAtMost() time.Duration { return p.onCallAtMost }

// seconds is a number of data that callers need before they ask, of a week at most; 0
// where it is missing, or is none.
func seconds(data map[string]any, name string) time.Duration {
	ours, _ := data[root].(map[string]any)
	numbers, _ := ours["numbers"].(map[string]any)
	n, _ := numbers[name].(json.Number)
	s, err := n.Int64()
	if err != nil || s < 0 || s > 7*24*3600 {
		return 0
	}
	return time.Duration(s) * time.Second
}
