package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
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
	a, b := build(t, Production), build(t, Production)
	if !bytes.Equal(a, b) {
		t.Fatal("equal sources gave different bundles")
	}
	if Revision(a) == Revision(build(t, Demonstration)) {
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

// unpacked and packed take a bundle apart and put it together again, as an attacker
// would who holds the database.
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

// A bundle is what its name says, to the byte: nothing else loads under it.
func TestTamperedBundlesAreRefused(t *testing.T) {
	good := build(t, Production)
	revision := Revision(good)
	for name, change := range map[string]func(f map[string][]byte){
		"nothing changed": func(map[string][]byte) {},
		"a rule changed": func(f map[string][]byte) {
			f["/log_read.rego"] = bytes.Replace(f["/log_read.rego"], []byte("inspector"), []byte("agent"), 1)
		},
		"a number changed": func(f map[string][]byte) {
			f["/data.json"] = bytes.Replace(f["/data.json"], []byte("900"), []byte("999"), 1)
		},
	} {
		files := unpacked(t, good)
		change(files)
		if _, err := Load(packed(t, files), revision); err == nil {
			t.Errorf("%s, packed again: loaded under the name of the other", name)
		}
	}
}

// What two people have signed by mistake still has to be a bundle of ours.
func TestWhatIsNoBundleIsRefused(t *testing.T) {
	good := build(t, Production)
	load(t, packed(t, unpacked(t, good))) // packing again breaks nothing
	for name, change := range map[string]func(f map[string][]byte){
		"roots widened": func(f map[string][]byte) {
			f["/.manifest"] = bytes.Replace(f["/.manifest"], []byte(`["sceau"]`), []byte(`[""]`), 1)
		},
		"no manifest": func(f map[string][]byte) { delete(f, "/.manifest") },
		"old Rego": func(f map[string][]byte) {
			f["/.manifest"] = bytes.Replace(f["/.manifest"], []byte(`1`), []byte(`0`), 1)
		},
	} {
		files := unpacked(t, good)
		before := packed(t, files)
		change(files)
		raw := packed(t, files)
		if bytes.Equal(before, raw) {
			t.Fatalf("%s: nothing was changed", name)
		}
		if _, err := Load(raw, Revision(raw)); err == nil {
			t.Errorf("%s: loaded", name)
		}
	}
	for _, twice := range []string{"/log_read.rego", "/data.json", "/.manifest"} {
		raw := packed(t, unpacked(t, good), twice)
		if _, err := Load(raw, Revision(raw)); err == nil || !strings.Contains(err.Error(), "twice") {
			t.Errorf("%s twice: %v", twice, err)
		}
	}
	for _, raw := range [][]byte{nil, []byte("not a bundle"), good[:len(good)/2], make([]byte, maxBundle+1)} {
		if _, err := Load(raw, Revision(raw)); err == nil {
			t.Errorf("%d bytes of something else: loaded", len(raw))
		}
	}
}

// A bundle of before a point existed loads, since old decisions are replayed with
// it, and says what it has no rule for.
func TestSilentPoints(t *testing.T) {
	if silent := loaded(t, Production).Silent(); len(silent) > 0 {
		t.Errorf("the embedded policy has no rule for %v", silent)
	}
	files := unpacked(t, build(t, Production))
	delete(files, "/log_read.rego")
	p := load(t, packed(t, files))
	if !slices.Equal(p.Silent(), []Point{PointLogRead}) {
		t.Errorf("without log_read.rego it has no rule for %v", p.Silent())
	}
	if d, err := p.Decide(context.Background(), LogRead{At: At(start), Actor: inspector}); !errors.Is(err, ErrFailed) || d.Allow {
		t.Errorf("decided %+v, %v", d, err)
	}
}

// A signed bundle still cannot reach outside its input.
func TestRulesReachNothing(t *testing.T) {
	for _, call := range []string{
		`time.now_ns() > 0`, `http.send({"method": "get", "url": "http://127.0.0.1"}).status_code == 200`,
		`opa.runtime().env.HOME != ""`, `rand.intn("x", 2) == 1`, `uuid.rfc4122("x") != ""`,
		`net.lookup_ip_addr("localhost") != set()`, `io.jwt.decode("x")[0]`, `rego.parse_module("x", "package x")`,
		`walk(input, [_, 1])`, `trace("x")`,
	} {
		s, _ := Embedded(Production)
		s.Modules["reach.rego"] = []byte("package sceau.reach\n\nx if " + call + "\n")
		raw, err := Build(s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(raw, Revision(raw)); err == nil {
			t.Errorf("loaded with %s", call)
		}
	}
}

func changed(t *testing.T, file, text string) *Policy {
	t.Helper()
	s, _ := Embedded(Production)
	s.Modules[file] = []byte(text)
	raw, err := Build(s)
	if err != nil {
		t.Fatal(err)
	}
	return load(t, raw)
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
