package inspector

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/web/page"
)

// Every action that the log may hold has a name in both languages, and no name is of an
// action that it may not.
func TestActionsHaveNames(t *testing.T) {
	format, err := os.ReadFile("../../docs/log-format.md")
	if err != nil {
		t.Fatal(err)
	}
	known := 0
	for _, m := range regexp.MustCompile("`([a-z]+\\.[a-z_]+)`").FindAllStringSubmatch(string(format), -1) {
		for _, via := range []audit.Via{audit.ViaPublic, audit.ViaStaff, audit.ViaCustodian, audit.ViaOperator} {
			if may, _ := audit.MayRecord(via, audit.Action(m[1])); may {
				known++
				if actionName(page.French, m[1]) == m[1] || actionName(page.English, m[1]) == m[1] {
					t.Errorf("%s has no name", m[1])
				}
			}
		}
	}
	if known < 40 {
		t.Errorf("docs/log-format.md lists %d actions", known)
	}
	for _, a := range actions {
		if _, ok := audit.MayRecord(audit.ViaStaff, audit.Action(a.code)); !ok {
			t.Errorf("%s is no action", a.code)
		}
	}
}

// Every code of a closed list that a page offers or shows has words.
func TestCodesHaveWords(t *testing.T) {
	for name, codes := range map[string][]string{
		"grounds": grounds, "states": states, "outcomes": outcomes, "vias": vias, "namings": namings,
		"of policy": policy.NamingReasons, "of escalation": escalation.Grounds,
	} {
		for _, code := range codes {
			if words[code] == (pairOf{}) || words[code][0] == words[code][1] {
				t.Errorf("%s: %s has no words in two languages", name, code)
			}
		}
	}
	if got, want := slices.Sorted(slices.Values(namings)), policy.NamingReasons; !slices.Equal(got, want) {
		t.Errorf("the form offers %v, policy takes %v", got, want)
	}
	if got := slices.Sorted(slices.Values(grounds)); !slices.Equal(got, escalation.Grounds) {
		t.Errorf("the form offers %v", got)
	}
}

func TestTimesOfForms(t *testing.T) {
	for in, want := range map[string]string{
		"2026-07-01T12:00":     "2026-07-01T10:00:00Z", // summer
		"2026-01-01T12:00":     "2026-01-01T11:00:00Z",
		"2026-01-01":           "2025-12-31T23:00:00Z",
		"2026-01-01T12:00:00Z": "2026-01-01T12:00:00Z",
		"tomorrow":             "tomorrow", // the API's to refuse
		"":                     "",
	} {
		if got := when(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := field(time.Date(2026, 7, 1, 10, 0, 0, 0, time.UTC)); got != "2026-07-01T12:00" {
		t.Error(got)
	}
}

func TestNumbers(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567", -1000: "-1,000"} {
		if got := num(page.English, n); got != want {
			t.Errorf("%d: %s", n, got)
		}
	}
	for s, want := range map[int64]string{0: "0\u00a0s", 59: "59\u00a0s", 61: "1\u00a0min\u00a01\u00a0s", 3600: "1\u00a0h", 200000: "2\u00a0days"} {
		if got := secs(page.English, s); got != want {
			t.Errorf("%d: %q", s, got)
		}
	}
}

// Columns stay in their box and stand on it.
func TestColumns(t *testing.T) {
	f := &figuresShown{Series: []bucket{{Opened: []int{1, 2, 0}}, {Opened: []int{0, 0, 0}}, {Opened: []int{0, 0, 1}}}}
	c := columns(f)
	if c.Max != 4 || c.Width != 30 || len(c.Bars) != 3 {
		t.Fatalf("%+v", c)
	}
	if b := c.Bars[1]; b.Y != "25.00" || b.H != "50.00" || b.Ground != 1 || b.X != 1 {
		t.Errorf("%+v", b)
	}
	if share(0, 10) != "0" || share(1, 1_000_000) != "0.80" || share(20, 10) != "100.00" || share(1, 0) != "0" {
		t.Error("shares")
	}
	if spread(0, 0) != "0" || spread(10, 10) != "100.00" || spread(0, 10) != "0.80" || spread(99, 9999) != "50.00" {
		t.Error("spreads", spread(99, 9999))
	}
}

// TestOneFrenchWordPerThing: what the other pages call "vitre", "règle", "accordée" and
// "refusée" is called so here.
func TestOneFrenchWordPerThing(t *testing.T) {
	files, err := filepath.Glob("*.templ")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	other := regexp.MustCompile(`(?i)\b(glace|politiques?|rejet[ée]|approuv[eé])`)
	for _, name := range append(files, "words.go", "inspector.go") {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range other.FindAllString(string(text), -1) {
			t.Errorf("%s says %q", name, found)
		}
	}
}
