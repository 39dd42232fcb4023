package story

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlantedLines(t *testing.T) {
	p := &Planted{}
	p.Add("trop court")
	p.Add("une première ligne\net une seconde ligne\r\n")
	p.Add("une première ligne")
	p.Add("deux fois le même mot, deux fois")
	if p.Len() != 3 {
		t.Fatalf("%d lines: %q", p.Len(), p.lines)
	}
	dir := t.TempDir()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("clean.bin", "\x00\xff une premiere ligne \x00")
	innocent, err := p.Innocent(t.Context(), dir)
	if err != nil || len(innocent) != 0 {
		t.Fatal(innocent, err)
	}
	write("page.bin", "\x00\x80\xffet une seconde ligne\x00\xfe")
	found, files, err := Find(t.Context(), dir, p.lines)
	if err != nil || len(found) != 1 || !found["et une seconde ligne"] || len(files) != 1 || filepath.Base(files[0]) != "page.bin" {
		t.Fatal(found, files, err)
	}
	innocent, err = p.Innocent(t.Context(), dir)
	if err != nil || !innocent["et une seconde ligne"] {
		t.Fatal(innocent, err)
	}
	out := filepath.Join(t.TempDir(), "planted.txt")
	if n, err := p.Write(out, innocent); err != nil || n != 2 {
		t.Fatal(n, err)
	}
	raw, err := os.ReadFile(out)
	if err != nil || string(raw) != "une première ligne\ndeux fois le même mot, deux fois\n" {
		t.Errorf("%q, %v", raw, err)
	}
}

func TestInnocentFindsALineInsideAnother(t *testing.T) {
	p := &Planted{}
	p.Add("il y a longtemps")
	p.Add("il y a longtemps que je voulais écrire")
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "x"), []byte("il y a longtemps que je voulais écrire"), 0o600); err != nil {
		t.Fatal(err)
	}
	innocent, err := p.Innocent(t.Context(), dir)
	if err != nil || len(innocent) != 2 {
		t.Error(innocent, err)
	}
}

func TestDefaultScript(t *testing.T) {
	p := &Planted{}
	for _, c := range Default() {
		for _, m := range c.Messages {
			p.Add(m.Text)
		}
	}
	if len(Default()) < minCast || p.Len() < 80 {
		t.Errorf("%d conversations, %d lines to look for; the demonstration needs %d and 80", len(Default()), p.Len(), minCast)
	}
}

func TestScriptsAreReadStrictly(t *testing.T) {
	for _, bad := range []string{
		``, `{}`, `[]`, `[{"id":1,"topic":"x","messages":[]}]`,
		`[{"id":1,"topic":"x","messages":[{"from":"police","text":"y"}]}]`,
		`[{"id":1,"topic":"x","messages":[{"from":"minor","text":""}]}]`,
		`[{"id":1,"topic":"x","extra":1,"messages":[{"from":"minor","text":"y"}]}]`,
		`[{"id":1,"topic":"x","messages":[{"from":"minor","text":"y"}]}] []`,
	} {
		if _, err := Read(strings.NewReader(bad)); err == nil {
			t.Errorf("accepted %s", bad)
		}
	}
	good := `[{"id":1,"topic":"x","messages":[{"from":"minor","text":"y"}]},{"id":"b","topic":"x","messages":[{"from":"agent","text":"y"}]}]`
	cs, err := Read(strings.NewReader(good))
	if err != nil || len(cs) != 2 {
		t.Fatal(cs, err)
	}
	if n := len(Cast(cs, 1)); n != minCast {
		t.Errorf("a cast of %d", n)
	}
}
