package seal

import (
	"bytes"
	"strings"
	"testing"
)

// FuzzFrame: what unframe accepts is exactly what frame writes, so no two
// plaintexts open as the same content.
func FuzzFrame(f *testing.F) {
	c := Message("0b9d7c52-6b1c-4c9e-9b0e-1f6f0a3f5d11", 12)
	for _, content := range []string{"", "oui", "\x00", strings.Repeat("é", 300), strings.Repeat("a", 1000)} {
		plain, err := frame(c, []byte(content))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(plain)
		f.Add(plain[:len(plain)-bucket/2])
		f.Add(bytes.Replace(plain, []byte("\n"), []byte("\n0"), 1))
	}
	f.Fuzz(func(t *testing.T, plain []byte) {
		content, err := unframe(plain, c)
		if err != nil {
			return
		}
		again, err := frame(c, content)
		if err != nil || !bytes.Equal(again, plain) {
			t.Errorf("%q opens as %q, which is written %q: %v", plain, content, again, err)
		}
	})
}
