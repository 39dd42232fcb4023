package policy

import (
	"slices"
	"strings"
	"testing"
)

// Every objection that a refusal can name at a point has its rules, with their text.
func TestRulesOfACode(t *testing.T) {
	s, err := Embedded(Production)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := Rules(raw, Revision(raw), PointEscalationApprove, []string{"evidence.not_read", "approver.is_requester"})
	if err != nil || len(rules) != 2 {
		t.Fatalf("%+v, %v", rules, err)
	}
	own, shared := rules[0], rules[1]
	if own.Code != "evidence.not_read" || own.File != "escalation_approve.rego" || !strings.HasPrefix(own.Text, "# Whichever the answer") ||
		!strings.HasSuffix(own.Text, "reading.at <= input.at\n}") {
		t.Errorf("%+v", own)
	}
	lines := strings.Split(string(s.Modules[own.File]), "\n")
	if !strings.HasPrefix(own.Text, lines[own.Line-1]) {
		t.Errorf("line %d is %q", own.Line, lines[own.Line-1])
	}
	if shared.File != "four_eyes.rego" || !strings.Contains(shared.Text, `cleared contains "approver.is_requester"`) {
		t.Errorf("%+v", shared)
	}
	for _, point := range Points {
		all, err := Rules(raw, Revision(raw), point, nil)
		if err != nil {
			t.Fatal(err)
		}
		has := slices.ContainsFunc(all, func(r Rule) bool { return r.Code == ReasonRoleNotAllowed })
		if len(all) == 0 && point != PointMinorReceipt || !has && point != PointMinorReceipt && point != PointKeyDestroy && point != PointOpeningsErase {
			t.Errorf("%s: %d rules, of the role: %v", point, len(all), has)
		}
		for _, r := range all {
			if !strings.Contains(r.Text, `"`+r.Code+`"`) || r.Line < 1 {
				t.Errorf("%s: %+v", point, r)
			}
		}
	}
	if _, err := Rules(raw, "sha256:"+strings.Repeat("0", 64), PointLogRead, nil); err == nil {
		t.Error("the bundle passed for another")
	}
}
