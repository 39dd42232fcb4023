package audit_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"encoding/base64"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/sceau-project/sceau/audit"
)

const vectorsDir = "testdata/log-v1"

// expected.json, made by an independent script from the text of the format.
type vectors struct {
	Origin      string
	Genesis     string
	Head        string
	Root        string
	LeafHashes  []string         `json:"leaf_hashes"`
	FirstBadSeq map[string]int64 `json:"first_bad_seq"`
	Commitment  struct{ Salt, Field, Case, Value, HMAC string }
}

func readVectors(t *testing.T) vectors {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, "expected.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v vectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.FirstBadSeq) == 0 || len(v.LeafHashes) == 0 {
		t.Fatal("expected.json is empty")
	}
	return v
}

func goodLeaves(t testing.TB) [][]byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(vectorsDir, "good", audit.LogFile))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

func TestVectorsGetTheirAnswers(t *testing.T) {
	want := readVectors(t)
	dirs, err := filepath.Glob(filepath.Join(vectorsDir, "*", audit.MetaFile))
	if err != nil || len(dirs) != len(want.FirstBadSeq)+2 {
		t.Fatalf("found %d vectors, want %d: %v", len(dirs), len(want.FirstBadSeq)+2, err)
	}
	for _, meta := range dirs {
		dir := filepath.Dir(meta)
		name := filepath.Base(dir)
		t.Run(name, func(t *testing.T) {
			report := audit.Verify(os.DirFS(dir), audit.Options{})
			seq, bad := want.FirstBadSeq[name]
			switch {
			case bad != strings.HasPrefix(name, "bad-"):
				t.Fatal("expected.json has no answer for this vector")
			case bad && report.Damage == nil:
				t.Fatalf("holds, but entry %d is bad", seq)
			case bad && report.Damage.Seq != seq:
				t.Fatalf("%v, want seq %d", report.Damage, seq)
			case !bad && report.Damage != nil:
				t.Fatal(report.Damage)
			case !bad && (report.Checked != report.Meta.Count || len(report.Warnings) > 0):
				t.Fatalf("%d of %d checked, warnings %v", report.Checked, report.Meta.Count, report.Warnings)
			}
		})
	}
}

func TestVectorHashes(t *testing.T) {
	want := readVectors(t)
	if got := audit.Genesis(want.Origin).String(); got != want.Genesis {
		t.Errorf("genesis %s, want %s", got, want.Genesis)
	}
	leaves := goodLeaves(t)
	if len(leaves) != len(want.LeafHashes) {
		t.Fatalf("%d leaves, want %d", len(leaves), len(want.LeafHashes))
	}
	// The Merkle tree over the same leaves, by the library that Go's own
	// checksum database uses: its leaf hash must be ours.
	var stored []tlog.Hash
	read := tlog.HashReaderFunc(func(at []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(at))
		for i, n := range at {
			out[i] = stored[n]
		}
		return out, nil
	})
	for i, leaf := range leaves {
		if got := audit.LeafHash(leaf).String(); got != want.LeafHashes[i] {
			t.Errorf("leaf %d: hash %s, want %s", i, got, want.LeafHashes[i])
		}
		more, err := tlog.StoredHashes(int64(i), leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(leaves)), read)
	if err != nil {
		t.Fatal(err)
	}
	if root.String() != want.Root {
		t.Errorf("root %s, want %s", root, want.Root)
	}
	if got := want.LeafHashes[len(leaves)-1]; got != want.Head {
		t.Errorf("head %s is not the last leaf's hash %s", want.Head, got)
	}
}

func TestVectorCommitment(t *testing.T) {
	c := readVectors(t).Commitment
	salt, err := base64.StdEncoding.DecodeString(c.Salt)
	if err != nil {
		t.Fatal(err)
	}
	if got := audit.Commit(salt, c.Field, c.Case, []byte(c.Value)); got != c.HMAC {
		t.Errorf("commitment %s, want %s", got, c.HMAC)
	}
}

func TestVectorLeavesRoundTrip(t *testing.T) {
	for i, leaf := range goodLeaves(t) {
		e, err := audit.Parse(leaf)
		if err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
		again, err := audit.Marshal(e)
		if err != nil {
			t.Fatalf("leaf %d: %v", i, err)
		}
		if !bytes.Equal(again, leaf) {
			t.Errorf("leaf %d:\n%s\nbecame\n%s", i, leaf, again)
		}
	}
}
