package minor

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/conversation"
	"github.com/sceau-project/sceau/web/page"
)

// What a child reads before writing lies in content/, one folder per language, so
// that a psychologist can change it without a developer. A mistake in it stops the
// program's start, and its tests.

//go:embed content/fr content/en
var contentFiles embed.FS

// Languages of the content; the first is where a reader starts who asks for none.
var languages = []page.Lang{page.French, page.English}

// Places where it can happen, in the order in which a page offers them.
const (
	placeHome   = "home"
	placeStreet = "street"
	placeSchool = "school"
	placeSport  = "sport"
	placeOnline = "online"
)

var places = []string{placeHome, placeStreet, placeSchool, placeSport, placeOnline}

// Files with a part of their own; all others are sheets.
const (
	welcomeFile  = "welcome"
	rightsFile   = "rights"
	evidenceFile = "evidence"
	questionFile = "assessment"
)

// front is what stands above a text.
type front struct {
	Title   string   `yaml:"title"`
	Summary string   `yaml:"summary"`
	Order   int      `yaml:"order"` // among the sheets, and in their address
	Topics  []string `yaml:"topics,omitempty"`
	Places  []string `yaml:"places,omitempty"` // none: wherever it happens
}

// sheet is one text, ready to be shown. Its address is a number: the words of an
// address stay in the list of visited pages.
type sheet struct {
	front
	Name     string // of its file
	Sections []section
}

// section is a heading of the second level with what follows it; the first may have
// no heading.
type section struct {
	Title, HTML string
}

// path is the sheet's address.
func (s *sheet) path() string {
	if s.Name == welcomeFile {
		return "/"
	}
	return "/p/" + strconv.Itoa(s.Order)
}

// about says whether the sheet helps with a topic at a place; place "" is anywhere.
func (s *sheet) about(topic conversation.Topic, place string) bool {
	return slices.Contains(s.Topics, string(topic)) && (place == "" || len(s.Places) == 0 || slices.Contains(s.Places, place))
}

// library is all that is written in one language.
type library struct {
	Sheets    []*sheet // by order
	Questions *questions
}

// named finds a sheet by its file; it is there (see readLibrary).
func (l *library) named(name string) *sheet {
	i := slices.IndexFunc(l.Sheets, func(s *sheet) bool { return s.Name == name })
	return l.Sheets[i]
}

// numbered finds a sheet by its address; nil when there is none.
func (l *library) numbered(number string) *sheet {
	for _, s := range l.Sheets {
		if s.Name != welcomeFile && strconv.Itoa(s.Order) == number {
			return s
		}
	}
	return nil
}

// forTopic lists what helps with a topic at a place, by order: the first is the one
// to lead to.
func (l *library) forTopic(topic conversation.Topic, place string) []*sheet {
	var found []*sheet
	for _, s := range l.Sheets {
		if s.about(topic, place) {
			found = append(found, s)
		}
	}
	return found
}

// readContent reads every language and holds them to each other.
func readContent(files fs.FS) (map[page.Lang]*library, error) {
	all := map[page.Lang]*library{}
	for _, lang := range languages {
		dir, err := fs.Sub(files, path.Join("content", string(lang)))
		if err != nil {
			return nil, fmt.Errorf("reading the content: %w", err)
		}
		if all[lang], err = readLibrary(dir, lang); err != nil {
			return nil, fmt.Errorf("reading the content in %q: %w", lang, err)
		}
	}
	first := all[languages[0]]
	for _, lang := range languages[1:] {
		if err := first.agrees(all[lang]); err != nil {
			return nil, fmt.Errorf("content in %q and in %q: %w", languages[0], lang, err)
		}
	}
	return all, nil
}

// french keeps a French mark on the line of its word: whoever writes types a plain
// space before it. A colon after a code (YAML) has none.
var french = strings.NewReplacer(" ?", "\u00a0?", " !", "\u00a0!", " :", "\u00a0:", " ;", "\u00a0;", " »", "\u00a0»", "« ", "«\u00a0")

func set(raw []byte, lang page.Lang) []byte {
	if lang != page.French {
		return raw
	}
	return []byte(french.Replace(string(raw)))
}

func readLibrary(dir fs.FS, lang page.Lang) (*library, error) {
	names, err := fs.Glob(dir, "*.md")
	if err != nil {
		return nil, err
	}
	l := &library{}
	bodies := map[*sheet][]byte{}
	for _, name := range names {
		raw, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		raw = set(raw, lang)
		s := &sheet{Name: strings.TrimSuffix(name, ".md")}
		if bodies[s], err = s.readFront(raw); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		l.Sheets = append(l.Sheets, s)
	}
	slices.SortFunc(l.Sheets, func(a, b *sheet) int { return a.Order - b.Order })
	raw, err := fs.ReadFile(dir, questionFile+".yaml")
	if err != nil {
		return nil, err
	}
	raw = set(raw, lang)
	if err := l.complete(); err != nil {
		return nil, err
	}
	for s, body := range bodies {
		if s.Sections, err = l.render(body); err != nil {
			return nil, fmt.Errorf("%s.md: %w", s.Name, err)
		}
	}
	if l.Questions, err = l.readQuestions(raw); err != nil {
		return nil, fmt.Errorf("%s.yaml: %w", questionFile, err)
	}
	return l, nil
}

