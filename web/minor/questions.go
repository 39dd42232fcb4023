package minor

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// questionsPath is where the questions on bullying are asked. Its answers travel in
// the body of a request, are answered in the same moment and forgotten.
const questionsPath = "/questions"

// questions is the self-assessment in one language. Codes are the program's;
// sentences are the language's.
type questions struct {
	Title     string            `yaml:"title"`
	Summary   string            `yaml:"summary"`
	Order     int               `yaml:"order"`
	When      string            `yaml:"when"`
	Answers   map[string]string `yaml:"answers"`
	Groups    map[string]string `yaml:"groups"`
	Questions map[string]string `yaml:"questions"`
	Results   map[result]struct {
		Title string `yaml:"title"`
		Text  string `yaml:"text"`
		HTML  string `yaml:"-"`
	} `yaml:"results"`
	Bring string `yaml:"bring"`
	Empty string `yaml:"empty"`
	Again string `yaml:"again"`
}

// result is what the answers amount to.
type result string

// Results, gravest first.
const (
	resultDanger  result = "danger"  // thinks of dying
	resultSerious result = "serious" // blows, threats, touching that come back, or happen daily
	resultLikely  result = "likely"  // something comes back, or many things happen
	resultWatch   result = "watch"   // something happens
	resultCalm    result = "calm"
)

var results = []result{resultDanger, resultSerious, resultLikely, resultWatch, resultCalm}

// How often something happens; the position is its weight.
var frequencies = []string{"never", "sometimes", "often", "daily"}

const (
	sometimes = 1
	often     = 2
)

// question is one of the grid.
type question struct {
	Code, Group string
	grave       bool // blows, threats, touching: it needs no repetition to be taken seriously
}

const questionDie = "die"

// grid lists the questions in the order in which they are asked.
var grid = []question{
	{"mocked", "acts", false}, {"left_out", "acts", false}, {"rumours", "acts", false}, {"belongings", "acts", false},
	{"hit", "acts", true}, {"forced", "acts", true}, {"touched", "acts", true}, {"online", "acts", false},
	{"afraid", "effects", false}, {"unwell", "effects", false}, {"alone", "effects", false}, {questionDie, "effects", false},
}

var errNoAnswer = errors.New("no question is answered")

// assess says what the answers amount to: question code to frequency. What is not
// answered counts for nothing, and neither does what is no code of the grid.
//
// The thresholds lean to the side of the child: it is better to be told to talk to
// somebody once too often.
func assess(answer func(code string) string) (result, error) {
	answered, acts, repeated, gravity, effects := 0, 0, 0, 0, 0
	for _, q := range grid {
		weight := slices.Index(frequencies, answer(q.Code))
		if weight < 0 {
			continue
		}
		answered++
		switch {
		case q.Code == questionDie && weight >= sometimes:
			return resultDanger, nil
		case q.Group == "effects":
			effects = max(effects, weight)
		case weight >= sometimes:
			acts++
			if weight >= often {
				repeated++
			}
			if q.grave {
				gravity = max(gravity, weight)
			}
		}
	}
	switch {
	case answered == 0:
		return "", errNoAnswer
	case gravity >= often, gravity >= sometimes && (repeated > 0 || effects >= often):
		return resultSerious, nil
	case repeated > 0, acts >= 3:
		return resultLikely, nil
	case acts > 0, effects >= sometimes:
		return resultWatch, nil
	}
	return resultCalm, nil
}

// readQuestions reads the sentences and holds them to the codes.
func (l *library) readQuestions(raw []byte) (*questions, error) {
	q := &questions{}
	if err := strictYAML(raw, q); err != nil {
		return nil, err
	}
	var codes, groups []string
	for _, asked := range grid {
		codes = append(codes, asked.Code)
		if !slices.Contains(groups, asked.Group) {
			groups = append(groups, asked.Group)
		}
	}
	for _, err := range []error{
		sameCodes("questions", q.Questions, codes), sameCodes("answers", q.Answers, frequencies), sameCodes("groups", q.Groups, groups),
	} {
		if err != nil {
			return nil, err
		}
	}
	if len(q.Results) != len(results) {
		return nil, fmt.Errorf("%d results, not %d", len(q.Results), len(results))
	}
	for _, code := range results {
		told := q.Results[code]
		if told.Title == "" || told.Text == "" {
			return nil, fmt.Errorf("nothing is said for the result %s", code)
		}
		sections, err := l.render([]byte(told.Text))
		if err != nil {
			return nil, fmt.Errorf("the result %s: %w", code, err)
		}
		if len(sections) != 1 || sections[0].Title != "" {
			return nil, fmt.Errorf("the result %s has headings", code)
		}
		told.HTML = sections[0].HTML
		q.Results[code] = told
	}
	for _, text := range []string{q.Title, q.Summary, q.When, q.Bring, q.Empty, q.Again} {
		if strings.TrimSpace(text) == "" {
			return nil, errors.New("a sentence is missing")
		}
	}
	return q, nil
}

func sameCodes(what string, told map[string]string, codes []string) error {
	if len(told) != len(codes) {
		return fmt.Errorf("%s: %d, not %d", what, len(told), len(codes))
	}
	for _, code := range codes {
		if told[code] == "" {
			return fmt.Errorf("%s: nothing is said for %s", what, code)
		}
	}
	return nil
}
