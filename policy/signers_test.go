package policy

import (
	"bytes"
	"encoding/base64"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// holder is one key of somebody.
type holder struct{ person, private, public string }

func hold(t testing.TB, person, key string) holder {
	t.Helper()
	private, public, err := GenerateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return holder{person, private, public}
}

func pin(t testing.TB, origin string, holders ...holder) Verification {
	t.Helper()
	v, err := Pin(origin, pins(holders...))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func pins(holders ...holder) []Signer {
	var all []Signer
	for _, h := range holders {
		all = append(all, Signer{Person: h.person, Key: h.public})
	}
	return all
}

func signedBy(t testing.TB, s Statement, holders ...holder) []byte {
	t.Helper()
	var signed []byte
	for _, h := range holders {
		var err error
		if signed, err = Sign(s, signed, h.private); err != nil {
			t.Fatal(err)
		}
	}
	return signed
}

const origin = "sceau.test/policy"

var (
	revisionA = "sha256:" + strings.Repeat("a", 64)
	revisionB = "sha256:" + strings.Repeat("b", 64)
)

// Who signs what, and whether it changes policy.
func TestTwoDifferentPeopleChangePolicy(t *testing.T) {
	one, two, three := hold(t, "p-1", "one"), hold(t, "p-2", "two"), hold(t, "p-3", "three")
	again, stranger := hold(t, "p-1", "one-again"), hold(t, "p-4", "stranger")
	namesake := hold(t, "p-2", "two") // somebody else's key under the name of a pinned one
	pinned := pin(t, origin, one, two, three, again)
	this := Statement{Origin: origin, Serial: 7, Revision: revisionA}
	line := func(signed []byte, key string) []byte {
		for l := range bytes.Lines(signed) {
			if bytes.HasPrefix(l, []byte("— "+key+" ")) {
				return l
			}
		}
		t.Fatalf("%s has not signed", key)
		return nil
	}
	byOne, byTwo := signedBy(t, this, one), signedBy(t, this, two)
	for _, tt := range []struct {
		what   string
		signed []byte
		want   string // "" is believed
	}{
		{"two people", signedBy(t, this, one, two), ""},
		{"in the other order", signedBy(t, this, two, one), ""},
		{"three people", signedBy(t, this, one, two, three), ""},
		{"two people and a stranger", signedBy(t, this, one, stranger, two), ""},
		{"one person", byOne, "1 of 2"},
		{"one person twice", signedBy(t, this, one, one), "1 of 2"},
		{"one signature twice", slices.Concat(byOne, line(byOne, "one")), "1 of 2"},
		{"two keys of one person", signedBy(t, this, one, again), "1 of 2"},
		{"one person and a stranger", signedBy(t, this, one, stranger), "1 of 2"},
		{"one person and a namesake's key", signedBy(t, this, one, namesake), "1 of 2"},
		{"strangers", signedBy(t, this, stranger, namesake), "0 of 2"},
		{"nobody", []byte(this.text() + "\n"), "not a signed note"},
		{"the signature of another text", slices.Concat(byOne, line(signedBy(t, Statement{origin, 6, revisionA}, two), "two")), "the signature of two is not of this text"},
		{"another log", signedBy(t, Statement{"sceau.test/other", 7, revisionA}, one, two), "signed for the log sceau.test/other"},
		{"a changed serial", bytes.Replace(signedBy(t, this, one, two), []byte("\n7\n"), []byte("\n8\n"), 1), "is not of this text"},
		{"a changed revision", bytes.Replace(signedBy(t, this, one, two), []byte("aaaa"), []byte("bbbb"), 1), "is not of this text"},
		{"one over the other's name", bytes.Replace(byTwo, []byte("— two"), []byte("— one"), 1), "0 of 2"},
		{"nothing", nil, "not a signed note"},
	} {
		signed, err := pinned.Open(tt.signed)
		switch {
		case tt.want == "" && err != nil:
			t.Errorf("%s: %v", tt.what, err)
		case tt.want == "" && (signed.Statement != this || len(signed.Persons) < 2 || len(signed.Signatures) < 2):
			t.Errorf("%s: %+v", tt.what, signed)
		case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
			t.Errorf("%s: %v, and it should say %q", tt.what, err, tt.want)
		}
		if tt.want != "" {
			continue
		}
		// What a leaf holds of it is believed as well, and strangers' signatures stay out.
		if got := signed.Signatures.String(); strings.Contains(got, "stranger") || strings.ContainsAny(got, " \n\"\\") {
			t.Errorf("%s: a leaf would hold %q", tt.what, got)
		}
		parsed, err := ParseSignatures(signed.Signatures.String())
		if err != nil {
			t.Fatal(err)
		}
		again, err := pinned.Check(Statement{Serial: 7, Revision: revisionA}, parsed)
		if err != nil || again.Signers() != signed.Signers() {
			t.Errorf("%s, from a leaf: %+v, %v", tt.what, again, err)
		}
		if _, err := pinned.Check(Statement{Serial: 8, Revision: revisionA}, parsed); err == nil {
			t.Errorf("%s: believed for another serial", tt.what)
		}
		if _, err := pinned.Check(Statement{Serial: 7, Revision: revisionB}, parsed); err == nil {
			t.Errorf("%s: believed for another bundle", tt.what)
		}
	}
	if _, err := (Verification{}).Open(signedBy(t, this, one, two)); err == nil {
		t.Error("believed by who pins nobody")
	}
}

// Signatures mean nothing but the four lines.
func TestOnlyStatementsAreBelieved(t *testing.T) {
	one, two := hold(t, "p-1", "one"), hold(t, "p-2", "two")
	pinned := pin(t, origin, one, two)
	for _, text := range []string{
		"sceau policy v1\n" + origin + "\n07\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n+7\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n0\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n-7\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n9007199254740992\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n99999999999999999999\n" + revisionA + "\n",
		"sceau policy v1\n" + origin + "\n7\n" + strings.ToUpper(revisionA) + "\n",
		"sceau policy v1\n" + origin + "\n7\n" + revisionA + "\nmore\n",
		"sceau policy v1\n" + origin + "\n7\n" + revisionA + "\n\n",
		"sceau policy v1\n" + origin + "\n7\n",
		"sceau policy v2\n" + origin + "\n7\n" + revisionA + "\n",
		"sceau policy v1 \n" + origin + "\n7\n" + revisionA + "\n",
		origin + "\n7\n" + revisionA + "\n", // as a log's checkpoint begins
	} {
		var signers []note.Signer
		for _, h := range []holder{one, two} {
			s, err := note.NewSigner(h.private)
			if err != nil {
				t.Fatal(err)
			}
			signers = append(signers, s)
		}
		signed, err := note.Sign(&note.Note{Text: text}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := pinned.Open(signed); err == nil {
			t.Errorf("believed: %q: %+v", text, s)
		}
	}
}

// Whoever signs second says themselves what they sign.
func TestTheSecondSignsWhatTheyMean(t *testing.T) {
	one, two := hold(t, "p-1", "one"), hold(t, "p-2", "two")
	this := Statement{Origin: origin, Serial: 7, Revision: revisionA}
	first := signedBy(t, this, one)
	for name, s := range map[string]Statement{
		"another bundle": {origin, 7, revisionB}, "another serial": {origin, 8, revisionA}, "another log": {"other", 7, revisionA},
		"no log": {"", 7, revisionA}, "no serial": {origin, 0, revisionA}, "no bundle": {origin, 7, ""}, "two lines": {"a\nb", 7, revisionA},
	} {
		if _, err := Sign(s, first, two.private); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := Sign(this, []byte("something else\n"), two.private); err == nil {
		t.Error("signed onto something else")
	}
	for _, key := range []string{"", one.public, "PRIVATE+KEY+one+00000000+AAAA"} {
		if _, err := Sign(this, nil, key); err == nil || (key != "" && strings.Contains(err.Error(), key)) {
			t.Errorf("signed with %q, or the key repeated: %v", key, err)
		}
	}
}

func TestPinsThatAreRefused(t *testing.T) {
	one, two := hold(t, "p-1", "one"), hold(t, "p-2", "two")
	renamed := func(h holder, name string) string {
		raw, err := base64.StdEncoding.DecodeString(strings.SplitN(h.public, "+", 3)[2])
		if err != nil {
			t.Fatal(err)
		}
		vkey, err := note.NewEd25519VerifierKey(name, raw[1:])
		if err != nil {
			t.Fatal(err)
		}
		return vkey
	}
	for name, signers := range map[string][]Signer{
		"nobody":                    nil,
		"one person":                pins(one),
		"one person with two keys":  pins(one, hold(t, "p-1", "two")),
		"one key for two":           {{"p-1", one.public}, {"p-2", one.public}},
		"one key under two names":   {{"p-1", one.public}, {"p-2", renamed(one, "two")}},
		"two keys under one name":   pins(one, hold(t, "p-2", "one")),
		"nobody's key":              {{"", one.public}, {"p-2", two.public}},
		"a person with a comma":     {{"p,1", one.public}, {"p-2", two.public}},
		"a private key":             {{"p-1", one.private}, {"p-2", two.public}},
		"something else":            {{"p-1", "secret"}, {"p-2", two.public}},
		"a hash of another key":     {{"p-1", strings.Replace(one.public, "+", "+0", 1)}, {"p-2", two.public}},
		"a name that breaks a leaf": {{"p-1", renamed(one, "o\"ne")}, {"p-2", two.public}},
	} {
		v, err := Pin(origin, signers)
		if err == nil || v.Pinned() {
			t.Errorf("%s: pinned", name)
			continue
		}
		for _, s := range signers {
			if strings.Contains(err.Error(), s.Key) {
				t.Errorf("%s: repeated: %v", name, err)
			}
		}
	}
	if _, err := Pin("", pins(one, two)); err == nil {
		t.Error("pinned for no log")
	}
	signers, err := ParseSigners("# who changes policy\n\np-1 " + one.public + "\n  p-2\t" + two.public + "\r\n")
	if err != nil || !slices.Equal(signers, pins(one, two)) {
		t.Errorf("%v, %v", signers, err)
	}
	if _, err := ParseSigners(one.public + "\n"); err == nil {
		t.Error("a key without its person was read")
	}
}

func FuzzSignatures(f *testing.F) {
	f.Add("one=AAAAAAA=,two=AAAAAAA=")
	f.Add("two=AAAAAAA=,one=AAAAAAA=")
	f.Add("one=AAAAAAB=")
	f.Add(",")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSignatures(text)
		if err == nil && s.String() != text {
			t.Fatalf("%q was read, and is written %q", text, s)
		}
	})
}

func FuzzStatement(f *testing.F) {
	f.Add("sceau policy v1\nsceau.test/policy\n7\n" + revisionA + "\n")
	f.Add("sceau policy v1\nx\n007\n" + revisionA + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := readStatement(text)
		if err == nil && (s.text() != text || s.check() != nil) {
			t.Fatalf("%q was read as %+v", text, s)
		}
	})
}
