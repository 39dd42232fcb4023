package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/types"
	"github.com/open-policy-agent/opa/v1/version"
)

func TestBuildIsDeterministic(t *testing.T) {
	signing, _ := newKey(t)
	a, b := build(t, Production, signing), build(t, Production, signing)
	if !bytes.Equal(a, b) {
		t.Fatal("equal sources and key gave different bundles")
	}
	if Revision(a) == Revision(build(t, Demonstration, signing)) {
		t.Fatal("two variants have one revision")
	}
	if len(Revision(a)) != len("sha256:")+64 {
		t.Fatal(Revision(a))
	}
}

func TestEmbeddedVariants(t *testing.T) {
	if _, err := Embedded("holiday"); err == nil {
		t.Error("an unknown variant was built")
	}
	s, err := Embedded(Production)
	if err != nil {
		t.Fatal(err)
	}
	for name := range s.Modules {
		if strings.HasSuffix(name, "_test.rego") {
			t.Errorf("%s is in the bundle", name)
		}
	}
	d, err := loaded(t, Demonstration).Decide(context.Background(), request())
	if err != nil || !d.Allow || d.Obligations.AnswerWithinS > 60 {
		t.Errorf("the demonstration takes minutes: %+v, %v", d, err)
	}
}

func TestES256(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	raw := build(t, Production, marshalKey(t, key))
	if _, err := Load(raw, pin(t, key.Public())); err != nil {
		t.Fatal(err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signing, pinned := newKey(t)
	raw := build(t, Production, signing)
	s, _ := Embedded(Production)

	for name, key := range map[string][]byte{
		"none": nil, "a weaker form": []byte("secret"), "another curve": marshalKey(t, p384),
		"a public key": pinned.PublicKeyPEM,
	} {
		if _, err := Build(s, "k1", key); err == nil {
			t.Errorf("signed with %s", name)
		}
	}
	if _, err := Build(s, "", signing); err == nil {
		t.Error("signed without a key id")
	}
	for name, v := range map[string]Verification{
		"nothing pinned":  {},
		"no key id":       {PublicKeyPEM: pinned.PublicKeyPEM},
		"no key":          {KeyID: "k1"},
		"a private key":   {KeyID: "k1", PublicKeyPEM: signing},
		"a shared secret": {KeyID: "k1", PublicKeyPEM: []byte("secret")},
		"two keys":        {KeyID: "k1", PublicKeyPEM: slices.Concat(pinned.PublicKeyPEM, pinned.PublicKeyPEM)},
		"garbage in PEM":  {KeyID: "k1", PublicKeyPEM: pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: []byte("x")})},
		"another curve":   pin(t, p384.Public()),
	} {
		if _, err := Load(raw, v); err == nil {
			t.Errorf("loaded with %s", name)
		}
	}
}

// unpacked and packed take a bundle apart as an attacker would who holds the
// database but not the signing key.
func unpacked(t *testing.T, raw []byte) map[string][]byte {
	t.Helper()
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string][]byte{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if files[h.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
	}
}

