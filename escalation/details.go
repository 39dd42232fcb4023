package escalation

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/policy"
)

// Details of a leaf are flat, so lists are text: facets and codes sorted by
// bytes, positions ascending, approvals "role:count" sorted; separated by
// commas. Readers accept only what these writers write.

// FormatFacets writes a list of facets, sorted, each once.
func FormatFacets(facets []string) string { return strings.Join(sorted(facets), ",") }

// ParseFacets reads what [FormatFacets] writes: known facets, at least one.
func ParseFacets(s string) ([]string, error) {
	facets := strings.Split(s, ",")
	for i, f := range facets {
		if !conversation.Facet(f).Known() || (i > 0 && f <= facets[i-1]) {
			return nil, fmt.Errorf("facets %.80q are not a sorted list", s)
		}
	}
	return facets, nil
}

// FormatPositions writes positions of messages, ascending, each once.
func FormatPositions(positions []int64) string {
	var texts []string
	for _, p := range sorted(positions) {
		texts = append(texts, strconv.FormatInt(p, 10))
	}
	return strings.Join(texts, ",")
}

// ParsePositions reads what [FormatPositions] writes, at least one position.
func ParsePositions(s string) ([]int64, error) {
	var positions []int64
	for i, text := range strings.Split(s, ",") {
		p, err := strconv.ParseInt(text, 10, 64)
		if err != nil || p < 0 || strconv.FormatInt(p, 10) != text || (i > 0 && p <= positions[i-1]) {
			return nil, fmt.Errorf("positions %.80q are not an ascending list", s)
		}
		positions = append(positions, p)
	}
	return positions, nil
}

// FormatNeeded writes the approvals that policy asks for.
func FormatNeeded(needed []policy.ApprovalNeeded) string {
	texts := make([]string, len(needed))
	for i, n := range needed {
		texts[i] = n.Role + ":" + strconv.FormatInt(n.Count, 10)
	}
	slices.Sort(texts)
	return strings.Join(texts, ",")
}

// ParseNeeded reads what [FormatNeeded] writes. It refuses an empty list:
// nothing is granted without an approval.
func ParseNeeded(s string) ([]policy.ApprovalNeeded, error) {
	var needed []policy.ApprovalNeeded
	for i, text := range strings.Split(s, ",") {
		role, number, ok := strings.Cut(text, ":")
		count, err := strconv.ParseInt(number, 10, 64)
		if !ok || err != nil || count < 1 || strconv.FormatInt(count, 10) != number ||
			!slices.Contains(approvers, role) || (i > 0 && role <= needed[i-1].Role) {
			return nil, fmt.Errorf("approvals %.80q are not a sorted list of role:count", s)
		}
		needed = append(needed, policy.ApprovalNeeded{Role: role, Count: count})
	}
	return needed, nil
}

// approvers are the roles whose yes policy may ask for.
var approvers = []string{policy.RolePrivacyOfficer, policy.RoleSupervisor}

// details reads the details of one entry; the first failure stays in err.
type details struct {
	of  audit.Details
	err error
}

func detailsOf(e audit.Entry) *details { return &details{of: e.Details} }

func (d *details) fail(key string, err error) {
	if d.err == nil {
		d.err = fmt.Errorf("details.%s: %w", key, err)
	}
}

func (d *details) text(key string) string {
	s, ok := d.of[key].(string)
	if !ok || s == "" {
		d.fail(key, fmt.Errorf("missing text"))
	}
	return s
}

// maybeText reads a text that may be absent. One that is there is not empty.
func (d *details) maybeText(key string) string {
	if _, ok := d.of[key]; !ok {
		return ""
	}
	return d.text(key)
}

// maybeTime reads a time that may be absent.
func (d *details) maybeTime(key string) time.Time {
	if _, ok := d.of[key]; !ok {
		return time.Time{}
	}
	return d.time(key)
}

// number reads an integer between 1 and most.
func (d *details) number(key string, most int64) int64 {
	n, ok := d.of[key].(int64)
	if !ok || n < 1 || n > most {
		d.fail(key, fmt.Errorf("%v is not between 1 and %d", d.of[key], most))
	}
	return n
}

func (d *details) seconds(key string) time.Duration {
	return time.Duration(d.number(key, maxSeconds)) * time.Second
}

// maybeSeconds reads a duration that may be absent.
func (d *details) maybeSeconds(key string) time.Duration {
	if _, ok := d.of[key]; !ok {
		return 0
	}
	return d.seconds(key)
}

func (d *details) time(key string) time.Time {
	t, err := audit.ParseTime(d.text(key))
	if err != nil {
		d.fail(key, err)
	}
	return t
}

func (d *details) hash(key string) audit.Hash {
	h, err := audit.ParseHash(d.text(key))
	if err != nil {
		d.fail(key, err)
	}
	return h
}

func (d *details) facets() []string {
	f, err := ParseFacets(d.text("facets"))
	if err != nil {
		d.fail("facets", err)
	}
	return f
}

// maxSeconds keeps a duration from overflowing: a lift that lasts ten years is
// no lift anyway.
const maxSeconds = 10 * 366 * 24 * 3600
