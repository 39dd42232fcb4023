package conversation_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/conversation"
)

func TestCheckText(t *testing.T) {
	for name, tt := range map[string]struct {
		text string
		want error
	}{
		"a word":                 {"oui", nil},
		"lines":                  {"bonjour\n\tje\r\nsuis là 🙂", nil},
		"the longest":            {strings.Repeat("é", conversation.MaxText), nil},
		"the longest, in emoji":  {strings.Repeat("🙂", conversation.MaxText), nil},
		"one more":               {strings.Repeat("é", conversation.MaxText+1), conversation.ErrMessageTooLong},
		"far more":               {strings.Repeat("a", 1<<20), conversation.ErrMessageTooLong},
		"nothing":                {"", conversation.ErrMessageEmpty},
		"white space":            {" \n\t\u00a0", conversation.ErrMessageEmpty},
		"NUL":                    {"a\x00b", conversation.ErrMessageNotText},
		"escape":                 {"\x1b[2J", conversation.ErrMessageNotText},
		"a C1 control":           {"a\u009bb", conversation.ErrMessageNotText},
		"invalid UTF-8":          {"a\xff", conversation.ErrMessageNotText},
		"a surrogate, as UTF-8":  {"\xed\xa0\x80", conversation.ErrMessageNotText},
		"overlong encoding of /": {"\xc0\xaf", conversation.ErrMessageNotText},
	} {
		if err := conversation.CheckText(tt.text); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if err := conversation.CheckFacet(strings.Repeat("é", conversation.MaxFacet+1)); !errors.Is(err, conversation.ErrFacetTooLong) {
		t.Errorf("a long facet: %v", err)
	}
}

func TestToken(t *testing.T) {
	token, hash, err := conversation.NewToken(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if got, ok := conversation.HashToken(token); !ok || got != hash {
		t.Errorf("HashToken(%q) = %x, %t; want %x", token, got, ok, hash)
	}
	zeros, _, err := conversation.NewToken(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]string{
		"empty": "", "short": token[:42], "long": token + "A", "padded": token + "=", "a line": token + "\n",
		"standard alphabet": strings.Repeat("+", 43), "spaces": strings.Repeat(" ", 43),
		"bits that no byte uses": zeros[:42] + "B", "a line feed inside": zeros[:41] + "\nA",
	} {
		if _, ok := conversation.HashToken(s); ok {
			t.Errorf("%s: %q is taken for a token", name, s)
		}
	}
	if _, _, err := conversation.NewToken(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("a token of 31 random bytes")
	}
}

func TestCodesAreDistinct(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range conversation.Codes {
		if seen[code] || !strings.Contains(code, ".") {
			t.Errorf("code %q", code)
		}
		seen[code] = true
	}
	for _, topic := range conversation.Topics {
		if !topic.Known() {
			t.Errorf("topic %q", topic)
		}
	}
	if conversation.Topic("").Known() || conversation.Facet("postal_code").Known() || conversation.FacetConnection.Entrusted() || !conversation.FacetName.Entrusted() {
		t.Error("topics or facets are not what they say")
	}
}
