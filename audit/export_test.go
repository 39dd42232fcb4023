package audit_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/audit"
)

func beginExport(t *testing.T, dir string) *audit.Export {
	t.Helper()
	x, err := audit.NewExport(dir, audit.Meta{Origin: testOrigin, Prev: audit.Genesis(testOrigin)})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func refused(t *testing.T, err error, what string) {
	t.Helper()
	if err == nil {
		t.Fatalf("accepted %s", what)
	}
}

func TestExportIsWhatVerifyReads(t *testing.T) {
	b := withOpenings(t)
	bundle := []byte("bundle")
	policy := fmt.Sprintf("sha256:%x", sha256.Sum256(bundle))
	b.add(audit.Entry{Via: audit.ViaOperator, Action: audit.ActionPolicyActivated, Details: audit.Details{"policy": policy}})
	b.act(audit.ViaOperator, audit.ActionLogExported)

	dir := filepath.Join(t.TempDir(), "made", "on the way")
	x := beginExport(t, dir)
	for _, leaf := range b.leaves {
		must(t, x.Leaf(leaf))
	}
	for _, o := range b.openings {
		must(t, x.Opening(o))
	}
	must(t, x.Bundle(policy, bundle))
	must(t, x.Bundle(policy, bundle))

	if r := audit.Verify(os.DirFS(dir), audit.Options{}); r.Damage == nil {
		t.Fatal("an export that was not finished holds")
	}
	must(t, x.Close(b.meta.Head))
	x.Abort() // deferred by callers: now it must do nothing
	r := audit.Verify(os.DirFS(dir), audit.Options{})
	wantHolds(t, r)
	if r.Checked != 5 || r.Opened != 3 || r.Bundles != 1 || r.Meta.Head != b.meta.Head {
		t.Errorf("report %+v", r)
	}
	if got, _ := os.ReadFile(filepath.Join(dir, audit.LogFile)); !bytes.Equal(got, b.fs()[audit.LogFile].Data) {
		t.Error("log.jsonl is not the leaves")
	}
	must(t, filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", path, info.Mode())
		}
		return err
	}))
}

func TestExportOfAPrunedLog(t *testing.T) {
	b := build(t)
	b.meta.First, b.meta.Prev, b.meta.Head = 256, audit.Hash{3}, audit.Hash{3}
	b.act(audit.ViaOperator, audit.ActionLogExported)
	dir := t.TempDir()
	x, err := audit.NewExport(dir, audit.Meta{Origin: testOrigin, First: 256, Prev: audit.Hash{3}})
	must(t, err)
	must(t, x.Leaf(b.leaves[0]))
	must(t, x.Close(b.meta.Head))
	wantHolds(t, audit.Verify(os.DirFS(dir), audit.Options{}))
}

// A damaged log can be exported, so that others see the damage.
func TestExportDoesNotJudge(t *testing.T) {
	dir := t.TempDir()
	x := beginExport(t, dir)
	leaf := []byte("rubbish \xff")
	must(t, x.Leaf(leaf))
	must(t, x.Close(audit.LeafHash(leaf)))
	wantDamage(t, audit.Verify(os.DirFS(dir), audit.Options{}), 0, audit.CodeLeaf)
}

func TestExportRefuses(t *testing.T) {
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "notes.txt"), []byte("mine"), 0o600))
	_, err := audit.NewExport(dir, audit.Meta{Origin: testOrigin, Prev: audit.Genesis(testOrigin)})
	refused(t, err, "a folder that is not empty")
	_, err = audit.NewExport(t.TempDir(), audit.Meta{Origin: testOrigin})
	refused(t, err, "a log that does not begin at its origin")
	_, err = audit.NewExport(t.TempDir(), audit.Meta{Origin: "two words", Prev: audit.Genesis("two words")})
	refused(t, err, "an origin that names no log")

	o := withOpenings(t).openings
	x := beginExport(t, t.TempDir())
	defer x.Abort()
	refused(t, x.Leaf([]byte("{}\n{}")), "a leaf of two lines")
	must(t, x.Opening(o[1]))
	refused(t, x.Opening(o[0]), "openings out of order")
	refused(t, x.Opening(o[1]), "an opening twice")
	for what, bad := range map[string]audit.Opening{
		"a short salt":       {Seq: 9, Field: "input", Salt: salt(1)[1:]},
		"a value not UTF-8":  {Seq: 9, Field: "input", Salt: salt(1), Value: []byte{0xff}},
		"a value too long":   {Seq: 9, Field: "input", Salt: salt(1), Value: bytes.Repeat([]byte("a"), audit.MaxOpening)},
		"a field of no kind": {Seq: 9, Field: "In Put", Salt: salt(1)},
		"a case of no kind":  {Seq: 9, Field: "input", Case: "x", Salt: salt(1)},
	} {
		refused(t, x.Opening(bad), what)
	}
	refused(t, x.Bundle("sha256:"+strings.Repeat("0", 64), []byte("b")), "a bundle that is not what its name says")
	refused(t, x.Bundle("sha256:../../x", []byte("b")), "a bundle with a path for a name")
	refused(t, x.Close(audit.Hash{1}), "another head")
}

func TestAbortedExportLeavesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "export")
	x := beginExport(t, dir)
	must(t, x.Leaf([]byte("{}")))
	bundle := []byte("b")
	must(t, x.Bundle(fmt.Sprintf("sha256:%x", sha256.Sum256(bundle)), bundle))
	x.Abort()
	x.Abort()
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Fatalf("the folder is still there: %v", err)
	}
	refused(t, x.Close(audit.Hash{}), "the end of an export that was given up")
}
