// Package devsigners plays the two people who change policy, for tests and for
// development: dev-one and dev-two, with keys made on the spot. Nothing that
// is in service pins such keys, so nothing that they sign is believed there.
package devsigners

import (
	"context"
	"sync/atomic"

	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

// Names are what the two are called, as people and by their keys.
var Names = [2]string{"dev-one", "dev-two"}

// A Person holds one key.
type Person struct {
	Name    string `json:"name"`
	Private string `json:"private"`
	Public  string `json:"public"`
}

// People sign with serials that rise.
type People struct {
	Two    [2]Person
	serial atomic.Int64
}

// New makes both, with new keys.
func New() (*People, error) {
	p := &People{}
	for i, name := range Names {
		private, public, err := policy.GenerateKey(name)
		if err != nil {
			return nil, err
		}
		p.Two[i] = Person{Name: name, Private: private, Public: public}
	}
	return p, nil
}

// Signers are what is pinned of both.
func (p *People) Signers() []policy.Signer {
	return []policy.Signer{{Person: p.Two[0].Name, Key: p.Two[0].Public}, {Person: p.Two[1].Name, Key: p.Two[1].Public}}
}

// Pin believes what both have signed for the log of this origin.
func (p *People) Pin(origin string) (policy.Verification, error) {
	return policy.Pin(origin, p.Signers())
}

// Sign has both sign a bundle for a log.
func (p *People) Sign(origin string, serial int64, bundle []byte) (note []byte, err error) {
	s := policy.Statement{Origin: origin, Serial: serial, Revision: policy.Revision(bundle)}
	for _, one := range p.Two {
		if note, err = policy.Sign(s, note, one.Private); err != nil {
			return nil, err
		}
	}
	return note, nil
}

// Activate puts a variant of the embedded policy in force: both sign it with the
// next serial, and the operator's log takes it.
func (p *People) Activate(ctx context.Context, operator *pglog.Log, v policy.Variant) (pglog.Ref, error) {
	sources, err := policy.Embedded(v)
	if err != nil {
		return pglog.Ref{}, err
	}
	return p.ActivateSources(ctx, operator, sources)
}

// ActivateSources puts rules or numbers in force that are none of the embedded ones.
func (p *People) ActivateSources(ctx context.Context, operator *pglog.Log, s policy.Sources) (pglog.Ref, error) {
	bundle, err := policy.Build(s)
	if err != nil {
		return pglog.Ref{}, err
	}
	note, err := p.Sign(operator.Origin(), p.serial.Add(1), bundle)
	if err != nil {
		return pglog.Ref{}, err
	}
	pinned, err := p.Pin(operator.Origin())
	if err != nil {
		return pglog.Ref{}, err
	}
	return policystore.Activate(ctx, operator, bundle, note, pinned)
}

// Bundle builds a variant of the embedded policy.
func Bundle(v policy.Variant) ([]byte, error) {
	sources, err := policy.Embedded(v)
	if err != nil {
		return nil, err
	}
	return policy.Build(sources)
}

// Load is a variant of the embedded policy, for what asks it without a log.
func Load(v policy.Variant) (*policy.Policy, error) {
	bundle, err := Bundle(v)
	if err != nil {
		return nil, err
	}
	return policy.Load(bundle, policy.Revision(bundle))
}
