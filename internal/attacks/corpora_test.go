package attacks

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var fuzzTarget = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(f \*testing\.F\)`)

// TestEveryFuzzTargetHasACorpus: a target whose seeds are not committed starts
// from nothing, and as a plain test tries nothing.
func TestEveryFuzzTargetHasACorpus(t *testing.T) {
	root := filepath.Join("..", "..")
	targets := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "build" || d.Name() == "node_modules" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, m := range fuzzTarget.FindAllStringSubmatch(string(source), -1) {
			targets++
			if n := len(corpus(t, filepath.Join(filepath.Dir(path), "testdata", "fuzz", m[1]))); n < 3 {
				t.Errorf("%s in %s has %d seeds", m[1], path, n)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if targets < 12 {
		t.Errorf("only %d fuzz targets were found", targets)
	}
}

// corpus reads the seeds of a target, each of which must say something.
func corpus(t testing.TB, dir string) (seeds []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil || !strings.HasPrefix(string(text), "go test fuzz v1\n") || len(text) < 20 {
			t.Errorf("%s is no seed: %v", file, err)
			continue
		}
		seeds = append(seeds, string(text))
	}
	return seeds
}
