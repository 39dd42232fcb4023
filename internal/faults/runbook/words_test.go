package runbook

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// Every command of ours in the operator's documents exists, with every option that
// is given there.
func TestCommandsExist(t *testing.T) {
	bin := programs(t)
	help := map[string]string{}
	for _, line := range documents(t, regexp.MustCompile(`(?m)^(?:.*; do )?(sceau(?:-inspect)? .+)$`)) {
		if strings.Contains(line, "`") {
			continue // a sentence
		}
		words := strings.Fields(line)
		var verbs []string
		for _, w := range words[1:] {
			if !regexp.MustCompile(`^[a-z]+$`).MatchString(w) {
				break
			}
			verbs = append(verbs, w)
		}
		if words[1] == "policy" && verbs[1] == "keygen" || words[1] == "custodian" || words[1] == "migrate" || words[1] == "serve" {
			verbs = verbs[:min(len(verbs), 2)]
		}
		command := words[0] + " " + strings.Join(verbs, " ")
		if help[command] == "" {
			out, err := exec.Command(filepath.Join(bin, words[0]), append(verbs, "--help")...).CombinedOutput()
			if err != nil {
				t.Errorf("%s: %v\n%s", command, err, out)
				continue
			}
			help[command] = string(out)
		}
		for _, option := range regexp.MustCompile(` (--[a-z-]+)`).FindAllStringSubmatch(line, -1) {
			if !strings.Contains(help[command], option[1]) {
				t.Errorf("%s has no option %s", command, option[1])
			}
		}
	}
	if len(help) < 6 {
		t.Errorf("only %d commands were found", len(help))
	}
}

// Every marked block is followed by a test here, every link leads somewhere, and every answer that is
// quoted is one.
func TestWordsHold(t *testing.T) {
	var tests strings.Builder
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		tests.Write(text)
	}
	for name := range book() {
		if !strings.Contains(tests.String(), `follow("`+name+`"`) && !strings.Contains(tests.String(), `book()["`+name+`"]`) {
			t.Errorf("nothing follows the block %s", name)
		}
	}
	docs := filepath.Join(root, "docs")
	for _, link := range documents(t, regexp.MustCompile(`\]\(([^)h][^)]*)\)`)) {
		file, anchor, _ := strings.Cut(link, "#")
		var text []byte
		for _, from := range []string{"runbook.md", "operate.md"} {
			if file != "" {
				from = file
			}
			if info, err := os.Stat(filepath.Join(docs, from)); err == nil && info.IsDir() {
				text = append(text, []byte(anchors("# "+anchor))...)
				continue
			}
			content, err := os.ReadFile(filepath.Join(docs, from))
			if err != nil {
				t.Errorf("%s leads nowhere: %v", link, err)
			}
			text = append(text, content...)
		}
		if anchor != "" && !strings.Contains(anchors(string(text)), "#"+anchor+"\n") {
			t.Errorf("%s leads nowhere", link)
		}
	}
	codes, err := os.ReadFile(filepath.Join(docs, "errors.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range documents(t, regexp.MustCompile("(?:answers|refused` with) `([a-z_]+[.][a-z_]+)`")) {
		if !strings.Contains(string(codes), "`"+code+"`") {
			t.Errorf("nothing answers %s", code)
		}
	}
	sources := goSources(t)
	for _, line := range []string{"PostgreSQL lost or replaced entries", "cannot be destroyed in Vault now", "refuses the AppRole",
		"remembering the head", "no head of the log is remembered"} {
		if !strings.Contains(sources, line) {
			t.Errorf("no process logs %q", line)
		}
	}
}

// anchors are the headings of a Markdown text, as links name them, one a line.
func anchors(text string) string {
	var all strings.Builder
	for _, m := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(text, -1) {
		name := regexp.MustCompile(`[^\p{L}\p{N} -]`).ReplaceAllString(strings.ToLower(m[1]), "")
		all.WriteString("#" + strings.ReplaceAll(name, " ", "-") + "\n")
	}
	return all.String()
}

func goSources(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, room := range []string{"custodian", "crypto", "cmd/sceau"} {
		err := filepath.WalkDir(filepath.Join(root, room), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}
