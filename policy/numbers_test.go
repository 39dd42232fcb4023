package policy

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

type terms struct {
	Approvals     []ApprovalNeeded `json:"approvals"`
	AnswerWithinS int64            `json:"answer_within_s"`
	RemindAfterS  int64            `json:"remind_after_s"`
	WidenAfterS   int64            `json:"widen_after_s"`
	UseWithinS    int64            `json:"use_within_s"`
	ReadForS      int64            `json:"read_for_s"`
	Uses          int64            `json:"uses"`
	OnDuty        []string         `json:"on_duty"`
	BreakGlass    *struct {
		AfterS int64 `json:"after_s"`
	} `json:"break_glass"`
	ReviewWithinS  int64 `json:"review_within_s"`
	TellWithinS    int64 `json:"tell_within_s"`
	TellableAtOnce bool  `json:"tellable_at_once"`
	LaterAtMostS   int64 `json:"later_at_most_s"`
	UnsafeAgainS   int64 `json:"unsafe_again_s"`
}

type numbers struct {
	Sceau struct {
		Numbers struct {
			ReadClosedForS int64            `json:"read_closed_for_s"`
			EvidenceAtMost int64            `json:"evidence_at_most"`
			Available      []string         `json:"grounds_available"`
			Grounds        map[string]terms `json:"grounds"`
			OnDutySeenS    int64            `json:"on_duty_seen_s"`
			LiftByOther    bool             `json:"hold_lift_by_other"`
			OnCallAtMostS  int64            `json:"on_call_at_most_s"`
			Requisition    struct {
				Authorities []string `json:"authorities"`
				ListedCases []string `json:"listed_cases"`
			} `json:"requisition"`
			Retention struct {
				TranscriptS         int64 `json:"transcript_s"`
				IdentityUnreleasedS int64 `json:"identity_unreleased_s"`
				OpeningsS           int64 `json:"openings_s"`
			} `json:"retention"`
		} `json:"numbers"`
	} `json:"sceau"`
}

func numbersOf(t *testing.T, file string) numbers {
	t.Helper()
	raw, err := sources.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var n numbers
	d := json.NewDecoder(strings.NewReader(string(raw)))
	d.DisallowUnknownFields()
	if err := d.Decode(&n); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return n
}

func TestNumbersMakeSense(t *testing.T) {
	for _, file := range []string{"data.json", "demo/data.json"} {
		n := numbersOf(t, file).Sceau.Numbers
		if n.ReadClosedForS < 1 || n.EvidenceAtMost < 1 || len(n.Grounds) != 3 {
			t.Errorf("%s: %+v", file, n)
		}
		// What was never opened goes first, what accounts for it last.
		if r := n.Retention; n.OnDutySeenS < 1 || r.IdentityUnreleasedS < 1 || r.TranscriptS <= r.IdentityUnreleasedS || r.OpeningsS <= r.TranscriptS {
			t.Errorf("%s: %+v", file, n)
		}
		if !slices.Equal(n.Requisition.Authorities, Authorities) || !slices.Equal(n.Requisition.ListedCases, ListedCases) {
			t.Errorf("%s: %+v", file, n.Requisition)
		}
		for _, ground := range n.Available {
			if _, ok := n.Grounds[ground]; !ok {
				t.Errorf("%s: %s is available and has no terms", file, ground)
			}
		}
		for ground, g := range n.Grounds {
			if g.RemindAfterS < 1 || g.RemindAfterS >= g.WidenAfterS || g.WidenAfterS >= g.AnswerWithinS ||
				g.UseWithinS < 1 || g.ReadForS < 1 || g.Uses < 1 {
				t.Errorf("%s, %s: %+v", file, ground, g)
			}
			if !slices.ContainsFunc(g.Approvals, func(a ApprovalNeeded) bool { return a.Role == RoleSupervisor && a.Count >= 1 }) {
				t.Errorf("%s, %s: no supervisor is asked", file, ground)
			}
			if g.TellWithinS < 1 || g.LaterAtMostS < 1 || g.UnsafeAgainS < 1 || g.OnDuty == nil {
				t.Errorf("%s, %s: %+v", file, ground, g)
			}
			// Nobody breaks a glass before every supervisor was called, nor after the request has expired.
			if g.BreakGlass != nil && (g.BreakGlass.AfterS < g.WidenAfterS || g.BreakGlass.AfterS >= g.AnswerWithinS || g.ReviewWithinS < 1) {
				t.Errorf("%s, %s: the glass breaks after %d s", file, ground, g.BreakGlass.AfterS)
			}
			if (g.BreakGlass == nil) != (ground != "imminent_danger") {
				t.Errorf("%s, %s: which glass breaks?", file, ground)
			}
		}
	}
}

