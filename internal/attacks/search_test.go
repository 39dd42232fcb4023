package attacks

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// A plant is a text that the service was given and that must be found nowhere.
type plant struct{ what, text string }

// forms are how a text may lie somewhere: as it is, in hex as pg_dump writes
// bytes, in base64 at any offset, and escaped for a URL or a JSON string.
func (p plant) forms() [][]byte {
	all := [][]byte{[]byte(p.text), []byte(hex.EncodeToString([]byte(p.text))), []byte(url.QueryEscape(p.text)),
		[]byte(strings.Trim(strconv.QuoteToASCII(p.text), `"`))}
	for offset := range 3 {
		text := p.text[offset:]
		text = text[:len(text)/3*3]
		all = append(all, []byte(base64.StdEncoding.EncodeToString([]byte(text))), []byte(base64.URLEncoding.EncodeToString([]byte(text))))
	}
	return all
}

// nowhere fails the test when a plant lies in content.
func nowhere(t testing.TB, place string, content []byte, plants []plant) {
	t.Helper()
	for _, p := range plants {
		for _, form := range p.forms() {
			if bytes.Contains(content, form) {
				t.Errorf("%s holds %s: %.60q", place, p.what, form)
				break
			}
		}
	}
}

// nowhereBelow searches every file below a directory and returns how many there
// were. What vanishes meanwhile is passed over.
func nowhereBelow(t testing.TB, dir string, plants []plant) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return nil
		}
		files++
		nowhere(t, path, content, plants)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestTheSearchFinds: a search that cannot find proves nothing.
func TestTheSearchFinds(t *testing.T) {
	p := plant{"a sentence", "Le hérisson mauve récite l’alphabet à l’envers."}
	for i, form := range p.forms() {
		found := false
		for _, f := range p.forms() {
			found = found || bytes.Contains(append([]byte("before "), append(form, " after"...)...), f)
		}
		if !found {
			t.Errorf("form %d is not found", i)
		}
	}
	for offset := range 3 {
		coded := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("x", offset) + p.text + "yz"))
		if !bytes.Contains([]byte(coded), p.forms()[4+2*((3-offset)%3)][:40]) {
			t.Errorf("at offset %d of a longer base64 text it is not found", offset)
		}
	}
}
