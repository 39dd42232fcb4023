package policy

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.rego data.json demo/data.json capabilities.json schema/*.json
var sources embed.FS

// A Variant names the numbers of a bundle: its rules are always the same.
type Variant string

// The variants.
const (
	Production    Variant = "production"
	Demonstration Variant = "demonstration" // deadlines of seconds, for sceau-dev
)

// Sources are what a bundle is made of.
type Sources struct {
	Modules map[string][]byte // path -> Rego
	Data    map[string]any
	Variant Variant
}

// Embedded returns the rules that this binary was built with, and the numbers of
// the variant.
func Embedded(v Variant) (Sources, error) {
	file := "data.json"
	switch v {
	case Production:
	case Demonstration:
		file = "demo/data.json"
	default:
		return Sources{}, fmt.Errorf("no policy variant %q: it is %s or %s", v, Production, Demonstration)
	}
	s := Sources{Modules: map[string][]byte{}, Variant: v}
	data, err := sources.ReadFile(file)
	if err != nil {
		return Sources{}, err
	}
	if err := json.Unmarshal(data, &s.Data); err != nil {
		return Sources{}, fmt.Errorf("reading %s: %w", file, err)
	}
	rules, err := fs.Glob(sources, "*.rego")
	if err != nil {
		return Sources{}, err
	}
	for _, name := range rules {
		if strings.HasSuffix(name, "_test.rego") {
			continue
		}
		if s.Modules[name], err = sources.ReadFile(name); err != nil {
			return Sources{}, err
		}
	}
	return s, nil
}
