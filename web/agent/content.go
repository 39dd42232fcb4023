package agent

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"

	"go.yaml.in/yaml/v3"

	"github.com/sceau-project/sceau/web/page"
)

// What agents send again and again lies in content/, one folder per language, so that
// who trains them can change it without a developer. A mistake in it stops the
// program's start, and its tests.

//go:embed content
var files embed.FS

// text is one that an agent can take over and change.
type text struct {
	Name  string `yaml:"name"`  // in addresses: short, of lower-case letters
	Title string `yaml:"title"` // what it is for
	Text  string `yaml:"text"`
}

// content is what one language has.
type content struct {
	Replies  []text   `yaml:"replies"`
	Closings []text   `yaml:"closings"` // the last message before a conversation is closed
	Telling  []string `yaml:"telling"`  // how to tell a young person that their identity was opened
}

// find returns a text by its name; empty when there is none.
func find(texts []text, name string) string {
	for _, t := range texts {
		if t.Name == name {
			return t.Text
		}
	}
	return ""
}

func readContent(from fs.FS) (map[page.Lang]content, error) {
	all := map[page.Lang]content{}
	for _, l := range []page.Lang{page.French, page.English} {
		name := "content/" + string(l) + "/texts.yaml"
		raw, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, fmt.Errorf("reading what agents write: %w", err)
		}
		var c content
		decoder := yaml.NewDecoder(bytes.NewReader(raw))
		decoder.KnownFields(true)
		if err := decoder.Decode(&c); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if len(c.Replies) == 0 || len(c.Closings) == 0 || len(c.Telling) == 0 {
			return nil, fmt.Errorf("%s: replies, closings or telling are missing", name)
		}
		seen := map[string]bool{}
		for _, t := range append(append([]text(nil), c.Replies...), c.Closings...) {
			if t.Name == "" || t.Title == "" || t.Text == "" || len([]rune(t.Text)) > 1000 || seen[t.Name] {
				return nil, fmt.Errorf("%s: %q lacks something, is there twice, or has more than 1,000 characters", name, t.Name)
			}
			seen[t.Name] = true
		}
		all[l] = c
	}
	return all, nil
}
