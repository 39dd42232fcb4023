package minor

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/web/page"
)

func content(t *testing.T) map[page.Lang]*library {
	t.Helper()
	all, err := readContent(contentFiles)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// copied is the content as a file system that a test may damage.
func copied(t *testing.T) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(contentFiles, "content", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := contentFiles.ReadFile(name)
		files[name] = &fstest.MapFile{Data: text}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func TestMistakesInTheContentAreFound(t *testing.T) {
	change := func(name, old, becomes string) func(fstest.MapFS) {
		return func(files fstest.MapFS) {
			f := files["content/"+name]
			text := bytes.Replace(f.Data, []byte(old), []byte(becomes), 1)
			if bytes.Equal(text, f.Data) {
				panic("nothing to change in " + name)
			}
			f.Data = text
		}
	}
	remove := func(name string) func(fstest.MapFS) {
		return func(files fstest.MapFS) { delete(files, "content/"+name) }
	}
	for name, tc := range map[string]struct {
		damage func(fstest.MapFS)
		says   string
	}{
		"a language lacks a sheet":      {remove("en/addiction.md"), "no sheet about addiction"},
		"a language lacks a second":     {remove("en/manipulation.md"), "files and"},
		"no welcome":                    {remove("fr/welcome.md"), "welcome.md is missing"},
		"no questions":                  {remove("en/assessment.yaml"), "assessment.yaml"},
		"a topic without a sheet":       {change("fr/threats.md", "topics: [threats]", "topics: []"), "no sheet about threats"},
		"a place without a sheet":       {change("fr/threats.md", "topics: [threats]", "topics: [threats]\nplaces: [home]"), "no sheet about threats at street"},
		"a topic that does not exist":   {change("fr/threats.md", "[threats]", "[threat]"), `no topic "threat"`},
		"a place that does not exist":   {change("fr/violence.md", "[street", "[streets"), `no place "streets"`},
		"a misspelt key":                {change("fr/threats.md", "summary:", "sumary:"), "sumary"},
		"no title":                      {change("fr/threats.md", "title:", "title: ''\n#"), "needs a title"},
		"topics that differ":            {change("en/violence.md", "topics: [physical_violence, ", "topics: [threats, physical_violence, "), "differ in"},
		"two sheets in one place":       {change("fr/threats.md", "order: 20", "order: 21"), "same order"},
		"a heading out of order":        {change("fr/welcome.md", "### On peut", "#### On peut"), "heading of level 4"},
		"a second title":                {change("fr/threats.md", "## Ce que dit", "# Ce que dit"), "heading of level 1"},
		"a part that is not translated": {change("en/threats.md", "## Whom to tell", "**Whom to tell**"), "parts"},
		"raw HTML":                      {change("fr/threats.md", "## Ce que dit", "<script>x</script>\n\n## Ce que dit"), "HTML in a text"},
		"HTML within a line":            {change("fr/threats.md", "délit", "<b>délit</b>"), "HTML in a text"},
		"a picture":                     {change("fr/threats.md", "[tes droits](rights)", "![tes droits](rights)"), "picture"},
		"a link that leads nowhere":     {change("fr/threats.md", "(rights)", "(right)"), `"right"`},
		"a link that leads elsewhere":   {change("fr/threats.md", "(rights)", "(https://example.org/)"), "example.org"},
		"a script as a link":            {change("fr/threats.md", "(rights)", "(javascript:x)"), "javascript"},
		"a question without its words":  {change("fr/assessment.yaml", "  hit:", "  hits:"), "nothing is said for hit"},
		"a result without its words":    {change("fr/assessment.yaml", "  calm:", "  calmer:"), "result calm"},
	} {
		t.Run(name, func(t *testing.T) {
			files := copied(t)
			tc.damage(files)
			if _, err := readContent(files); err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("got %v, want something about %q", err, tc.says)
			}
		})
	}
}

func TestEveryTopicLeadsToASheet(t *testing.T) {
	for lang, l := range content(t) {
		for _, topic := range conversation.Topics {
			for _, place := range append(slices.Clone(places), "") {
				found := l.forTopic(topic, place)
				if len(found) == 0 {
					t.Errorf("%s: nothing about %s at %q", lang, topic, place)
				}
			}
		}
		for _, lead := range []struct {
			topic conversation.Topic
			place string
			to    string
		}{
			{conversation.TopicPhysicalViolence, placeHome, "violence-at-home"},
			{conversation.TopicPhysicalViolence, placeStreet, "violence"},
			{conversation.TopicPhysicalViolence, "", "violence"},
			{conversation.TopicIllTreatment, placeHome, "violence-at-home"},
			{conversation.TopicSexualViolence, placeSport, "sexual-violence"}, // the help first, the trap after
			{conversation.TopicSexualViolence, placeHome, "sexual-violence"},
			{conversation.TopicSchoolHarassment, placeSchool, "school-harassment"},
			{conversation.TopicCyberHarassment, placeSchool, "cyber-harassment"},
			{conversation.TopicOther, "", "something-else"},
		} {
			if first := l.forTopic(lead.topic, lead.place)[0]; first.Name != lead.to {
				t.Errorf("%s: %s at %q leads to %s, not to %s", lang, lead.topic, lead.place, first.Name, lead.to)
			}
		}
	}
}

var (
	wordForm   = regexp.MustCompile(`[\pL\pN'’-]+`)
	linkTarget = regexp.MustCompile(`\]\([^)]*\)`)
	marks      = regexp.MustCompile(`(?m)^\s*(?:[-#]+|\d+\.)\s+|\*+`)
)

// bodies are the texts themselves, without what stands above and without targets.
func bodies(t *testing.T, lang page.Lang) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for name, f := range copied(t) {
		dir, file, _ := strings.Cut(strings.TrimPrefix(name, "content/"), "/")
		if dir != string(lang) || !strings.HasSuffix(file, ".md") {
			continue
		}
		parts := strings.SplitN(string(f.Data), "\n---\n", 2)
		texts[file] = linkTarget.ReplaceAllString(parts[1], "]")
	}
	return texts
}

