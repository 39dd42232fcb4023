package web

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/inspection"
	"github.com/sceau-project/sceau/policy"
	policystore "github.com/sceau-project/sceau/policy/pgstore"
)

type entryInput struct {
	Seq int64 `path:"seq" minimum:"0" doc:"The entry's number"`
}

// commitment is a value that a leaf commits to, and what is known of it.
type commitment struct {
	Field    string   `json:"field"`
	Hash     string   `json:"hash" doc:"What the leaf holds"`
	State    string   `json:"state" enum:"open,sealed,erased,false" doc:"open: the value is below; sealed: inspectors may not see it, or it was never kept; false: what is kept is not what was committed to"`
	Value    string   `json:"value,omitempty"`
	Salt     string   `json:"salt,omitempty" doc:"Padded base64"`
	ErasedBy *int64   `json:"erased_by,omitempty" doc:"The entry that erased it"`
	Check    []string `json:"check,omitempty" doc:"Shell commands that compute the hash again"`
}

type entryBody struct {
	Read        int64           `json:"read" doc:"The entry that records this look"`
	Seq         int64           `json:"seq"`
	Hash        string          `json:"hash" doc:"Of the leaf as it is stored, padded base64"`
	Prev        string          `json:"prev,omitempty" doc:"The hash of the entry before, as this one names it"`
	Continues   string          `json:"continues" enum:"yes,no,first,pruned" doc:"Whether that is the hash of the entry before as it is stored; first: of the origin"`
	Followed    bool            `json:"followed" doc:"There is an entry after it"`
	Raw         string          `json:"raw" doc:"The leaf's exact bytes, read as text"`
	Base64      string          `json:"base64" doc:"The leaf's exact bytes"`
	Leaf        json.RawMessage `json:"leaf,omitempty"`
	Damage      string          `json:"damage,omitempty" doc:"Why this is not what was once appended"`
	Check       []string        `json:"check" doc:"Shell commands that compute the hash again"`
	Commitments []commitment    `json:"commitments,omitempty"`
	Decision    *decided        `json:"decision,omitempty"`
}

type entryOutput struct{ Body entryBody }

// entry shows one entry whole: its bytes, and how to check them without this service.
func (s *staff) entry(ctx context.Context, in *entryInput) (*entryOutput, error) {
	read, err := s.look(ctx, policy.ViewLog, audit.Details{"as": "entry", "entry": in.Seq})
	if err != nil {
		return nil, err
	}
	if in.Seq >= read.Seq { // it came after the look that asks for it
		return nil, refuse("entry.not_found")
	}
	f, err := pglog.AsStored(ctx, s.reader, in.Seq)
	if errors.Is(err, pglog.ErrNoEntry) {
		return nil, refuse("entry.not_found")
	}
	if err != nil {
		return nil, err
	}
	e := entryOf(f)
	out := &entryOutput{entryBody{
		Read: read.Seq, Seq: f.Seq, Hash: e.Hash, Leaf: e.Leaf, Damage: e.Damage, Followed: true, // by this very look, at the least
		Raw: string(f.Leaf), Base64: base64.StdEncoding.EncodeToString(f.Leaf), Check: checkLeaf(f.Leaf),
	}}
	if out.Body.Continues, err = s.continues(ctx, &f); err != nil {
		return nil, err
	}
	if f.Damage != nil {
		return out, nil // what cannot be believed is not explained
	}
	out.Body.Prev = f.Prev.String()
	opened, erasures, err := s.openingsOf(ctx, &f.Record)
	if err != nil {
		return nil, err
	}
	out.Body.Commitments = commitmentsOf(&f.Record, opened, erasures)
	if f.Decision != nil {
		out.Body.Decision, err = s.decided(ctx, &f.Record, opened, erasures)
	}
	return out, err
}

