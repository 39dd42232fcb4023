package seal_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/sceau-project/sceau/crypto/seal"
)

const (
	oneCase   = "11111111-1111-4111-8111-111111111111"
	otherCase = "22222222-2222-4222-8222-222222222222"
)

func signer(t *testing.T) (ed25519.PublicKey, ed25519.PrivateKey) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	return public, private
}

// What is signed is fixed: another program must be able to check it.
func TestTheStatementIsWrittenInOneWay(t *testing.T) {
	got, err := seal.RecipientStatement(oneCase, seal.Identity, "age1abc")
	if err != nil || string(got) != "sceau.recipient/v1\n11111111-1111-4111-8111-111111111111\nidentity\nage1abc\n" {
		t.Errorf("%q, %v", got, err)
	}
	for _, bad := range [][3]string{
		{"", seal.Identity, "age1abc"}, {strings.ToUpper(otherCase[:35]) + "A", seal.Identity, "age1abc"}, {oneCase, "other", "age1abc"},
		{oneCase, seal.Identity, ""}, {oneCase, seal.Identity, "abc"}, {oneCase, seal.Identity, "age1abc\nage1def"},
		{oneCase + "\n", seal.Identity, "age1abc"}, {oneCase, seal.Identity, "age1" + strings.Repeat("a", seal.MaxHeader)},
	} {
		if got, err := seal.RecipientStatement(bad[0], bad[1], bad[2]); err == nil {
			t.Errorf("%q was taken as %q", bad, got)
		}
	}
}

func TestASignatureIsForOneRecipientOfOneClassOfOneCase(t *testing.T) {
	public, private := signer(t)
	successor, successors := signer(t)
	stranger, _ := signer(t)
	for _, hybrid := range []bool{false, true} {
		key, err := seal.NewKey(hybrid)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := seal.NewKey(hybrid)
		if err != nil {
			t.Fatal(err)
		}
		statement, err := seal.RecipientStatement(oneCase, seal.Identity, key.Recipient)
		if err != nil {
			t.Fatal(err)
		}
		signature := ed25519.Sign(private, statement)
		keys := seal.RecipientKeys{public}
		if err := keys.Verify(oneCase, seal.Identity, key.Recipient, signature); err != nil {
			t.Error(err)
		}
		// While keys change, recipients of both are believed.
		both := seal.RecipientKeys{successor, public}
		for _, s := range [][]byte{signature, ed25519.Sign(successors, statement)} {
			if err := both.Verify(oneCase, seal.Identity, key.Recipient, s); err != nil {
				t.Error(err)
			}
		}
		damaged := append([]byte(nil), signature...)
		damaged[len(damaged)-1] ^= 0x80
		for name, err := range map[string]error{
			"another case":      keys.Verify(otherCase, seal.Identity, key.Recipient, signature),
			"another class":     keys.Verify(oneCase, seal.Transcript, key.Recipient, signature),
			"another recipient": keys.Verify(oneCase, seal.Identity, mine.Recipient, signature),
			"another key":       seal.RecipientKeys{stranger}.Verify(oneCase, seal.Identity, key.Recipient, signature),
			"no key":            seal.RecipientKeys{}.Verify(oneCase, seal.Identity, key.Recipient, signature),
			"a short key":       seal.RecipientKeys{public[:31]}.Verify(oneCase, seal.Identity, key.Recipient, signature),
			"no signature":      keys.Verify(oneCase, seal.Identity, key.Recipient, nil),
			"damaged":           keys.Verify(oneCase, seal.Identity, key.Recipient, damaged),
			"cut":               keys.Verify(oneCase, seal.Identity, key.Recipient, signature[:63]),
			"a line feed":       keys.Verify(oneCase, seal.Identity, key.Recipient+"\n", signature),
		} {
			if !errors.Is(err, seal.ErrUnsigned) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestPinnedKeysAreReadStrictly(t *testing.T) {
	one, _ := signer(t)
	two, _ := signer(t)
	text := base64.StdEncoding.EncodeToString
	keys, err := seal.ParseRecipientKeys([]string{text(one), text(two)})
	if err != nil || len(keys) != 2 || !keys[0].Equal(one) || !keys[1].Equal(two) {
		t.Errorf("%v, %v", keys, err)
	}
	for name, texts := range map[string][]string{
		"none": nil, "empty": {""}, "short": {text(one[:31])}, "long": {text(append(one[:32:32], 0))}, "twice": {text(one), text(one)},
		"unpadded": {strings.TrimRight(text(one), "=")}, "a line feed": {text(one)[:20] + "\n" + text(one)[20:]},
		"hexadecimal": {strings.Repeat("ab", 32)}, "one bad of two": {text(one), "x"},
	} {
		if _, err := seal.ParseRecipientKeys(texts); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
