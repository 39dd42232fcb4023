package policy

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
)

func schemas(t *testing.T) map[string]any {
	t.Helper()
	all := map[string]any{}
	names, err := fs.Glob(sources, "schema/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		raw, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var v any
		if err := json.Unmarshal(raw, &v); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(strings.TrimPrefix(name, "schema/"), ".json")] = v
	}
	if len(all) != len(Points) {
		t.Fatalf("%d schemas for %d decision points", len(all), len(Points))
	}
	return all
}

func compileWithSchemas(t *testing.T, change func(name, text string) string) error {
	t.Helper()
	set := ast.NewSchemaSet()
	for name, s := range schemas(t) {
		set.Put(ast.MustParseRef("schema."+name), s)
	}
	s, err := Embedded(Production)
	if err != nil {
		t.Fatal(err)
	}
	modules := map[string]*ast.Module{}
	for name, text := range s.Modules {
		m, err := ast.ParseModuleWithOpts(name, change(name, string(text)), ast.ParserOptions{ProcessAnnotation: true})
		if err != nil {
			t.Fatal(err)
		}
		modules[name] = m
	}
	c := ast.NewCompiler().SetErrorLimit(0).WithSchemas(set).WithUseTypeCheckAnnotations(true)
	if c.Compile(modules); c.Failed() {
		return c.Errors
	}
	return nil
}

// A rule that asks for a field that no input has never clears its objection: the
// type checker finds it before a child waits for it. Each rule of each file is tried
// with its fields misspelt.
func TestRulesUseFieldsThatExist(t *testing.T) {
	if err := compileWithSchemas(t, func(_, text string) string { return text }); err != nil {
		t.Fatal(err)
	}
	field := regexp.MustCompile(`\binput\.[a-z_.]*[a-z]\b`)
	s, err := Embedded(Production)
	if err != nil {
		t.Fatal(err)
	}
	for file, text := range s.Modules {
		err := compileWithSchemas(t, func(name, text string) string {
			if name == file {
				return field.ReplaceAllString(text, "${0}z")
			}
			return text
		})
		found := map[int]bool{}
		if errs := (ast.Errors)(nil); errors.As(err, &errs) {
			for _, e := range errs {
				found[e.Location.Row] = true
			}
		}
		for i, line := range strings.Split(string(text), "\n") {
			if field.MatchString(line) && !strings.HasPrefix(line, "#") && !found[i+1] {
				t.Errorf("%s, line %d: a misspelt field went unnoticed: %s", file, i+1, line)
			}
		}
	}
}

// What Go marshals is what the schemas describe: all of it, and no more.
func TestInputsMatchSchemas(t *testing.T) {
	all := schemas(t)
	for name, in := range everyInput() {
		schema := all[strings.ReplaceAll(string(in.Point()), ".", "_")]
		raw, err := json.Marshal(in)
		if err != nil {
			t.Fatal(err)
		}
		rs, err := rego.New(rego.Query("json.match_schema(input.document, input.schema)"),
			rego.Input(map[string]any{"document": string(raw), "schema": schema})).Eval(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		answer := rs[0].Expressions[0].Value.([]any)
		if answer[0] != true {
			t.Errorf("%s: %v\n%s", name, answer[1], raw)
		}
	}
}
