package custodian

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestDestroyedKeysOutliveACrash(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, destroyedFile)
	one, two := keyName{oneCase, "transcript"}, keyName{anotherCase, "identity"}
	open := func() *destroyedKeys {
		t.Helper()
		l, err := openDestroyed(dir, "sceau.test/tombs")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	l := open()
	for range 2 { // the second time changes nothing
		if err := l.add(one, two); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.close(); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := "sceau.destroyed/v1 sceau.test/tombs\n" + oneCase + " transcript\n" + anotherCase + " identity\n"; string(whole) != want {
		t.Fatalf("the file says %q", whole)
	}

	// Cut anywhere, it holds what was written whole, and is written on from there.
	for n := range len(whole) + 1 {
		if err := os.WriteFile(path, whole[:n], 0o600); err != nil {
			t.Fatal(err)
		}
		l := open()
		had := l.all()
		if err := l.add(one, two); err != nil {
			t.Fatal(err)
		}
		if err := l.close(); err != nil {
			t.Fatal(err)
		}
		now, err := os.ReadFile(path)
		if err != nil || string(now) != string(whole) {
			t.Fatalf("cut at %d, with %v: %q", n, had, now)
		}
	}
	l = open()
	defer l.close()
	if !slices.Equal(l.all(), []keyName{one, two}) || !l.has(two) || l.has(keyName{oneCase, "identity"}) || l.count() != 2 {
		t.Errorf("it holds %v", l.all())
	}
}

func TestDestroyedKeysThatAreNone(t *testing.T) {
	const first = "sceau.destroyed/v1 sceau.test/tombs\n"
	for name, text := range map[string]string{
		"of another log":  "sceau.destroyed/v1 sceau.test/other\n",
		"another file":    "hello\n",
		"no case":         first + "../../sys identity\n",
		"no class":        first + oneCase + "\n",
		"another class":   first + oneCase + " name\n",
		"a line too much": first + oneCase + " identity x\n",
		"an empty line":   first + "\n" + oneCase + " identity\n",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, destroyedFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := openDestroyed(dir, "sceau.test/tombs"); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
