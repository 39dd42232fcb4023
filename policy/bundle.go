package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// maxBundle bounds a bundle in bytes, packed and per file: it comes out of a
// database.
const maxBundle = 1 << 20

// maxUnpacked bounds all files of a bundle together, in bytes.
const maxUnpacked = 8 << 20

// root is the one root of a bundle: rules and data lie under data.sceau.
const root = "sceau"

// Revision names a bundle by its exact bytes: "sha256:" and hex.
func Revision(bundle []byte) string {
	sum := sha256.Sum256(bundle)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Build makes the bundle of these sources. Equal sources give equal bytes, so that
// two people who build it apart can compare what they are asked to sign: nothing
// inside is signed, what is signed is the name of the whole (see [Statement]).
func Build(s Sources) ([]byte, error) {
	roots := []string{root}
	b := bundle.Bundle{
		Manifest: bundle.Manifest{Roots: &roots, Metadata: map[string]any{"variant": string(s.Variant)}},
		Data:     s.Data,
	}
	b.Manifest.SetRegoVersion(ast.RegoV1)
	for _, name := range slices.Sorted(maps.Keys(s.Modules)) {
		b.Modules = append(b.Modules, bundle.ModuleFile{Path: name, URL: name, Raw: s.Modules[name]})
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(b); err != nil {
		return nil, fmt.Errorf("writing a policy bundle: %w", err)
	}
	return out.Bytes(), nil
}

// unpack reads a bundle whose name is trusted.
func unpack(raw []byte) (*bundle.Bundle, error) {
	if len(raw) > maxBundle {
		return nil, fmt.Errorf("%d bytes are too many for a policy bundle", len(raw))
	}
	if err := eachOnce(raw); err != nil {
		return nil, err
	}
	caps, err := capabilities()
	if err != nil {
		return nil, err
	}
	r := bundle.NewReader(bytes.NewReader(raw)).
		WithCapabilities(caps).
		WithSizeLimitBytes(maxBundle).
		WithRegoVersion(ast.RegoV1).
		WithSkipBundleVerification(true)
	b, err := r.Read()
	if err != nil {
		return nil, err
	}
	switch {
	case b.Type() != bundle.SnapshotBundleType:
		return nil, errors.New("not a whole bundle")
	case len(b.Wasm)+len(b.WasmModules)+len(b.PlanModules) > 0:
		return nil, errors.New("holds compiled rules, which nobody can read")
	case b.Manifest.Roots == nil || !slices.Equal(*b.Manifest.Roots, []string{root}):
		return nil, fmt.Errorf("its root is not %q", root)
	case b.Manifest.RegoVersion == nil || *b.Manifest.RegoVersion != 1:
		return nil, errors.New("its rules are not Rego v1")
	}
	return &b, nil
}

func capabilities() (*ast.Capabilities, error) {
	raw, err := sources.Open("capabilities.json")
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	return ast.LoadCapabilitiesJSON(raw)
}

// eachOnce refuses an archive that holds a file twice: who reads it before
// signing must see the rules that the engine will use.
func eachOnce(raw []byte) error {
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return fmt.Errorf("not a bundle: %w", err)
	}
	seen := map[string]bool{}
	for r := tar.NewReader(io.LimitReader(z, maxUnpacked)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("not a bundle: %w", err)
		}
		name := path.Clean("/" + h.Name)
		if seen[name] {
			return fmt.Errorf("holds %s twice", name)
		}
		seen[name] = true
	}
}