// docs/lifecycle.md prints the numbers of production as they are.
func TestNumbersInTheDocument(t *testing.T) {
	raw, err := os.ReadFile("../docs/lifecycle.md")
	if err != nil {
		t.Fatal(err)
	}
	n := numbersOf(t, "data.json").Sceau.Numbers
	row := func(name string, of func(string) any) {
		line := "| " + name + " |"
		for _, ground := range []string{"imminent_danger", "consent", "judicial_requisition"} {
			line += fmt.Sprintf(" %v |", of(ground))
		}
		if !strings.Contains(string(raw), "\n"+line+"\n") {
			t.Errorf("docs/lifecycle.md lacks %s", line)
		}
	}
	row("available", func(g string) any { return map[bool]string{true: "yes", false: "no"}[slices.Contains(n.Available, g)] })
	row("approvals", func(g string) any {
		var all []string
		for _, a := range n.Grounds[g].Approvals {
			all = append(all, fmt.Sprintf("%s:%d", a.Role, a.Count))
		}
		return strings.Join(all, ",")
	})
	row("answer_within_s", func(g string) any { return n.Grounds[g].AnswerWithinS })
	row("remind_after_s", func(g string) any { return n.Grounds[g].RemindAfterS })
	row("widen_after_s", func(g string) any { return n.Grounds[g].WidenAfterS })
	row("use_within_s", func(g string) any { return n.Grounds[g].UseWithinS })
	row("read_for_s", func(g string) any { return n.Grounds[g].ReadForS })
	row("uses", func(g string) any { return n.Grounds[g].Uses })
	unless := func(n int64, none string) any {
		if n == 0 {
			return none
		}
		return n
	}
	row("on_duty", func(g string) any {
		if len(n.Grounds[g].OnDuty) == 0 {
			return "none"
		}
		return strings.Join(n.Grounds[g].OnDuty, ",")
	})
	row("break_glass.after_s", func(g string) any {
		if n.Grounds[g].BreakGlass == nil {
			return "never"
		}
		return n.Grounds[g].BreakGlass.AfterS
	})
	row("review_within_s", func(g string) any { return unless(n.Grounds[g].ReviewWithinS, "none") })
	row("tell_within_s", func(g string) any { return n.Grounds[g].TellWithinS })
	row("tellable_at_once", func(g string) any { return map[bool]string{true: "yes", false: "no"}[n.Grounds[g].TellableAtOnce] })
	row("later_at_most_s", func(g string) any { return n.Grounds[g].LaterAtMostS })
	row("unsafe_again_s", func(g string) any { return n.Grounds[g].UnsafeAgainS })
	if !strings.Contains(string(raw), fmt.Sprintf("`on_duty_seen_s` is %d, `on_call_at_most_s` %d", n.OnDutySeenS, n.OnCallAtMostS)) {
		t.Error("docs/lifecycle.md lacks on_duty_seen_s or on_call_at_most_s")
	}
	if !strings.Contains(string(raw), fmt.Sprintf("`read_closed_for_s` is %d; `evidence_at_most` is %d", n.ReadClosedForS, n.EvidenceAtMost)) {
		t.Error("docs/lifecycle.md lacks read_closed_for_s or evidence_at_most")
	}
}

// The demonstration differs in numbers only: the same requests are refused.
func TestDemonstrationHasTheSameRules(t *testing.T) {
	a, b := loaded(t, Production), loaded(t, Demonstration)
	bad := request()
	bad.Ground, bad.Facets, bad.Evidence = "curiosity", []string{"shoe_size"}, []int64{}
	x, err := a.Decide(context.Background(), bad)
	if err != nil {
		t.Fatal(err)
	}
	y, err := b.Decide(context.Background(), bad)
	if err != nil || !slices.Equal(x.Reasons, y.Reasons) || x.Policy == y.Policy {
		t.Errorf("%v and %v, %v", x.Reasons, y.Reasons, err)
	}
}
