package policy

import (
	"encoding/json"
	"time"
)

// Periods say for how long what was sealed is kept once a conversation is quiet. They
// serve to look for what is due and to show it: whether something may be destroyed is
// decided at [PointKeyDestroy] and [PointOpeningsErase] alone.
type Periods struct {
	Transcript         time.Duration
	IdentityUnreleased time.Duration // of an identity that was never opened; any other is kept with the transcript
	Openings           time.Duration
}

// Periods returns the bundle's; false where it does not have all three: then nothing
// is ever due.
func (p *Policy) Periods() (Periods, bool) { return p.periods, p.periods != Periods{} }

func periods(data map[string]any) Periods {
	ours, _ := data[root].(map[string]any)
	numbers, _ := ours["numbers"].(map[string]any)
	retention, _ := numbers["retention"].(map[string]any)
	var p Periods
	for name, into := range map[string]*time.Duration{
		"transcript_s": &p.Transcript, "identity_unreleased_s": &p.IdentityUnreleased, "openings_s": &p.Openings,
	} {
		n, _ := retention[name].(json.Number)
		s, err := n.Int64()
		if err != nil || s <= 0 || s > 100*366*24*3600 {
			return Periods{}
		}
		*into = time.Duration(s) * time.Second
	}
	return p
}
