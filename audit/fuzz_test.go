package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"testing/fstest"
)

// The corpora are committed: a fuzz target without one starts from nothing and
// tests nothing when it runs as a plain test.
func TestFuzzCorporaAreThere(t *testing.T) {
	for _, name := range []string{"FuzzParse", "FuzzParseOpening", "FuzzParseMeta", "FuzzVerify"} {
		files, err := filepath.Glob(filepath.Join("testdata", "fuzz", name, "*"))
		if err != nil || len(files) < 3 {
			t.Errorf("%s has %d seeds: %v", name, len(files), err)
		}
	}
}

// FuzzParse holds the scanner against encoding/json: it accepts exactly the
// texts that the standard decoder reads and the standard encoder then writes
// again byte for byte; both read the same entry, and Marshal writes it like that.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, leaf []byte) {
		e, err := Parse(leaf)
		want, ok := oracle(leaf)
		if (err == nil) != ok {
			t.Fatalf("%q: Parse says %v, encoding/json says %v", leaf, err, ok)
		}
		if !ok {
			return
		}
		if !reflect.DeepEqual(e, want) {
			t.Fatalf("%q: Parse reads %+v, encoding/json %+v", leaf, e, want)
		}
		again, err := Marshal(e)
		if err != nil || !bytes.Equal(again, leaf) {
			t.Fatalf("%q became %q: %v", leaf, again, err)
		}
	})
}

// oracle reads leaf the slow way.
func oracle(leaf []byte) (Entry, bool) {
	if len(leaf) > MaxLeaf {
		return Entry{}, false
	}
	var l leafJSON
	dec := json.NewDecoder(bytes.NewReader(leaf))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(&l); err != nil {
		return Entry{}, false
	}
	at, err := ParseTime(l.At)
	if err != nil {
		return Entry{}, false
	}
	prev, err := ParseHash(l.Prev)
	if err != nil {
		return Entry{}, false
	}
	e := Entry{
		V: l.V, Seq: l.Seq, At: at, Prev: prev, Via: l.Via, Actor: Actor(l.Actor), Action: l.Action,
		Case: l.Case, Ground: l.Ground, Commitments: l.Commitments,
	}
	if l.Subject != nil {
		e.Subject = Subject(*l.Subject)
	}
	if l.Decision != nil {
		e.Decision = (*Decision)(l.Decision)
	}
	for k, v := range l.Details {
		if n, isNumber := v.(json.Number); isNumber {
			i, err := n.Int64()
			if err != nil {
				return Entry{}, false
			}
			v = i
		}
		if e.Details == nil {
			e.Details = Details{}
		}
		e.Details[k] = v
	}
	again, err := marshalSlowly(e)
	return e, err == nil && bytes.Equal(again, leaf)
}

func FuzzParseOpening(f *testing.F) {
	f.Fuzz(func(t *testing.T, line []byte) {
		o, err := parseOpening(line)
		var j openingJSON
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		ok := dec.Decode(&j) == nil
		if ok {
			again, err := marshalOpening(Opening{j.Seq, j.Field, j.Case, j.Salt, []byte(j.Value)})
			ok = err == nil && string(again) == string(line)+"\n"
		}
		if (err == nil) != ok {
			t.Fatalf("%q: parseOpening says %v, encoding/json and marshalOpening say %v", line, err, ok)
		}
		if ok && (o.Seq != j.Seq || o.Field != j.Field || o.Case != j.Case || !bytes.Equal(o.Salt, j.Salt) || string(o.Value) != j.Value) {
			t.Fatalf("%q: parseOpening reads %+v, encoding/json %+v", line, o, j)
		}
	})
}

func FuzzParseMeta(f *testing.F) {
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseMeta(text)
		if err != nil {
			return
		}
		again, err := marshalMeta(m)
		if err != nil || !bytes.Equal(bytes.TrimSuffix(again, []byte("\n")), bytes.TrimSuffix(text, []byte("\n"))) {
			t.Fatalf("%q became %q: %v", text, again, err)
		}
	})
}

// FuzzVerify feeds whole exports: the verifier never fails otherwise than by
// naming damage, and what it lets through, a naive reader finds whole too.
func FuzzVerify(f *testing.F) {
	f.Fuzz(func(t *testing.T, log, openings, meta []byte) {
		r := Verify(fstest.MapFS{LogFile: {Data: log}, OpeningsFile: {Data: openings}, MetaFile: {Data: meta}}, Options{})
		if r.Damage != nil {
			if r.Damage.Code == "" || r.Damage.Seq < NoSeq {
				t.Fatalf("damage %+v", r.Damage)
			}
			return
		}
		rest, prev := bytes.Split(log, []byte("\n")), r.Meta.Prev
		if len(rest[len(rest)-1]) != 0 || int64(len(rest)-1) != r.Meta.Count {
			t.Fatalf("%d lines hold, meta.json counts %d", len(rest)-1, r.Meta.Count)
		}
		for i, leaf := range rest[:len(rest)-1] {
			e, err := Parse(leaf)
			if unknown := new(UnknownVersionError); errors.As(err, &unknown) {
				prev = LeafHash(leaf)
				continue
			}
			if err != nil || e.Seq != r.Meta.First+int64(i) || e.Prev != prev {
				t.Fatalf("line %d holds, but: %v", i, err)
			}
			prev = LeafHash(leaf)
		}
		if prev != r.Meta.Head {
			t.Fatal("holds, but the head is another")
		}
	})
}

// Seeds that cannot be files of their own: the vectors, so that they stay in
// one place.
func TestVectorLeavesAgainstTheOracle(t *testing.T) {
	logs, err := filepath.Glob(filepath.Join("testdata", "log-v1", "*", LogFile))
	if err != nil || len(logs) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, name := range logs {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i, leaf := range bytes.Split(b, []byte("\n")) {
			_, err := Parse(leaf)
			if _, ok := oracle(leaf); ok != (err == nil) {
				t.Errorf("%s line %d: Parse says %v, the oracle %v", name, i+1, err, ok)
			}
		}
	}
}
