package seal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"pgregory.net/rapid"

	"github.com/sceau-project/sceau/crypto/seal"
)

const (
	caseA = "0b9d7c52-6b1c-4c9e-9b0e-1f6f0a3f5d11"
	caseB = "7e3f8a10-2f4d-4a55-8a7b-9c0d1e2f3a4b"
)

func newKey(t testing.TB, hybrid bool) *seal.Key {
	t.Helper()
	key, err := seal.NewKey(hybrid)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sealed(t testing.TB, key *seal.Key, c seal.Context, content string) []byte {
	t.Helper()
	file, err := seal.Seal(key.Recipient, c, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func fileKey(t testing.TB, key *seal.Key, file []byte) []byte {
	t.Helper()
	header, err := seal.Header(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(header) > seal.MaxHeader {
		t.Fatalf("header of %d bytes", len(header))
	}
	fk, err := key.FileKey(header)
	if err != nil {
		t.Fatal(err)
	}
	return fk
}

func TestWhatIsSealedOpensWithItsFileKey(t *testing.T) {
	for _, hybrid := range []bool{true, false} {
		key := newKey(t, hybrid)
		again, err := seal.ParseKey(key.Secret())
		if err != nil || again.Recipient != key.Recipient {
			t.Fatalf("hybrid %v: the secret does not give the key back: %v", hybrid, err)
		}
		rapid.Check(t, func(rt *rapid.T) {
			content := rapid.SliceOfN(rapid.Byte(), 0, 5000).Draw(rt, "content")
			c := seal.Message(caseA, rapid.IntRange(0, 9999).Draw(rt, "position"))
			file, err := seal.Seal(key.Recipient, c, content)
			if err != nil {
				rt.Fatal(err)
			}
			got, err := seal.Open(file, fileKey(t, again, file), c)
			if err != nil || !bytes.Equal(got, content) {
				rt.Fatalf("opened %d bytes of %d: %v", len(got), len(content), err)
			}
		})
	}
}

func TestAFilePassesForNoOther(t *testing.T) {
	key := newKey(t, true)
	file := sealed(t, key, seal.Facet(caseA, "name", 1), "Camille")
	fk := fileKey(t, key, file)
	others := map[string]seal.Context{
		"another case":     seal.Facet(caseB, "name", 1),
		"another facet":    seal.Facet(caseA, "contact", 1),
		"another number":   seal.Facet(caseA, "name", 11),
		"another class":    {Case: caseA, Class: seal.Transcript, Item: "facet/name/1"},
		"a message":        seal.Message(caseA, 1),
		"a longer context": {Case: caseA, Class: seal.Identity, Item: "facet/name/1x"},
	}
	for name, c := range others {
		if got, err := seal.Open(file, fk, c); !errors.Is(err, seal.ErrContext) || got != nil {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
}

func TestAContextHoldsNoLineFeedNorPath(t *testing.T) {
	key := newKey(t, false)
	for _, c := range []seal.Context{
		{},
		{Case: caseA, Class: "both", Item: "message/1"},
		{Case: strings.ToUpper(caseA), Class: seal.Identity, Item: "message/1"},
		{Case: caseA + "\n", Class: seal.Identity, Item: "message/1"},
		{Case: caseA, Class: seal.Identity, Item: "message/1\n5\n"},
		{Case: caseA, Class: seal.Identity, Item: "message/../1"},
		{Case: caseA, Class: seal.Identity, Item: "message/" + strings.Repeat("1", 100)},
	} {
		if _, err := seal.Seal(key.Recipient, c, nil); err == nil {
			t.Errorf("sealed in context %+v", c)
		}
	}
}

func TestDamageIsFound(t *testing.T) {
	key := newKey(t, true)
	c := seal.Message(caseA, 3)
	file := sealed(t, key, c, "il est là")
	fk := fileKey(t, key, file)
	header, err := seal.Header(file)
	if err != nil {
		t.Fatal(err)
	}
	for i := range file {
		bad := bytes.Clone(file)
		bad[i] ^= 0x10
		if got, err := seal.Open(bad, fk, c); err == nil || got != nil {
			t.Fatalf("byte %d of %d changed: opened %q", i, len(file), got)
		}
	}
	if _, err := seal.Open(file[:len(file)-1], fk, c); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("cut short: %v", err)
	}
	if _, err := seal.Open(append(bytes.Clone(file), 0), fk, c); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("appended to: %v", err)
	}
	for i := range header {
		bad := bytes.Clone(header)
		bad[i] ^= 0x01
		if _, err := key.FileKey(bad); !errors.Is(err, seal.ErrHeader) {
			t.Fatalf("byte %d of the header changed: %v", i, err)
		}
	}
	if _, err := newKey(t, true).FileKey(header); !errors.Is(err, seal.ErrHeader) {
		t.Errorf("another case's key: %v", err)
	}
	if _, err := seal.Open(file, fk[:15], c); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("short file key: %v", err)
	}
	other := sealed(t, key, c, "il est là")
	if _, err := seal.Open(other, fk, c); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("a file key opened another file: %v", err)
	}
}

// A file that age accepts and Seal did not write must not open: what follows
// here are plaintexts that somebody with the public recipient could seal.
func TestOnlyOneFramingIsAccepted(t *testing.T) {
	key := newKey(t, false)
	c := seal.Message(caseA, 0)
	prefix := "sceau.seal/v1\n" + caseA + "\ntranscript\nmessage/0\n"
	pad := func(s string) string { return s + strings.Repeat("\x00", (256-len(s)%256)%256) }
	for name, plain := range map[string]string{
		"empty":             "",
		"no context":        pad("75011"),
		"version to come":   pad(strings.Replace(prefix, "v1", "v2", 1) + "5\n75011"),
		"no length":         pad(prefix),
		"signed length":     pad(prefix + "+5\n75011"),
		"leading zero":      pad(prefix + "05\n75011"),
		"negative":          pad(prefix + "-1\n75011"),
		"too long":          pad(prefix + "9999\n75011"),
		"hidden in padding": pad(prefix + "5\n75011" + "\x00hidden"),
		"whole bucket more": pad(prefix+"5\n75011") + strings.Repeat("\x00", 256),
		"not padded":        prefix + "5\n75011",
	} {
		recipient, err := age.ParseX25519Recipient(key.Recipient)
		if err != nil {
			t.Fatal(err)
		}
		var file bytes.Buffer
		w, err := age.Encrypt(&file, recipient)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write([]byte(plain))
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if got, err := seal.Open(file.Bytes(), fileKey(t, key, file.Bytes()), c); err == nil {
			t.Errorf("%s: opened %q", name, got)
		}
	}
}

func TestLengthTellsLittle(t *testing.T) {
	key := newKey(t, true)
	size := len(sealed(t, key, seal.Message(caseA, 1), "oui"))
	for _, text := range []string{"", "non", "je ne peux pas parler, il est dans la pièce à côté"} {
		if got := len(sealed(t, key, seal.Message(caseA, 1), text)); got != size {
			t.Errorf("%q weighs %d bytes, oui %d", text, got, size)
		}
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	for _, hybrid := range []bool{true, false} {
		key := newKey(t, hybrid)
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			text := fmt.Sprintf(verb, key)
			if strings.Contains(strings.ToUpper(text), "SECRET") || strings.Contains(text, key.Secret()[20:40]) {
				t.Errorf("%s prints %s", verb, text)
			}
		}
	}
	_, err := seal.ParseKey("AGE-SECRET-KEY-1NOTREALLY")
	if err == nil || strings.Contains(err.Error(), "NOTREALLY") {
		t.Errorf("the error repeats the key: %v", err)
	}
}

// An X25519 file must open with the age tool that Debian ships, and its text be readable.
func TestTheAgeToolOpensX25519Files(t *testing.T) {
	tool, err := exec.LookPath("age")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("age is not installed: apt-get install age")
		}
		t.Skip("age is not installed: apt-get install age")
	}
	key := newKey(t, false)
	dir := t.TempDir()
	identity, file := filepath.Join(dir, "identity"), filepath.Join(dir, "message.age")
	content := "Il m'a dit de ne rien dire à personne.\n"
	if err := os.WriteFile(identity, []byte(key.Secret()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, sealed(t, key, seal.Message(caseA, 7), content), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command(tool, "--decrypt", "-i", identity, file).CombinedOutput()
	if err != nil {
		t.Fatalf("age: %v: %s", err, out)
	}
	want := fmt.Sprintf("sceau.seal/v1\n%s\ntranscript\nmessage/7\n%d\n%s", caseA, len(content), content)
	if got := strings.TrimRight(string(out), "\x00"); got != want {
		t.Errorf("age printed %q, want %q", got, want)
	}
}