// continues holds an entry to the one before it.
func (s *staff) continues(ctx context.Context, f *pglog.Found) (string, error) {
	prev := f.Prev
	if f.Damage != nil {
		e, err := audit.Parse(f.Leaf)
		if err != nil {
			return "no", nil //nolint:nilerr // what cannot be read continues nothing
		}
		prev = e.Prev
	}
	said := func(is bool) string {
		if is {
			return "yes"
		}
		return "no"
	}
	if f.Seq == 0 {
		if said(prev == audit.Genesis(s.journal.Origin())) == "yes" {
			return "first", nil
		}
		return "no", nil
	}
	before, err := pglog.AsStored(ctx, s.reader, f.Seq-1)
	if errors.Is(err, pglog.ErrNoEntry) {
		return "pruned", nil
	}
	if err != nil {
		return "", err
	}
	return said(prev == audit.LeafHash(before.Leaf)), nil
}

// openingsOf reads what opens an entry's commitments, and which entries erased openings of
// its case since.
func (s *staff) openingsOf(ctx context.Context, r *pglog.Record) (map[string]audit.Opening, []int64, error) {
	list, err := pglog.OpeningsOf(ctx, s.reader, r.Seq)
	if err != nil {
		return nil, nil, err
	}
	opened := map[string]audit.Opening{}
	for _, o := range list {
		opened[o.Field] = o
	}
	var erasures []int64
	if r.Case != "" {
		for e, err := range pglog.Entries(ctx, s.reader, pglog.Filter{
			Case: r.Case, Actions: []audit.Action{audit.ActionOpeningsErased}, FromSeq: r.Seq, Limit: 10,
		}) {
			if err != nil {
				return nil, nil, err
			}
			erasures = append(erasures, e.Seq)
		}
	}
	return opened, erasures, nil
}

func commitmentsOf(r *pglog.Record, opened map[string]audit.Opening, erasures []int64) []commitment {
	fields := map[string]string{}
	for name, hash := range r.Commitments {
		fields[name] = hash
	}
	if r.Decision != nil && r.Decision.Input != "" {
		fields["input"] = r.Decision.Input
	}
	var all []commitment
	for _, name := range sortedKeys(fields) {
		c := commitment{Field: name, Hash: fields[name], State: "sealed"}
		o, ok := opened[name]
		switch {
		case ok && o.Verify(r.Leaf) != nil:
			c.State = "false"
		case ok:
			c.State, c.Value, c.Salt = "open", string(o.Value), base64.StdEncoding.EncodeToString(o.Salt)
			c.Check = checkCommitment(&o)
		case len(erasures) > 0 && kept(name):
			c.State, c.ErasedBy = "erased", &erasures[0]
		}
		all = append(all, c)
	}
	return all
}

// kept says of a field that the service keeps its opening for inspectors, unless it is
// erased. All others are sealed, salt and all.
func kept(field string) bool {
	return slices.Contains([]string{"input", "result", "reason", "reference"}, field)
}

// checkLeaf are commands for any shell with openssl: nothing of this service is needed to
// compute a hash again.
func checkLeaf(leaf []byte) []string {
	return []string{
		`leaf='` + base64.StdEncoding.EncodeToString(leaf) + `'`,
		`(printf '\000'; printf '%s' "$leaf" | openssl base64 -d -A) | openssl dgst -sha256 -binary | openssl base64`,
	}
}

func checkCommitment(o *audit.Opening) []string {
	said := append([]byte("sceau.commitment/v1\n"+o.Field+"\n"+o.Case+"\n"), o.Value...)
	return []string{
		`said='` + base64.StdEncoding.EncodeToString(said) + `'`,
		`printf '%s' "$said" | openssl base64 -d -A | openssl dgst -sha256 -mac HMAC -macopt hexkey:` + hex.EncodeToString(o.Salt) +
			` -binary | openssl base64`,
	}
}

// verdict is what policy said.
type verdict struct {
	Allow   bool     `json:"allow"`
	Reasons []string `json:"reasons"`
}

func verdictOf(v inspection.Verdict) *verdict {
	if v.Reasons == nil {
		v.Reasons = []string{}
	}
	return &verdict{v.Allow, v.Reasons}
}

// rule is part of a policy bundle's text.
type rule struct {
	Code string `json:"code" doc:"The objection that it clears"`
	File string `json:"file"`
	Line int    `json:"line"`
	Text string `json:"text"`
}

