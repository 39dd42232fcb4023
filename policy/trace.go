package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// A Rule is a rule of a bundle, as whoever signed it could read it: what clears an
// objection. When none that has a code holds, that code is a reason to refuse.
type Rule struct {
	Code string // of the objection
	File string // of the bundle
	Line int    // where its text begins, from 1
	Text string // with the comment above it
}

// Rules finds, in the bundle of this revision, the rules that decide at a point whether
// these objections stand; all of them, when no codes are given. Rules of other packages
// that the point imports come after its own.
func Rules(raw []byte, revision string, point Point, codes []string) ([]Rule, error) {
	if got := Revision(raw); got != revision {
		return nil, fmt.Errorf("reading policy %s: the bundle is %s", revision, got)
	}
	b, err := unpack(raw)
	if err != nil {
		return nil, fmt.Errorf("reading policy %s: %w", revision, err)
	}
	var rules []Rule
	for _, m := range reached(b, "data."+root+"."+string(point)) {
		lines := strings.Split(string(m.Raw), "\n")
		for _, r := range m.Parsed.Rules {
			code, ok := clears(r)
			if ok && (len(codes) == 0 || slices.Contains(codes, code)) {
				rules = append(rules, ruleAt(m, lines, r, code))
			}
		}
	}
	return rules, nil
}

// reached lists the modules of a package and of those that it imports, each once.
func reached(b *bundle.Bundle, path string) []bundle.ModuleFile {
	var all []bundle.ModuleFile
	seen := map[string]bool{}
	for next := []string{path}; len(next) > 0; next = next[1:] {
		if seen[next[0]] {
			continue
		}
		seen[next[0]] = true
		for _, m := range b.Modules {
			if m.Parsed == nil || m.Parsed.Package.Path.String() != next[0] {
				continue
			}
			all = append(all, m)
			for _, i := range m.Parsed.Imports {
				next = append(next, i.Path.String())
			}
		}
	}
	return all
}

// clears is the code of a rule "cleared contains CODE".
func clears(r *ast.Rule) (string, bool) {
	if r.Head.Name != "cleared" || r.Head.Key == nil {
		return "", false
	}
	code, ok := r.Head.Key.Value.(ast.String)
	return string(code), ok
}

func ruleAt(m bundle.ModuleFile, lines []string, r *ast.Rule, code string) Rule {
	from := r.Location.Row
	to := min(from+strings.Count(string(r.Location.Text), "\n"), len(lines))
	for from > 1 && strings.HasPrefix(lines[from-2], "#") {
		from--
	}
	return Rule{Code: code, File: strings.TrimPrefix(m.Path, "/"), Line: from, Text: strings.Join(lines[from-1:to], "\n")}
}
