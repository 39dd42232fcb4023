package seal_test

import (
	"errors"
	"testing"

	"github.com/sceau-project/sceau/crypto/seal"
)

const consentA = "11111111-2222-4333-8444-555555555555"

func TestATextOpensWithItsSaltInItsPlaceOnly(t *testing.T) {
	key := newKey(t, false)
	said := seal.NewText("Oui, vous pouvez dire mon prénom.")
	file, header, err := said.Seal(key.Recipient, seal.Consent(caseA, consentA))
	if err != nil {
		t.Fatal(err)
	}
	head, err := seal.Header(file)
	if err != nil || seal.HeaderSum(head) != header {
		t.Errorf("the header's sum is %s, %v", header, err)
	}
	got, err := seal.OpenText(file, fileKey(t, key, file), seal.Consent(caseA, consentA))
	if err != nil || got.Text != said.Text || len(got.Salt) != 32 || string(got.Salt) != string(said.Salt) {
		t.Errorf("%+v, %v", got, err)
	}
	for name, c := range map[string]seal.Context{
		"another case":       seal.Consent(caseB, consentA),
		"another consent":    seal.Consent(caseA, caseB),
		"a note":             seal.Opinion(caseA, consentA),
		"a narrative":        seal.Narrative(caseA, consentA),
		"the first message":  seal.Message(caseA, 0),
		"an identity facet":  seal.Facet(caseA, "name", 0),
		"a consent, unnamed": {Case: caseA, Class: seal.Transcript, Item: "consent"},
	} {
		if got, err := seal.OpenText(file, fileKey(t, key, file), c); err == nil || got.Text != "" {
			t.Errorf("the words pass for %s: %v", name, err)
		}
	}
	plain := sealed(t, key, seal.Consent(caseA, consentA), "no JSON")
	if _, err := seal.OpenText(plain, fileKey(t, key, plain), seal.Consent(caseA, consentA)); !errors.Is(err, seal.ErrDamaged) {
		t.Errorf("what is no text: %v", err)
	}
	if a, b := seal.NewText("x"), seal.NewText("x"); string(a.Salt) == string(b.Salt) {
		t.Error("two texts share a salt")
	}
}
