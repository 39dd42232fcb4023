package agent

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/conversation"
	domain "github.com/sceau-project/sceau/escalation"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/web/page"
)

// TestEveryCodeHasAWord: whatever the API may say, a page says in two languages.
func TestEveryCodeHasAWord(t *testing.T) {
	var topicCodes, facetCodes, stateCodes []string
	for _, topic := range conversation.Topics {
		topicCodes = append(topicCodes, string(topic))
	}
	for _, facet := range conversation.Facets {
		facetCodes = append(facetCodes, string(facet))
	}
	for _, state := range domain.States {
		if state != domain.None {
			stateCodes = append(stateCodes, string(state))
		}
	}
	for what, c := range map[string]struct {
		words []word
		codes []string
	}{
		"topics": {topics, topicCodes}, "facets": {facets, facetCodes}, "facets in full": {facetsInFull, facetCodes}, "states": {states, stateCodes},
		"grounds": {grounds, domain.Grounds}, "outcomes": {outcomes, policy.Tellings}, "unsafe": {unsafeReasons, policy.UnsafeReasons},
		"authorities": {authorities, policy.Authorities}, "listed cases": {listedCases, policy.ListedCases}, "opinions": {opinionsOf, conversation.Opinions},
		"reasons": {reasons, slices.Concat(domain.DenialReasons, policy.RevocationReasons, []string{domain.ReasonRequesterSuspended})},
	} {
		for _, code := range c.codes {
			for _, l := range []page.Lang{page.French, page.English} {
				if got := name(c.words, l, code); got == code || got == "" {
					t.Errorf("%s: %s is not said in %s", what, code, l)
				}
			}
		}
		if len(c.words) != len(c.codes) {
			t.Errorf("%s: %d words for %d codes", what, len(c.words), len(c.codes))
		}
	}
	for _, q := range questions {
		for _, a := range q.answers {
			if a.fr == "" || a.en == "" || q.fr == "" || q.en == "" {
				t.Errorf("%s: %s is not said", q.code, a.code)
			}
		}
	}
}

// TestContentIsWhole: both languages have the same texts, and a mistake is found when
// the program starts.
func TestContentIsWhole(t *testing.T) {
	all, err := readContent(files)
	if err != nil {
		t.Fatal(err)
	}
	names := func(texts []text) (list []string) {
		for _, one := range texts {
			list = append(list, one.Name)
		}
		return list
	}
	fr, en := all[page.French], all[page.English]
	if !slices.Equal(names(fr.Replies), names(en.Replies)) || !slices.Equal(names(fr.Closings), names(en.Closings)) {
		t.Error("the languages have other texts")
	}
	for _, wanted := range []string{"end_oriented", "end_silence"} { // what the closing form proposes
		if find(fr.Closings, wanted) == "" {
			t.Errorf("no closing text %s", wanted)
		}
	}
	whole := "replies: [{name: a, title: A, text: A}]\nclosings: [{name: b, title: B, text: B}]\ntelling: [C]\n"
	for what, broken := range map[string]string{
		"unknown field": whole + "more: 1\n", "no telling": strings.Replace(whole, "telling: [C]", "telling: []", 1),
		"twice": strings.Replace(whole, "name: b", "name: a", 1), "no text": strings.Replace(whole, "text: B", "text: ''", 1),
		"too long": strings.Replace(whole, "text: B", "text: "+strings.Repeat("b", 1001), 1), "no YAML": "\t",
	} {
		from := fstest.MapFS{"content/fr/texts.yaml": {Data: []byte(whole)}, "content/en/texts.yaml": {Data: []byte(broken)}}
		if _, err := readContent(from); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	if _, err := readContent(fstest.MapFS{"content/fr/texts.yaml": {Data: []byte(whole)}}); err == nil {
		t.Error("a language that is missing is no error")
	}
}

// TestWhatIsAsked: what belongs to another ground is not sent, and a message is named by
// its position and its exact bytes.
func TestWhatIsAsked(t *testing.T) {
	sum := "sha256:" + strings.Repeat("a", 64)
	values := map[string][]string{
		"ground": {"imminent_danger"}, "immediacy": {"now"}, "facet": {"name", "connection"}, "m": {cited(message{Position: 3, SHA256: sum})},
		"consent": {"c-1"}, "authority": {"prosecutor"}, "reference": {"N° 1"}, "listed_case": {"three_years"}, "ordered": {"name"},
	}
	f := &askForm{Values: values}
	got := f.body()
	if got.Consent != "" || got.Requisition != nil || len(got.Evidence) != 1 || got.Evidence[0] != (evidence{3, sum}) || got.Assessment["immediacy"] != "now" {
		t.Errorf("imminent danger: %+v", got)
	}
	values["ground"] = []string{"consent"}
	if got = f.body(); got.Consent != "c-1" || got.Requisition != nil {
		t.Errorf("consent: %+v", got)
	}
	values["ground"] = []string{"judicial_requisition"}
	if got = f.body(); got.Consent != "" || got.Requisition == nil || got.Requisition.ListedCase != "three_years" || got.Requisition.Facets[0] != "name" {
		t.Errorf("requisition: %+v", got)
	}
	values["facet"] = []string{"name"}
	if got = f.body(); got.Requisition.ListedCase != "" {
		t.Error("a listed case is told where no connection is asked")
	}
	values["m"] = []string{"x y", "-", ""}
	if got = f.body(); len(got.Evidence) != 0 {
		t.Errorf("rubbish is cited: %+v", got.Evidence)
	}
}
