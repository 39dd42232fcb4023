package policy

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"testing"
)

// newKey returns a signing key and what pins it.
func newKey(t testing.TB) (signing []byte, pinned Verification) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return marshalKey(t, private), pin(t, public)
}

func marshalKey(t testing.TB, private any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func pin(t testing.TB, public any) Verification {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return Verification{KeyID: "k1", PublicKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})}
}

// build returns the embedded policy as a signed bundle.
func build(t testing.TB, v Variant, signing []byte) []byte {
	t.Helper()
	s, err := Embedded(v)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Build(s, "k1", signing)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// loaded returns the embedded policy, built, signed and loaded.
func loaded(t testing.TB, v Variant) *Policy {
	t.Helper()
	signing, pinned := newKey(t)
	p, err := Load(build(t, v, signing), pinned)
	if err != nil {
		t.Fatal(err)
	}
	return p
}
