package policy

import (
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var code = regexp.MustCompile(`"([a-z]+\.[a-z_]+)"`)

// Every code that a rule can give is in Reasons, and every code in Reasons can be
// given by a rule or by the code that goes with the rules.
func TestReasonsAreWhatRulesGive(t *testing.T) {
	given := map[string]bool{}
	names, err := fs.Glob(sources, "*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		text, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range code.FindAllStringSubmatch(string(text), -1) {
			given[m[1]] = true
			if !slices.Contains(Reasons, m[1]) {
				t.Errorf("%s gives %s, which is not in Reasons", name, m[1])
			}
		}
	}
	outside := []string{ReasonPolicyFailed, ReasonDenialNotCoded, ReasonStaffSuspended} // by callers, not by rules
	for _, r := range Reasons {
		if !given[r] && !slices.Contains(outside, r) {
			t.Errorf("no rule gives %s", r)
		}
	}
	text, err := os.ReadFile("reasons.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range code.FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(Reasons, m[1]) {
			t.Errorf("%s is not in Reasons", m[1])
		}
	}
	if !slices.IsSorted(Reasons) || len(slices.Compact(slices.Clone(Reasons))) != len(Reasons) {
		t.Errorf("Reasons is not sorted, each once: %q", Reasons)
	}
}
