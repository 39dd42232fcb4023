package phrase_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"golang.org/x/text/unicode/norm"

	"github.com/sceau-project/sceau/conversation/phrase"
)

const canonical = "academie moelleux abeille wagon tulipe poete aerer zeste"

func TestNormaliseIsKind(t *testing.T) {
	accented := "académie moelleux abeille wagon tulipe poète aérer zeste"
	for name, typed := range map[string]string{
		"as shown":            accented,
		"without accents":     canonical,
		"decomposed accents":  norm.NFD.String(accented),
		"capitals":            strings.ToUpper(accented),
		"hyphens":             strings.ReplaceAll(accented, " ", "-"),
		"commas":              strings.ReplaceAll(accented, " ", ", "),
		"non-breaking spaces": strings.ReplaceAll(accented, " ", "\u00a0"),
		"lines and tabs":      "\t académie\r\nmoelleux\nabeille\nwagon\ntulipe\npoète\naérer\nzeste\n",
		"numbered":            "1. académie 2. moelleux 3. abeille 4. wagon 5. tulipe 6. poète 7. aérer 8. zeste",
		"quoted":              "« académie moelleux abeille wagon tulipe poète aérer zeste »",
		"four letters each":   "acad moel abei wago tuli poet aére zest",
		"five letters each":   "acadé moell abeil wagon tulip poète aérer zeste",
		"full width":          strings.Replace(accented, "wagon", "\uff57\uff41\uff47\uff4f\uff4e", 1),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := phrase.Normalise(typed)
			if err != nil || got != canonical {
				t.Errorf("Normalise(%q) = %q, %v; want %q", typed, got, err, canonical)
			}
		})
	}
}

func TestNormaliseRefuses(t *testing.T) {
	seven := "academie moelleux abeille wagon tulipe poete aerer"
	for name, tt := range map[string]struct {
		typed string
		index int // of the unknown word; -1 for a wrong count
	}{
		"nothing":                    {"", -1},
		"seven words":                {seven, -1},
		"nine words":                 {canonical + " zeste", -1},
		"invalid UTF-8":              {seven + " zest\xff", -1},
		"too long":                   {strings.Repeat(" ", 512) + canonical, -1},
		"three letters are too few":  {seven + " zes", 7},
		"a word of another language": {strings.Replace(canonical, "wagon", "abandonner", 1), 3},
		"a longer word than listed":  {strings.Replace(canonical, "abeille", "abeilles", 1), 2},
		"a look-alike alphabet":      {strings.Replace(canonical, "a", "\u0430", 1), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := phrase.Normalise(tt.typed)
			if got != "" || err == nil {
				t.Fatalf("Normalise = %q, %v; want a refusal", got, err)
			}
			var unknown *phrase.UnknownWordError
			if tt.index < 0 && !errors.Is(err, phrase.ErrWordCount) {
				t.Errorf("error %v, want %v", err, phrase.ErrWordCount)
			}
			if tt.index >= 0 && (!errors.As(err, &unknown) || unknown.Index != tt.index) {
				t.Errorf("error %v, want word %d unknown", err, tt.index)
			}
			for _, w := range strings.Fields(tt.typed) {
				if strings.Contains(err.Error(), w) {
					t.Errorf("error %q repeats the word %q of a phrase", err, w)
				}
			}
		})
	}
}

func TestNew(t *testing.T) {
	seen := map[string]bool{}
	for range 200 {
		p, err := phrase.New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		n, err := phrase.Normalise(p)
		if err != nil {
			t.Fatalf("Normalise refuses a new phrase: %v", err)
		}
		if len(strings.Fields(n)) != phrase.Words || seen[n] {
			t.Fatalf("phrase of %d words, seen before: %t", len(strings.Fields(n)), seen[n])
		}
		seen[n] = true
	}
}

// Every word must be reachable and no more likely than another: 65,536 pairs of
// bytes fall 32 times on each of the 2,048 words.
func TestNewIsUniform(t *testing.T) {
	var all []byte
	for v := range 1 << 16 {
		all = append(all, byte(v>>8), byte(v))
	}
	count := map[string]int{}
	for r := bytes.NewReader(all); r.Len() > 0; {
		p, err := phrase.New(r)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range strings.Fields(p) {
			count[w]++
		}
	}
	if len(count) != 2048 {
		t.Fatalf("%d words occur, want 2048", len(count))
	}
	for w, n := range count {
		if n != 32 {
			t.Errorf("%s occurs %d times, want 32", w, n)
		}
	}
}

func TestNewFailsWithoutRandomness(t *testing.T) {
	for name, r := range map[string]io.Reader{
		"broken": iotest.ErrReader(errors.New("no entropy")),
		"short":  bytes.NewReader(make([]byte, 15)),
	} {
		if p, err := phrase.New(r); err == nil || p != "" {
			t.Errorf("%s source: New = %q, %v; want an error and no phrase", name, p, err)
		}
	}
}

func TestListHasItsLicence(t *testing.T) {
	text, err := os.ReadFile("LICENSE.wordlist")
	if err != nil || !bytes.Contains(text, []byte("Copyright")) {
		t.Errorf("the word list must travel with its licence: %v", err)
	}
}

func FuzzNormalise(f *testing.F) {
	for _, s := range []string{canonical, "", strings.ToUpper(canonical), "acad moel abei wago tuli poet aére zest",
		"é\u0301 ß ﬁ İ ", strings.Repeat("a", 600), canonical + "\x00", "\xff\xfe"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got, err := phrase.Normalise(typed)
		if err != nil {
			if got != "" {
				t.Fatal("an error came with a phrase")
			}
			return
		}
		if again, err := phrase.Normalise(got); err != nil || again != got {
			t.Fatalf("Normalise is not idempotent: %v", err)
		}
		for i := range len(got) {
			if c := got[i]; c != ' ' && (c < 'a' || c > 'z') {
				t.Fatalf("byte %q in the normal form", c)
			}
		}
	})
}