// decided is a decision, asked again on the spot.
type decided struct {
	ID        string          `json:"id"`
	Path      string          `json:"path"`
	Policy    string          `json:"policy" doc:"Revision of the bundle: SHA-256 of its exact bytes"`
	Engine    string          `json:"engine"`
	Result    string          `json:"result" enum:"allow,refuse"`
	Activated *int64          `json:"activated,omitempty" doc:"The entry that put this policy in force"`
	InForce   bool            `json:"in_force" doc:"It was the one in force then, as the entries say it"`
	Input     json.RawMessage `json:"input,omitempty" doc:"What policy was asked, when its opening is there and true"`
	Replay    string          `json:"replay" enum:"same,different,erased,input_missing,bundle_missing,bundle_bad" doc:"What came out when it was asked again just now"`
	ErasedBy  *int64          `json:"erased_by,omitempty" doc:"The entry that erased the input: nobody can ask again"`
	Recorded  *verdict        `json:"recorded,omitempty" doc:"As the committed result says"`
	Now       *verdict        `json:"now,omitempty" doc:"As it came out now"`
	NowRaw    string          `json:"now_raw,omitempty" doc:"The result's exact bytes, now"`
	Unbound   bool            `json:"unbound" doc:"It rests on another time, case or person than its entry"`
	Other     bool            `json:"other_engine" doc:"Another version of the engine made it"`
	Rules     []rule          `json:"rules,omitempty" doc:"Refused: the rules none of which held, by reason. Allowed: every rule that clears an objection"`
}

// decided asks the decision of an entry again.
func (s *staff) decided(ctx context.Context, r *pglog.Record, opened map[string]audit.Opening, erasures []int64) (*decided, error) {
	d := &decided{
		ID: r.Decision.ID, Path: r.Decision.Path, Policy: r.Decision.Policy, Engine: r.Decision.Engine, Result: r.Decision.Result,
	}
	if err := s.inForce(ctx, r, d); err != nil {
		return nil, err
	}
	values := map[string][]byte{}
	for name, o := range opened {
		if o.Verify(r.Leaf) == nil {
			values[name] = o.Value
		}
	}
	input, ok := values["input"]
	if !ok {
		if d.Replay = "input_missing"; len(erasures) > 0 {
			d.Replay, d.ErasedBy = "erased", &erasures[0]
		}
		return d, nil
	}
	if json.Valid(input) {
		d.Input = input
	}
	raw, p, err := s.bundles.of(ctx, s.reader, r.Decision.Policy)
	switch {
	case errors.Is(err, policystore.ErrNoBundle):
		d.Replay = "bundle_missing"
		return d, nil
	case errors.Is(err, errBadBundle):
		d.Replay = "bundle_bad"
		return d, nil
	case err != nil:
		return nil, err
	}
	asked, err := inspection.Ask(ctx, p, &r.Entry, values)
	if err != nil {
		return nil, err
	}
	if d.Replay = "different"; asked.Same {
		d.Replay = "same"
	}
	d.Recorded, d.Now, d.NowRaw = verdictOf(asked.Recorded), verdictOf(asked.Now), string(asked.Result)
	d.Unbound, d.Other = asked.Unbound, asked.OtherEngine
	rules, err := policy.Rules(raw, r.Decision.Policy, policy.Point(d.Path), asked.Recorded.Reasons)
	if err != nil {
		return nil, err
	}
	for _, found := range rules {
		d.Rules = append(d.Rules, rule{found.Code, found.File, found.Line, found.Text})
	}
	return d, nil
}

// inForce finds the activation that a decision rests on.
func (s *staff) inForce(ctx context.Context, r *pglog.Record, d *decided) error {
	page, err := pglog.Search(ctx, s.reader, pglog.Query{
		Filter: pglog.Filter{Actions: []audit.Action{audit.ActionPolicyActivated}, Limit: 500}, UpTo: r.Seq, Newest: true,
	}, searchPatience)
	if err != nil {
		return err
	}
	for i, f := range page.Found {
		if f.Damage == nil && f.Subject.ID == r.Decision.Policy {
			d.Activated, d.InForce = &page.Found[i].Seq, i == 0
			return nil
		}
	}
	return nil
}
