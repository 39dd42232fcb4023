package postal

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestExists(t *testing.T) {
	for code, want := range map[string]bool{
		"01000":  true,  // Bourg-en-Bresse: the leading zero counts
		"59000":  true,  // Lille
		"75001":  true,  // Paris 1er
		"75116":  true,  // Paris 16e has two
		"20000":  true,  // Ajaccio
		"97100":  true,  // Basse-Terre
		"97133":  true,  // Saint-Barthélemy
		"97150":  true,  // Saint-Martin
		"97200":  true,  // Fort-de-France
		"97300":  true,  // Cayenne
		"97400":  true,  // Saint-Denis, La Réunion
		"97500":  true,  // Saint-Pierre-et-Miquelon
		"97600":  true,  // Mamoudzou
		"98600":  true,  // Wallis
		"98714":  true,  // Papeete
		"98800":  true,  // Nouméa
		"00000":  false, // nowhere
		"75000":  false, // Paris as people write it: no street has it
		"98000":  false, // Monaco is not French
		"99999":  false,
		"":       false,
		"1000":   false,
		"010000": false, "0100O": false, " 01000": false, "01000\n": false, "-1000": false, "+1000": false,
		"٠١٠٠٠": false, "2A004": false, "01 000": false,
	} {
		if got := Exists(code); got != want {
			t.Errorf("Exists(%q) = %t, want %t", code, got, want)
		}
	}
}

// The embedded text is what a reviewer reads; the bits must say the same.
func TestTableIsTheText(t *testing.T) {
	var listed []string
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, "#") {
			listed = append(listed, strings.TrimSuffix(line, "\n"))
		}
	}
	if !slices.IsSorted(listed) || len(slices.Compact(slices.Clone(listed))) != len(listed) {
		t.Error("codes.txt is not sorted, or holds a code twice")
	}
	var found []string
	for n := range 100_000 {
		if code := fmt.Sprintf("%05d", n); Exists(code) {
			found = append(found, code)
		}
	}
	if !slices.Equal(found, listed) {
		t.Errorf("%d codes exist, %d are listed", len(found), len(listed))
	}
	if len(found) < 6000 {
		t.Errorf("only %d codes: a part of France is missing", len(found))
	}
	departments := map[string]bool{}
	for _, code := range found {
		departments[code[:2]] = true
	}
	for d := 1; d <= 95; d++ {
		if name := fmt.Sprintf("%02d", d); !departments[name] {
			t.Errorf("no postal code begins with %s", name)
		}
	}
}

func FuzzExists(f *testing.F) {
	for _, s := range []string{"59000", "", "5900", "590000", "５９０００", "\x00\x00\x00\x00\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if Exists(s) && !strings.Contains(text, "\n"+s+"\n") {
			t.Errorf("Exists(%q), which is not listed", s)
		}
	})
}
