package web

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

var errBadBundle = errors.New("the policy bundle is not what its name says, or cannot be read")

// maxBundles bounds how many policies are kept ready: there is a new one now and then, and
// loading one takes some tenths of a second.
const maxBundles = 4

// bundles are the policies that decisions were lately asked by again.
type bundles struct {
	mu     sync.Mutex
	loaded map[string]loadedBundle
	turn   int
}

type loadedBundle struct {
	raw    []byte
	policy *policy.Policy
	used   int
}

// of returns the bundle of a revision, and the policy that it is, or
// [policystore.ErrNoBundle] or errBadBundle.
func (b *bundles) of(ctx context.Context, q policystore.Querier, revision string) ([]byte, *policy.Policy, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.turn++
	if have, ok := b.loaded[revision]; ok {
		have.used = b.turn
		b.loaded[revision] = have
		return have.raw, have.policy, nil
	}
	raw, err := policystore.Bundle(ctx, q, revision)
	if err != nil {
		return nil, nil, err
	}
	p, err := policy.Load(raw, revision)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", errBadBundle, err)
	}
	if b.loaded == nil {
		b.loaded = map[string]loadedBundle{}
	}
	for len(b.loaded) >= maxBundles {
		delete(b.loaded, slices.MinFunc(slices.Collect(maps.Keys(b.loaded)), func(x, y string) int {
			return b.loaded[x].used - b.loaded[y].used
		}))
	}
	b.loaded[revision] = loadedBundle{raw, p, b.turn}
	return raw, p, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
