package policy

import "testing"

// build returns the embedded policy as a bundle.
func build(t testing.TB, v Variant) []byte {
	t.Helper()
	s, err := Embedded(v)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// loaded returns the embedded policy, built and loaded.
func loaded(t testing.TB, v Variant) *Policy {
	t.Helper()
	return load(t, build(t, v))
}

func load(t testing.TB, raw []byte) *Policy {
	t.Helper()
	p, err := Load(raw, Revision(raw))
	if err != nil {
		t.Fatal(err)
	}
	return p
}
