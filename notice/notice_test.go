package notice

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

var at = time.Date(2026, 11, 20, 9, 0, 0, 123456789, time.FixedZone("CET", 3600))

const id = "5f0f9b1e-6a64-4c56-9a42-0d8f3f2f6f11"

// The form of the payload is for outsiders to rely on.
func TestPayload(t *testing.T) {
	for _, tt := range []struct {
		n    Notice
		want string
	}{
		{Notice{Kind: RequestWaiting, ID: id, At: at, Unit: "u-09"}, `{"type":"request_waiting","id":"` + id + `","at":"2026-11-20T08:00:00.123456Z","roles":["supervisor"],"unit":"u-09"}`},
		{Notice{Kind: RequestReminder, ID: id, At: at}, `{"type":"request_reminder","id":"` + id + `","at":"2026-11-20T08:00:00.123456Z","roles":["supervisor"]}`},
		{Notice{Kind: RequestWidened, ID: id, At: at, Unit: "u-09"}, `{"type":"request_widened","id":"` + id + `","at":"2026-11-20T08:00:00.123456Z","roles":["supervisor"]}`},
		{Notice{Kind: GlassBroken, ID: id, At: at, Unit: "u-09"}, `{"type":"glass_broken","id":"` + id + `","at":"2026-11-20T08:00:00.123456Z","roles":["inspector","supervisor"]}`},
	} {
		got, err := tt.n.Payload()
		if err != nil || string(got) != tt.want {
			t.Errorf("got  %s, %v\nwant %s", got, err, tt.want)
		}
	}
}

// Every kind calls somebody, in both languages, and is documented as it is.
func TestEveryKindIsWhole(t *testing.T) {
	known := []string{"agent", "inspector", "privacy_officer", "psychologist", "supervisor"}
	if len(sentences) != len(roles) {
		t.Errorf("%d sentences for %d kinds", len(sentences), len(roles))
	}
	subjects := map[string]bool{}
	for _, k := range Kinds() {
		called := k.Roles()
		if len(called) == 0 || !slices.IsSorted(called) || slices.ContainsFunc(called, func(r string) bool { return !slices.Contains(known, r) }) {
			t.Errorf("%s calls %v", k, called)
		}
		n := Notice{Kind: k, ID: id, At: at}
		letter, err := n.Letter("https://staff.example.org")
		if err != nil {
			t.Errorf("%s: %v", k, err)
			continue
		}
		s := sentences[k]
		if s.fr == "" || s.en == "" || subjects[letter.Subject] || strings.ContainsAny(letter.Subject, "\r\n") {
			t.Errorf("%s: subject %q", k, letter.Subject)
		}
		subjects[letter.Subject] = true
		for _, part := range []string{s.fr, s.en, id, "https://staff.example.org"} {
			if !strings.Contains(letter.Body, part) {
				t.Errorf("%s: the body lacks %q", k, part)
			}
		}
	}
}

// What is not codes and ids is refused, and not repeated.
func TestOnlyCodesAndIDs(t *testing.T) {
	good := Notice{Kind: PolicyChanged, ID: "sha256:" + strings.Repeat("0a", 32), At: at}
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Notice){
		"an unknown kind":   func(n *Notice) { n.Kind = "rumour" },
		"a name as id":      func(n *Notice) { n.ID = "Zoé" },
		"an id with a line": func(n *Notice) { n.ID = id + "\n" },
		"a case in capital": func(n *Notice) { n.ID = strings.ToUpper(id) },
		"no id":             func(n *Notice) { n.ID = "" },
		"a sentence":        func(n *Notice) { n.Unit = "chez ma tante" },
		"no time":           func(n *Notice) { n.At = time.Time{} },
	} {
		n := good
		change(&n)
		if n.Check() == nil {
			t.Errorf("%s: accepted", name)
		}
		if _, err := n.Payload(); err == nil {
			t.Errorf("%s: in a payload", name)
		}
		if _, err := n.Letter("x"); err == nil {
			t.Errorf("%s: in a mail", name)
		}
	}
}

// One notice has one name, for ever: receivers of earlier versions rely on it.
func TestMessageID(t *testing.T) {
	n := Notice{Kind: RequestWaiting, ID: id, At: at}
	const want = "2fc28bed-ff18-5d43-9c06-f6a8982c2171"
	if got := n.MessageID(); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	same := n
	same.At, same.Unit = n.At.UTC().Truncate(time.Microsecond), "u-1"
	if same.MessageID() != n.MessageID() {
		t.Error("the same notice, read back from PostgreSQL, has another name")
	}
	other := n
	other.At = n.At.Add(time.Microsecond)
	if other.MessageID() == n.MessageID() {
		t.Error("two notices share a name")
	}
}

func FuzzCheck(f *testing.F) {
	f.Add("request_waiting", id, "u-09")
	f.Add("policy_changed", "sha256:"+strings.Repeat("0a", 32), "")
	f.Add("glass_broken", "chez ma tante", "\x00")
	f.Fuzz(func(t *testing.T, kind, id, unit string) {
		n := Notice{Kind: Kind(kind), ID: id, At: at, Unit: unit}
		body, err := n.Payload()
		if (err == nil) != (n.Check() == nil) {
			t.Fatal("checked otherwise than written")
		}
		if err != nil {
			return
		}
		if strings.ContainsAny(string(body), " \n\\") || !json.Valid(body) || len(id) > 71 || len(unit) > 64 {
			t.Fatalf("%s", body)
		}
	})
}
