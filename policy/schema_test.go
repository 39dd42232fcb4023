package policy

import (
	"context"
	"encoding/json"
	"io/fs"
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
	c := ast.NewCompiler().WithSchemas(set).WithUseTypeCheckAnnotations(true)
	if c.Compile(modules); c.Failed() {
		return c.Errors
	}
	return nil
}

// A rule that asks for a field that no input has never clears its objection: the
// type checker finds it before a child waits for it.
func TestRulesUseFieldsThatExist(t *testing.T) {
	same := func(_, text string) string { return text }
	if err := compileWithSchemas(t, same); err != nil {
		t.Fatal(err)
	}
	misspelt := func(_, text string) string {
		return strings.ReplaceAll(text, "input.escalation.read_until", "input.escalation.read_til")
	}
	if err := compileWithSchemas(t, misspelt); err == nil {
		t.Fatal("a misspelt field went unnoticed")
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
