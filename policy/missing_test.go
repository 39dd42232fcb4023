package policy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/open-policy-agent/opa/v1/ast"
)

var update = flag.Bool("update", false, "write testdata/rests-on.txt anew")

// TestMissingFieldsRefuse removes each field of each allowed input in turn, and
// misspells it. A rule that treats "not known" as "no objection" shows here: what a
// decision rests on is written down, field by field, and whatever stops being asked
// is a line that changes. (An allowed escalation.request on imminent_danger rests on no
// consent; one on consent does.)
func TestMissingFieldsRefuse(t *testing.T) {
	p := loaded(t, Production)
	inputs := everyInput()
	names := slices.SortedFunc(maps.Keys(inputs), func(a, b string) int {
		return cmp.Or(strings.Compare(string(inputs[a].Point()), string(inputs[b].Point())), strings.Compare(a, b))
	})
	var got strings.Builder
	for _, name := range names {
		in := inputs[name]
		raw, _ := json.Marshal(in)
		fmt.Fprintf(&got, "%s: %s\n", in.Point(), name)
		rests := map[string][]string{} // parent -> fields
		for _, path := range fieldsOf(t, raw) {
			missing := allows(t, p, in.Point(), renamed(t, raw, path, ""))
			misspelt := allows(t, p, in.Point(), renamed(t, raw, path, path[strings.LastIndex(path, ".")+1:]+"s"))
			if missing != misspelt {
				t.Errorf("%s: %s missing: %t, misspelt: %t", name, path, missing, misspelt)
			}
			if !missing {
				cut := strings.LastIndex(path, ".")
				rests[path[:max(cut, 0)]] = append(rests[path[:max(cut, 0)]], path[cut+1:])
			}
		}
		for _, parent := range slices.Sorted(maps.Keys(rests)) {
			fmt.Fprintf(&got, "  %s\n", strings.Join(append([]string{cmp.Or(parent, "input") + ":"}, rests[parent]...), " "))
		}
	}
	const file = "testdata/rests-on.txt"
	if *update {
		if err := os.WriteFile(file, []byte(got.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(strings.Split(string(want), "\n"), strings.Split(got.String(), "\n")); diff != "" {
		t.Errorf("decisions rest on other fields than %s says (-it +now); look at each, then run with -update:\n%s", file, diff)
	}
}

// fieldsOf lists the path of every field of a document; lists are followed at each item.
func fieldsOf(t *testing.T, raw []byte) []string {
	t.Helper()
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	var all []string
	var walk func(v any, at string)
	walk = func(v any, at string) {
		switch v := v.(type) {
		case map[string]any:
			for key, below := range v {
				all = append(all, at+key)
				walk(below, at+key+".")
			}
		case []any:
			for i, item := range v {
				walk(item, at+strconv.Itoa(i)+".")
			}
		}
	}
	walk(doc, "")
	slices.Sort(all)
	return all
}

// renamed gives the field at path another name, or removes it.
func renamed(t *testing.T, raw []byte, path, as string) []byte {
	t.Helper()
	var doc any
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	keys := strings.Split(path, ".")
	at, last := doc, keys[len(keys)-1]
	for _, key := range keys[:len(keys)-1] {
		switch v := at.(type) {
		case map[string]any:
			at = v[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil {
				t.Fatal(err)
			}
			at = v[i]
		}
	}
	object, ok := at.(map[string]any)
	if _, has := object[last]; !ok || !has {
		t.Fatalf("no field %s in %s", path, raw)
	}
	if as != "" {
		object[as] = object[last]
	}
	delete(object, last)
	out, err := json.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func allows(t *testing.T, p *Policy, point Point, input []byte) bool {
	t.Helper()
	value, err := ast.ValueFromReader(bytes.NewReader(input))
	if err != nil {
		t.Fatal(err)
	}
	result, _, err := p.evaluate(context.Background(), point, value)
	if err != nil {
		return false
	}
	var d Decision
	return d.read(result) == nil && d.Allow
}
