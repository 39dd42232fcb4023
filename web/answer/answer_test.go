package answer

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/web/page"
)

// Every code that the service knows has words in both languages, and forms offer all that
// can be chosen.
func TestEveryCodeHasWords(t *testing.T) {
	var shown []string
	for _, s := range escalation.States {
		if s != escalation.None && s != escalation.Refused { // a request that policy refused is nobody's to answer
			shown = append(shown, string(s))
		}
	}
	var names []string
	for _, f := range conversation.Facets {
		names = append(names, string(f))
	}
	for _, list := range []struct {
		name  string
		codes []string
		words []Word
	}{
		{"states", shown, states}, {"facets", names, facets},
		{"grounds", []string{escalation.GroundImminentDanger, escalation.GroundConsent, escalation.GroundJudicialRequisition}, grounds},
		{"denials", escalation.DenialReasons, Denials}, {"revocations", policy.RevocationReasons, Revocations},
		{"what was told", policy.Tellings, Outcomes}, {"why it is unsafe", policy.UnsafeReasons, Unsafe},
		{"authorities", policy.Authorities, authorities}, {"listed cases", policy.ListedCases, listedCases},
	} {
		for _, code := range list.codes {
			if !slices.ContainsFunc(list.words, func(w Word) bool { return w.Code == code && w.fr != "" && w.en != "" }) {
				t.Errorf("%s: %s has no words", list.name, code)
			}
		}
		for _, w := range list.words {
			if !slices.Contains(list.codes, w.Code) {
				t.Errorf("%s: %s is no code of the service", list.name, w.Code)
			}
		}
	}
	for _, l := range []page.Lang{page.French, page.English} {
		for _, state := range shown {
			if said := Happened(l, Request{State: state}); strings.Contains(said, state) || strings.Contains(said, "_") {
				t.Errorf("%s in %s: %q", state, l, said)
			}
		}
	}
}

// The most dangerous first, as policy judges danger, and of equals the oldest.
func TestSort(t *testing.T) {
	now := time.Now()
	ask := func(id, ground string, minutes int, answers ...string) Request {
		a := map[string]string{}
		for pair := range slices.Chunk(answers, 2) {
			a[pair[0]] = pair[1]
		}
		return Request{ID: id, Ground: ground, RequestedAt: now.Add(-time.Duration(minutes) * time.Minute), Assessment: a}
	}
	list := []Request{
		ask("order", "judicial_requisition", 600), ask("agreed", "consent", 300),
		ask("threat", "imminent_danger", 4, "immediacy", "hours", "violence", "threat"),
		ask("older threat", "imminent_danger", 9, "immediacy", "now", "violence", "threat"),
		ask("captive", "imminent_danger", 1, "immediacy", "days", "captive", "yes"),
		ask("weapon", "imminent_danger", 2, "immediacy", "now", "violence", "weapon"),
		ask("attempt", "imminent_danger", 0, "suicide", "attempt_under_way"),
		ask("unread", "imminent_danger", 3), // its assessment could not be read: still danger
	}
	Sort(list)
	var got []string
	for _, q := range list {
		got = append(got, q.ID)
	}
	if want := []string{"weapon", "captive", "attempt", "older threat", "threat", "unread", "agreed", "order"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// Age is measured against the time that there is to answer.
func TestAge(t *testing.T) {
	asked := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	by := func(d time.Duration) *time.Time { at := asked.Add(d); return &at }
	for _, c := range []struct {
		answer *time.Time
		after  time.Duration
		level  string
	}{
		{by(10 * time.Minute), time.Minute, "calm"}, {by(10 * time.Minute), 3 * time.Minute, "soon"}, {by(10 * time.Minute), 6 * time.Minute, "late"},
		{by(24 * time.Hour), time.Hour, "calm"}, {by(24 * time.Hour), 13 * time.Hour, "late"}, {nil, time.Hour, "calm"}, {by(time.Minute), -time.Second, "calm"},
	} {
		q := Request{RequestedAt: asked, AnswerBy: c.answer}
		seconds, level := q.Age(asked.Add(c.after))
		if level != c.level || seconds < 0 {
			t.Errorf("%v of %v: %d s, %s, want %s", c.after, c.answer, seconds, level, c.level)
		}
	}
	q := Request{State: "requested", AnswerBy: by(time.Minute)}
	if !q.Answerable(asked.Add(time.Minute)) || q.Answerable(asked.Add(time.Minute+time.Microsecond)) {
		t.Error("the deadline is still good at its very moment, and no later")
	}
}

// Whatever somebody does to a request changes its mark.
func TestMark(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Request){
		"nothing": func(*Request) {}, "a state": func(q *Request) { q.State = "denied" }, "a review": func(q *Request) { q.Review = "confirmed" },
		"an approval": func(q *Request) { q.Approvals = append(q.Approvals, q.Approvals...) },
		"a telling": func(q *Request) {
			q.Tellings = make([]struct {
				By      Present   `json:"by"`
				At      time.Time `json:"at"`
				Outcome string    `json:"outcome"`
				Reason  string    `json:"reason"`
			}, 1)
		},
	} {
		q := Request{State: "requested"}
		q.Approvals = make([]struct {
			By     Present   `json:"by"`
			Facets []string  `json:"facets"`
			At     time.Time `json:"at"`
		}, 1)
		change(&q)
		if other, same := seen[q.Mark()]; same {
			t.Errorf("%s and %s look alike", name, other)
		}
		seen[q.Mark()] = name
	}
}