func packed(t *testing.T, files map[string][]byte, twice ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	w := tar.NewWriter(z)
	for _, name := range append(slices.Sorted(maps.Keys(files)), twice...) {
		if err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Typeflag: tar.TypeReg, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(files[name]); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestTamperedBundlesAreRefused(t *testing.T) {
	signing, pinned := newKey(t)
	good := build(t, Production, signing)
	if _, err := Load(packed(t, unpacked(t, good)), pinned); err != nil {
		t.Fatalf("packing again breaks what it should not: %v", err)
	}
	for name, change := range map[string]func(f map[string][]byte){
		"no signature":   func(f map[string][]byte) { delete(f, "/.signatures.json") },
		"no signatures":  func(f map[string][]byte) { f["/.signatures.json"] = []byte(`{"signatures":[]}`) },
		"another plugin": func(f map[string][]byte) { f["/.signatures.json"] = []byte(`{"signatures":["x"],"plugin":"none"}`) },
		"algorithm none": func(f map[string][]byte) { f["/.signatures.json"] = algNone(t, f["/.signatures.json"]) },
		"a rule changed": func(f map[string][]byte) {
			f["/log_read.rego"] = bytes.Replace(f["/log_read.rego"], []byte("inspector"), []byte("agent"), 1)
		},
		"a number changed": func(f map[string][]byte) {
			f["/data.json"] = bytes.Replace(f["/data.json"], []byte("900"), []byte("999"), 1)
		},
		"a rule added": func(f map[string][]byte) {
			f["/more.rego"] = []byte("package sceau.log.read\n\ncleared contains \"role.not_allowed\" if true\n")
		},
		"a rule missing": func(f map[string][]byte) { delete(f, "/log_read.rego") },
		"data elsewhere": func(f map[string][]byte) { f["/sceau/numbers/data.json"] = []byte(`{"read_closed_for_s":1}`) },
		"roots widened": func(f map[string][]byte) {
			f["/.manifest"] = bytes.Replace(f["/.manifest"], []byte(`["sceau"]`), []byte(`[""]`), 1)
		},
	} {
		files := unpacked(t, good)
		before := packed(t, files)
		change(files)
		if bytes.Equal(before, packed(t, files)) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Load(packed(t, files), pinned); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	if _, err := Load(packed(t, unpacked(t, good), "/log_read.rego"), pinned); err == nil {
		t.Error("a file that stands there twice: loaded")
	}
	for _, raw := range [][]byte{nil, []byte("not a bundle"), good[:len(good)/2], make([]byte, maxBundle+1)} {
		if _, err := Load(raw, pinned); err == nil {
			t.Errorf("%d bytes of something else: loaded", len(raw))
		}
	}
	_, other := newKey(t)
	if _, err := Load(good, other); err == nil {
		t.Error("signed by another key under the same id: loaded")
	}
	s, _ := Embedded(Production)
	named, err := Build(s, "k2", signing)
	if err != nil {
		t.Fatal(err)
	}
	// The pinned key decides, not the name it is called by in the signature.
	if _, err := Load(named, pinned); err != nil {
		t.Errorf("the pinned key under another name: %v", err)
	}
}

// algNone strips a signature the way old JWT libraries believed.
func algNone(t *testing.T, signatures []byte) []byte {
	t.Helper()
	var s struct {
		Signatures []string `json:"signatures"`
	}
	if err := json.Unmarshal(signatures, &s); err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(s.Signatures[0], ".")
	s.Signatures[0] = "eyJhbGciOiJub25lIn0." + parts[1] + "."
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A correctly signed bundle still cannot reach outside its input.
func TestRulesReachNothing(t *testing.T) {
	signing, pinned := newKey(t)
	for _, call := range []string{
		`time.now_ns() > 0`, `http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`,
		`opa.runtime().env.HOME != ""`, `rand.intn("x", 2) == 1`, `uuid.rfc4122("x") != ""`,
		`net.lookup_ip_addr("localhost") != set()`, `io.jwt.decode("x")[0]`, `rego.parse_module("x", "package x")`,
		`walk(input, [_, 1])`, `trace("x")`,
	} {
		s, _ := Embedded(Production)
		s.Modules["reach.rego"] = []byte("package sceau.reach\n\nx if " + call + "\n")
		raw, err := Build(s, "k1", signing)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(raw, pinned); err == nil {
			t.Errorf("loaded with %s", call)
		}
	}
}

func changed(t *testing.T, file, text string) *Policy {
	t.Helper()
	signing, pinned := newKey(t)
	s, _ := Embedded(Production)
	s.Modules[file] = []byte(text)
	raw, err := Build(s, "k1", signing)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Load(raw, pinned)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// No answer, half an answer, two answers, an answer too late: all are refusals.
func TestNoAnswerIsARefusal(t *testing.T) {
	const count = "[1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30]"
	for name, rule := range map[string]string{
		"undefined":      `decision := {"allow": true, "reasons": [], "obligations": {}} if input.nothing`,
		"no decision":    `other := true`,
		"not an object":  `decision := true`,
		"allow missing":  `decision := {"reasons": [], "obligations": {}}`,
		"allow a string": `decision := {"allow": "true", "reasons": [], "obligations": {}}`,
		"unknown field":  `decision := {"allow": true, "reasons": [], "obligations": {}, "more": 1}`,
		"unknown duty":   `decision := {"allow": true, "reasons": [], "obligations": {"dance": 1}}`,
		"allow, reasons": `decision := {"allow": true, "reasons": ["x.y"], "obligations": {}}`,
		"refuse, no why": `decision := {"allow": false, "reasons": [], "obligations": {}}`,
		"conflict":       "decision := {\"allow\": true, \"reasons\": [], \"obligations\": {}} if input.at != \"x\"\n\ndecision := {\"allow\": false, \"reasons\": [\"x.y\"], \"obligations\": {}} if input.at != \"y\"",
		"built-in error": `decision := {"allow": true, "reasons": [], "obligations": {}} if count(input.actor.id) != max(input.actor)`,
		"much too slow":  "n := " + count + "\n\ndecision := {\"allow\": true, \"reasons\": [], \"obligations\": {}} if {\n\tcount([1 | some a in n; some b in n; some c in n; some d in n; some e in n; a + b == c + d + e]) > 0\n}",
	} {
		if name == "much too slow" && testing.Short() {
			continue
		}
		rule = strings.ReplaceAll(rule, "a + b == c + d + e", "[a, b, c, d, e] != []")
		p := changed(t, "log_read.rego", "package sceau.log.read\n\n"+rule+"\n")
		d, err := p.Decide(context.Background(), LogRead{At: At(start), Actor: inspector})
		if !errors.Is(err, ErrFailed) || d.Allow {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
}

func TestEngineIsTheOneLinked(t *testing.T) {
	if Engine != "opa/"+version.Version {
		t.Fatalf("%s is linked, entries would say %s", version.Version, Engine)
	}
}

// capabilities.json lists only functions of their arguments, declared as this
// engine declares them.
func TestCapabilities(t *testing.T) {
	caps, err := capabilities()
	if err != nil {
		t.Fatal(err)
	}
	if caps.AllowNet == nil || len(caps.AllowNet) != 0 {
		t.Error("the network is not ruled out")
	}
	if len(caps.FutureKeywords) != 0 || !slices.Equal(caps.Features, []string{"rego_v1"}) {
		t.Errorf("features %v, keywords %v", caps.Features, caps.FutureKeywords)
	}
	engine := map[string]*ast.Builtin{}
	for _, b := range ast.CapabilitiesForThisVersion().Builtins {
		engine[b.Name] = b
	}
	for _, b := range caps.Builtins {
		want := engine[b.Name]
		if want == nil {
			t.Errorf("%s does not exist", b.Name)
			continue
		}
		if b.Nondeterministic || want.Nondeterministic || b.Relation {
			t.Errorf("%s depends on more than its arguments", b.Name)
		}
		if types.Compare(b.Decl, want.Decl) != 0 {
			t.Errorf("%s is declared otherwise by the engine", b.Name)
		}
	}
	if len(caps.Builtins) > 20 {
		t.Errorf("%d built-ins: a decision needs few", len(caps.Builtins))
	}
}