// complete says what is missing for the pages to work.
func (l *library) complete() error {
	has := map[string]bool{}
	for i, s := range l.Sheets {
		has[s.Name] = true
		if i > 0 && l.Sheets[i-1].Order == s.Order {
			return fmt.Errorf("%s and %s have the same order", l.Sheets[i-1].Name, s.Name)
		}
	}
	for _, name := range []string{welcomeFile, rightsFile, evidenceFile} {
		if !has[name] {
			return fmt.Errorf("%s.md is missing", name)
		}
	}
	for _, topic := range conversation.Topics {
		for _, place := range places {
			if len(l.forTopic(topic, place)) == 0 {
				return fmt.Errorf("no sheet about %s at %s", topic, place)
			}
		}
	}
	return nil
}

// agrees says where another language does not follow.
func (l *library) agrees(other *library) error {
	if len(l.Sheets) != len(other.Sheets) {
		return fmt.Errorf("%d files and %d", len(l.Sheets), len(other.Sheets))
	}
	for i, s := range l.Sheets {
		t := other.Sheets[i]
		if s.Name != t.Name || s.Order != t.Order || !slices.Equal(s.Topics, t.Topics) || !slices.Equal(s.Places, t.Places) {
			return fmt.Errorf("%s and %s differ in name, order, topics or places", s.Name, t.Name)
		}
		if len(s.Sections) != len(t.Sections) {
			return fmt.Errorf("%s has %d parts, and %d", s.Name, len(s.Sections), len(t.Sections))
		}
	}
	if l.Questions.Order != other.Questions.Order {
		return errors.New("the questions differ in order")
	}
	return nil
}

// readFront reads what stands above a text and returns the text.
func (s *sheet) readFront(raw []byte) ([]byte, error) {
	rest, ok := bytes.CutPrefix(raw, []byte("---\n"))
	head, body, found := bytes.Cut(rest, []byte("\n---\n"))
	if !ok || !found {
		return nil, errors.New("begins without a title between two lines of ---")
	}
	if err := strictYAML(head, &s.front); err != nil {
		return nil, err
	}
	if s.Title == "" || s.Summary == "" || s.Order < 1 {
		return nil, errors.New("needs a title, a summary and an order")
	}
	for _, topic := range s.Topics {
		if !conversation.Topic(topic).Known() {
			return nil, fmt.Errorf("no topic %q", topic)
		}
	}
	for _, place := range s.Places {
		if !slices.Contains(places, place) {
			return nil, fmt.Errorf("no place %q", place)
		}
	}
	return body, nil
}

// strictYAML refuses what it does not know: a misspelt key would be forgotten
// silently.
func strictYAML(raw []byte, into any) error {
	decoder := yaml.NewDecoder(bytes.NewReader(raw))
	decoder.KnownFields(true)
	return decoder.Decode(into)
}

// render makes HTML of Markdown, in sections. Raw HTML is refused, and so is a link
// that is neither a telephone number nor another file of the content: a page of
// this service leads nowhere else.
func (l *library) render(body []byte) ([]section, error) {
	md := goldmark.New()
	doc := md.Parser().Parse(text.NewReader(body))
	if err := l.check(doc); err != nil {
		return nil, err
	}
	var sections []section
	var html bytes.Buffer
	title := ""
	flush := func() {
		if title != "" || html.Len() > 0 {
			sections = append(sections, section{Title: title, HTML: html.String()})
		}
		html.Reset()
	}
	for node := doc.FirstChild(); node != nil; node = node.NextSibling() {
		if h, ok := node.(*ast.Heading); ok && h.Level == 2 {
			flush()
			title = plainText(h, body)
			continue
		}
		if err := md.Renderer().Render(&html, body, node); err != nil {
			return nil, err
		}
	}
	flush()
	return sections, nil
}

// check walks a text: headings in order from the second level on (the title is the
// first), no raw HTML, no picture, no link that leads nowhere. It turns links to
// files into addresses.
func (l *library) check(doc ast.Node) error {
	level := 1
	return ast.Walk(doc, func(node ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := node.(type) {
		case *ast.HTMLBlock, *ast.RawHTML:
			return ast.WalkStop, errors.New("HTML in a text")
		case *ast.Image:
			return ast.WalkStop, errors.New("a picture in a text")
		case *ast.Heading:
			if n.Level < 2 || n.Level > level+1 {
				return ast.WalkStop, fmt.Errorf("a heading of level %d follows one of level %d", n.Level, level)
			}
			level = n.Level
		case *ast.AutoLink:
			return ast.WalkStop, errors.New("a bare address in a text")
		case *ast.Link:
			address, err := l.address(string(n.Destination))
			if err != nil {
				return ast.WalkStop, err
			}
			n.Destination = []byte(address)
		}
		return ast.WalkContinue, nil
	})
}

func (l *library) address(to string) (string, error) {
	u, err := url.Parse(to)
	if err != nil {
		return "", fmt.Errorf("reading a link: %w", err)
	}
	if u.Scheme == "tel" || u.Scheme == "sms" {
		return to, nil
	}
	if to == questionFile {
		return questionsPath, nil
	}
	for _, s := range l.Sheets {
		if s.Name == to {
			return s.path(), nil
		}
	}
	return "", fmt.Errorf("a link leads to %q, which is no file of the content", to)
}

// plainText is a heading without its marks.
func plainText(node ast.Node, source []byte) string {
	var out strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if t, ok := n.(*ast.Text); ok && entering {
			out.Write(t.Segment.Value(source))
		}
		return ast.WalkContinue, nil
	})
	return out.String()
}
