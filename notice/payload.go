package notice

import (
	"encoding/json"
	"slices"
	"time"
)

// timeForm is the log's: UTC, always six digits.
const timeForm = "2006-01-02T15:04:05.000000Z"

// Payload is the body of a webhook, and all of it:
//
//	{"type":"request_waiting","id":"…","at":"2026-11-20T08:00:00.000000Z","roles":["supervisor"],"unit":"u-09"}
//
// unit is absent when everybody of the roles is called.
func (n Notice) Payload() ([]byte, error) {
	if err := n.Check(); err != nil {
		return nil, err
	}
	if !slices.Contains(unitFirst, n.Kind) {
		n.Unit = ""
	}
	return json.Marshal(struct {
		Type  Kind     `json:"type"`
		ID    string   `json:"id"`
		At    string   `json:"at"`
		Roles []string `json:"roles"`
		Unit  string   `json:"unit,omitempty"`
	}{n.Kind, n.ID, n.At.UTC().Truncate(time.Microsecond).Format(timeForm), n.Kind.Roles(), n.Unit})
}
