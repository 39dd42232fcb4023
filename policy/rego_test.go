package policy

import (
	"context"
	"io/fs"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/storage"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestRules runs the tests beside the rules, and fails when a line of a rule is
// not reached.
func TestRules(t *testing.T) {
	ctx := context.Background()
	modules := map[string]*ast.Module{}
	names, err := fs.Glob(sources, "*.rego")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := sources.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if modules[name], err = ast.ParseModule(name, string(text)); err != nil {
			t.Fatal(err)
		}
	}
	s, err := Embedded(Production)
	if err != nil {
		t.Fatal(err)
	}
	store := inmem.NewFromObject(s.Data)
	coverage := cover.New()
	txn, err := store.NewTransaction(ctx, storage.WriteParams)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Abort(ctx, txn)
	results, err := tester.NewRunner().SetStore(store).SetModules(modules).
		SetCoverageQueryTracer(coverage).RunTests(ctx, txn)
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for r := range results {
		ran++
		if !r.Pass() {
			t.Errorf("%s.%s: failed (%v)", r.Package, r.Name, r.Error)
		}
	}
	if ran < 40 {
		t.Errorf("only %d tests ran", ran)
	}
	for name, file := range coverage.Report(modules).Files {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		for _, r := range file.NotCovered {
			t.Errorf("%s: lines %d to %d are not tested", name, r.Start.Row, r.End.Row)
		}
	}
}