func TestSheetsAreShort(t *testing.T) {
	for _, lang := range languages {
		for name, text := range bodies(t, lang) {
			limit := 350
			if name == "welcome.md" {
				limit = 550 // what must be known before the first word; it has parts of its own
			}
			if n := len(wordForm.FindAllString(text, -1)); n > limit {
				t.Errorf("%s/%s has %d words, more than %d", lang, name, n, limit)
			}
		}
	}
}

// A ten-year-old reads sentences of up to some twenty words.
func TestSentencesAreShort(t *testing.T) {
	for _, lang := range languages {
		for name, text := range bodies(t, lang) {
			for _, line := range strings.Split(marks.ReplaceAllString(text, ""), "\n") {
				for _, sentence := range regexp.MustCompile(`[.!?:;…]+(?:\s|$)`).Split(line, -1) {
					if n := len(wordForm.FindAllString(sentence, -1)); n > 26 {
						t.Errorf("%s/%s: %d words in %q", lang, name, n, sentence)
					}
				}
			}
		}
	}
}

var dialled = regexp.MustCompile(`\]\((?:tel|sms):(\d+)\)`)

// The numbers of France that a text may name. A wrong one would be worse than none.
var numbers = []string{"15", "17", "112", "114", "119", "3018", "3114", "116006", "0800231313", "0800235236"}

