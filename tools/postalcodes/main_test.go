package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// communes writes n communes of one code each, as the package's file has them.
func communes(n int, more string) []byte {
	var b strings.Builder
	b.WriteString("[")
	for i := range n {
		fmt.Fprintf(&b, `{"code":"%05d","nom":"C","type":"commune-actuelle","codesPostaux":["%05d"]},`, i, 90000-i)
	}
	return []byte(b.String() + more + "]")
}

func TestCollect(t *testing.T) {
	codes, err := collect(communes(fewest, `{"nom":"merged into another"},{"codesPostaux":["90000","95000"]}`))
	if err != nil {
		t.Fatal(err)
	}
	if len(codes) != fewest+1 || !slices.IsSorted(codes) || codes[len(codes)-1] != "95000" {
		t.Errorf("%d codes, sorted: %t", len(codes), slices.IsSorted(codes))
	}
	for name, text := range map[string][]byte{
		"a truncated file": communes(fewest, "")[:9000],
		"few communes":     communes(fewest-2, `{"codesPostaux":[]}`),
		"a CEDEX":          communes(fewest, `{"codesPostaux":["59000 CEDEX"]}`),
		"letters":          communes(fewest, `{"codesPostaux":["2A000"]}`),
		"another file":     []byte(`{"communes":[]}`),
	} {
		if _, err := collect(text); err == nil {
			t.Errorf("%s is taken for the list of communes", name)
		}
	}
}
