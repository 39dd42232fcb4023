package policy

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/bundle"
)

// maxBundle bounds a bundle in bytes, packed and per file: it comes out of a
// database.
const maxBundle = 1 << 20

// root is the one root of a bundle: rules and data lie under data.sceau.
const root = "sceau"

// Revision names a bundle by its exact bytes: "sha256:" and hex.
func Revision(bundle []byte) string {
	sum := sha256.Sum256(bundle)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// Build makes the bundle of these sources, signed as OPA signs bundles
// (.signatures.json) under the key id. The key is a PKCS #8 PEM, Ed25519 or
// ECDSA P-256. With Ed25519, equal sources and key give equal bytes.
func Build(s Sources, keyID string, signingKeyPEM []byte) ([]byte, error) {
	if keyID == "" {
		return nil, errors.New("building a policy bundle: no key id")
	}
	alg, err := signingAlgorithm(signingKeyPEM)
	if err != nil {
		return nil, fmt.Errorf("building a policy bundle: %w", err)
	}
	roots := []string{root}
	b := bundle.Bundle{
		Manifest: bundle.Manifest{Roots: &roots, Metadata: map[string]any{"variant": string(s.Variant)}},
		Data:     s.Data,
	}
	b.Manifest.SetRegoVersion(ast.RegoV1)
	for _, path := range slices.Sorted(maps.Keys(s.Modules)) {
		b.Modules = append(b.Modules, bundle.ModuleFile{Path: path, URL: path, Raw: s.Modules[path]})
	}
	if err := b.GenerateSignature(bundle.NewSigningConfig(string(signingKeyPEM), alg, ""), keyID, true); err != nil {
		return nil, fmt.Errorf("signing a policy bundle: %w", err)
	}
	var out bytes.Buffer
	if err := bundle.NewWriter(&out).UseModulePath(true).DisableFormat(true).Write(b); err != nil {
		return nil, fmt.Errorf("writing a policy bundle: %w", err)
	}
	return out.Bytes(), nil
}

// Verification pins the one key whose bundles are accepted.
type Verification struct {
	KeyID        string
	PublicKeyPEM []byte // PKIX: Ed25519 or ECDSA P-256
}

// config is what OPA verifies with. The algorithm comes from the pinned key, not
// from the signature, and only from a public key: a private one, or a shared
// secret, pinned by mistake would let its reader sign.
func (v Verification) config() (*bundle.VerificationConfig, error) {
	if v.KeyID == "" {
		return nil, errors.New("no key id is pinned")
	}
	block, rest := pem.Decode(v.PublicKeyPEM)
	if block == nil || block.Type != "PUBLIC KEY" || len(bytes.TrimSpace(rest)) > 0 {
		return nil, errors.New("the pinned key is not one PEM public key (BEGIN PUBLIC KEY)")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("reading the pinned key: %w", err)
	}
	alg, err := algorithm(key)
	if err != nil {
		return nil, err
	}
	keys := map[string]*bundle.KeyConfig{v.KeyID: {Key: string(v.PublicKeyPEM), Algorithm: alg}}
	return bundle.NewVerificationConfig(keys, v.KeyID, "", nil), nil
}

// unpack reads a bundle; verify is nil only when its hash is already trusted.
func unpack(raw []byte, verify *bundle.VerificationConfig) (*bundle.Bundle, error) {
	if len(raw) > maxBundle {
		return nil, fmt.Errorf("%d bytes are too many for a policy bundle", len(raw))
	}
	caps, err := capabilities()
	if err != nil {
		return nil, err
	}
	r := bundle.NewReader(bytes.NewReader(raw)).
		WithCapabilities(caps).
		WithSizeLimitBytes(maxBundle).
		WithRegoVersion(ast.RegoV1)
	if verify == nil {
		r = r.WithSkipBundleVerification(true)
	} else {
		r = r.WithBundleVerificationConfig(verify)
	}
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

func signingAlgorithm(keyPEM []byte) (string, error) {
	block, _ := pem.Decode(keyPEM)
	if block == nil || block.Type != "PRIVATE KEY" {
		return "", errors.New("the signing key is not a PKCS #8 PEM (BEGIN PRIVATE KEY)")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return "", errors.New("the signing key cannot be read") // never its bytes
	}
	if k, ok := key.(crypto.Signer); ok {
		return algorithm(k.Public())
	}
	return "", errUnsupportedKey
}

var errUnsupportedKey = errors.New("the key is neither Ed25519 nor ECDSA P-256")

func algorithm(public any) (string, error) {
	switch k := public.(type) {
	case ed25519.PublicKey:
		return "EdDSA", nil
	case *ecdsa.PublicKey:
		if k.Curve == elliptic.P256() {
			return "ES256", nil
		}
	}
	return "", errUnsupportedKey
}