func TestNumbersAreRightAndTheSameInEveryLanguage(t *testing.T) {
	files := copied(t)
	for name, f := range files {
		var got []string
		for _, m := range dialled.FindAllSubmatch(f.Data, -1) {
			if !slices.Contains(numbers, string(m[1])) {
				t.Errorf("%s: the number %s is not one of France's", name, m[1])
			}
			got = append(got, string(m[1]))
		}
		for _, m := range regexp.MustCompile(`\[([\d ]+)\]\((?:tel|sms):(\d+)\)`).FindAllSubmatch(f.Data, -1) {
			if strings.ReplaceAll(string(m[1]), " ", "") != string(m[2]) {
				t.Errorf("%s: shows %s and dials %s", name, m[1], m[2])
			}
		}
		if bytes.Contains(f.Data, []byte("](tel:114)")) {
			t.Errorf("%s: 114 is written to, not called", name)
		}
		other := strings.Replace(name, "content/fr/", "content/en/", 1)
		var there []string
		for _, m := range dialled.FindAllSubmatch(files[other].Data, -1) {
			there = append(there, string(m[1]))
		}
		if !slices.Equal(got, there) {
			t.Errorf("%s names %v, %s names %v", name, got, other, there)
		}
	}
}

// What the rights page says of retention is what policy does.
func TestRetentionAsPolicySays(t *testing.T) {
	raw, err := os.ReadFile("../../policy/data.json")
	if err != nil {
		t.Fatal(err)
	}
	for key, told := range map[string][2]string{
		"transcript_s":          {"12 mois après", "12 months after"},
		"identity_unreleased_s": {"6 mois, si personne", "6 months, if nobody"},
		"openings_s":            {"36 mois", "36 months"},
	} {
		var months int
		if _, err := fmt.Sscanf(told[0], "%d", &months); err != nil {
			t.Fatal(err)
		}
		m := regexp.MustCompile(`"` + key + `": (\d+)`).FindSubmatch(raw)
		if m == nil {
			t.Fatalf("policy has no %s", key)
		}
		var seconds int
		if err := json.Unmarshal(m[1], &seconds); err != nil {
			t.Fatal(err)
		}
		if days := seconds / 86400; days < months*30 || days > months*31 {
			t.Errorf("policy's %s is %d days, the page says %d months", key, days, months)
		}
		for i, lang := range languages {
			if !strings.Contains(bodies(t, lang)["rights.md"], told[i]) {
				t.Errorf("%s: the rights page does not say %q", lang, told[i])
			}
		}
	}
}

func TestAssessment(t *testing.T) {
	for name, tc := range map[string]struct {
		answers map[string]string
		want    result
	}{
		"all is well":                         {map[string]string{"mocked": "never", "afraid": "never"}, resultCalm},
		"an unknown code counts for nothing":  {map[string]string{"mocked": "never", "killed": "daily"}, resultCalm},
		"teased once":                         {map[string]string{"mocked": "sometimes"}, resultWatch},
		"feels bad, nothing was done":         {map[string]string{"alone": "often"}, resultWatch},
		"teased often":                        {map[string]string{"mocked": "often"}, resultLikely},
		"many things, each now and then":      {map[string]string{"mocked": "sometimes", "online": "sometimes", "rumours": "sometimes"}, resultLikely},
		"hit once":                            {map[string]string{"hit": "sometimes"}, resultWatch},
		"hit once, and afraid":                {map[string]string{"hit": "sometimes", "afraid": "often"}, resultSerious},
		"hit once, mocked every day":          {map[string]string{"hit": "sometimes", "mocked": "daily"}, resultSerious},
		"hit often":                           {map[string]string{"hit": "often"}, resultSerious},
		"touched every day":                   {map[string]string{"touched": "daily"}, resultSerious},
		"thinks of dying, and nothing else":   {map[string]string{"die": "sometimes"}, resultDanger},
		"thinks of dying, above all the rest": {map[string]string{"hit": "daily", "die": "daily"}, resultDanger},
		"does not think of dying":             {map[string]string{"die": "never"}, resultCalm},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := assess(func(code string) string { return tc.answers[code] })
			if err != nil || got != tc.want {
				t.Fatalf("got %q, %v, want %q", got, err, tc.want)
			}
		})
	}
	for _, answers := range []map[string]string{{}, {"mocked": "always"}, {"killed": "daily"}} {
		if got, err := assess(func(code string) string { return answers[code] }); err == nil {
			t.Errorf("%v: got %q, want a refusal", answers, got)
		}
	}
}
