package inspection

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"path"
	"strings"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/policy"
)

// A Replayed is what [Replay] found.
type Replayed struct {
	Asked       int64        // decisions in the log
	Same        int64        // that came out as they were recorded
	Erased      []Erased     // whose input was erased: nobody can ask them again
	Missing     []int64      // entries whose input is not in the export, though nothing says that it was erased
	Different   []Difference // that came out otherwise: the log, the bundle or the engine is not what it was
	Unbound     []int64      // entries whose decision rests on another time, case or person than their own
	Otherwise   []Difference // with another bundle, when one was given
	OtherEngine int64        // decisions that another version of the engine made
}

// An Erased decision, and the entry that erased its input.
type Erased struct{ Seq, By int64 }

// A Difference is between what was decided and what comes out now.
type Difference struct {
	Seq           int64
	Point         policy.Point
	Recorded, Now Verdict
}

// A Verdict is the part of a decision that people read.
type Verdict struct {
	Allow   bool     `json:"allow"`
	Reasons []string `json:"reasons"`
}

// String is "allow", or "refuse" and the reasons.
func (v Verdict) String() string {
	if v.Allow {
		return audit.ResultAllow
	}
	return strings.TrimSpace(audit.ResultRefuse + " " + strings.Join(v.Reasons, ","))
}

// Options of a replay. The zero value is fine.
type Options struct {
	// With is another bundle: what would have been decided differently with it?
	With *policy.Policy
	// Progress, when set, is called now and then with the entries read so far.
	Progress func(read int64)
}

// Replay evaluates every decision of the export in fsys, which [audit.Verify] found
// whole, again: its committed input, by the bundle that its entry names.
func Replay(ctx context.Context, fsys fs.FS, opt Options) (*Replayed, error) {
	erasures, err := erasedBy(fsys)
	if err != nil {
		return nil, err
	}
	next, stop := iter.Pull2(audit.Openings(fsys))
	defer stop()
	r := &replay{
		Replayed: &Replayed{}, fsys: fsys, with: opt.With, policies: map[string]*policy.Policy{},
		erasures: erasures, openings: &openings{next: next},
	}
	var read int64
	for leaf, err := range audit.Leaves(fsys) {
		if err == nil {
			err = r.visit(ctx, leaf)
		}
		if err != nil {
			return nil, err
		}
		if read++; opt.Progress != nil && read%64 == 0 {
			opt.Progress(read)
		}
	}
	return r.Replayed, nil
}

// erasedBy lists the entries that erased openings, by case.
func erasedBy(fsys fs.FS) (map[string][]int64, error) {
	by := map[string][]int64{}
	mark := []byte(`"action":"` + audit.ActionOpeningsErased + `"`)
	for leaf, err := range audit.Leaves(fsys) {
		if err != nil {
			return nil, err
		}
		if !bytes.Contains(leaf, mark) {
			continue
		}
		e, err := parse(leaf)
		if err != nil {
			return nil, err
		}
		if e != nil {
			by[e.Case] = append(by[e.Case], e.Seq)
		}
	}
	return by, nil
}

type replay struct {
	*Replayed
	fsys     fs.FS
	with     *policy.Policy
	policies map[string]*policy.Policy
	erasures map[string][]int64
	openings *openings
}

func (r *replay) visit(ctx context.Context, leaf []byte) error {
	if !bytes.Contains(leaf, []byte(`"decision":{`)) {
		return nil
	}
	e, err := parse(leaf)
	if err != nil || e == nil || e.Decision == nil {
		return err
	}
	r.Asked++
	opened, err := r.openings.of(e.Seq)
	if err != nil {
		return err
	}
	input, ok := opened["input"]
	if !ok {
		r.unopened(e)
		return nil
	}
	if e.Decision.Engine != policy.Engine {
		r.OtherEngine++
	}
	if !binds(e, input) {
		r.Unbound = append(r.Unbound, e.Seq)
	}
	p, err := r.policy(e.Decision.Policy)
	if errors.Is(err, fs.ErrNotExist) {
		// Whoever breaks into a face may name any policy: the others are asked all the same.
		r.Missing = append(r.Missing, e.Seq)
		return nil
	}
	if err != nil {
		return fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	a, err := Ask(ctx, p, e, opened)
	if err != nil {
		return err
	}
	now := a.Now
	if a.Same {
		r.Same++
	} else {
		r.Different = append(r.Different, Difference{Seq: e.Seq, Point: policy.Point(e.Decision.Path), Recorded: a.Recorded, Now: now})
	}
	if r.with == nil {
		return nil
	}
	other, _, err := ask(ctx, r.with, e, input)
	if err != nil {
		return err
	}
	if other.String() != now.String() {
		r.Otherwise = append(r.Otherwise, Difference{Seq: e.Seq, Point: policy.Point(e.Decision.Path), Recorded: now, Now: other})
	}
	return nil
}

// An Asked decision is one that was asked again.
type Asked struct {
	Same          bool // to the byte, where the result was committed to; else as the leaf says
	Recorded, Now Verdict
	Result        []byte // what came out now; nil when the rules gave no answer
	Unbound       bool   // it rests on another time, case or person than its entry
	OtherEngine   bool   // another version of the engine made it
}

// Ask evaluates the decision of one entry again, by the policy that it names: opened are
// the values of its openings, by field, with "input" among them.
func Ask(ctx context.Context, p *policy.Policy, e *audit.Entry, opened map[string][]byte) (Asked, error) {
	input := opened["input"]
	a := Asked{Unbound: !binds(e, input), OtherEngine: e.Decision.Engine != policy.Engine}
	var err error
	if a.Now, a.Result, err = ask(ctx, p, e, input); err != nil {
		return a, err
	}
	recorded, known := opened["result"]
	a.Recorded = Verdict{Allow: e.Decision.Result == audit.ResultAllow}
	if known {
		if a.Recorded, err = verdict(recorded); err != nil {
			return a, fmt.Errorf("entry %d: %w", e.Seq, err)
		}
	}
	a.Same = a.Now.Allow == (e.Decision.Result == audit.ResultAllow) && (!known || bytes.Equal(recorded, a.Result))
	return a, nil
}

// binds says whether an input is of the entry's own time, case and actor: a decision
// that was made about something else stands for nothing. What else it rests on, the log
// tells in the entries before; that is for [Lives] and for people.
func binds(e *audit.Entry, input []byte) bool {
	var of struct {
		At    string  `json:"at"`
		Case  *string `json:"case"`
		Actor *struct {
			ID     string `json:"id"`
			Person string `json:"person"`
			Role   string `json:"role"`
		} `json:"actor"`
	}
	if json.Unmarshal(input, &of) != nil || of.At != audit.FormatTime(e.At) || of.Case != nil && *of.Case != e.Case {
		return false
	}
	return of.Actor == nil || of.Actor.ID == e.Actor.ID && of.Actor.Person == e.Actor.Person && of.Actor.Role == e.Actor.Role
}

// unopened says why a decision cannot be asked again.
func (r *replay) unopened(e *audit.Entry) {
	for _, by := range r.erasures[e.Case] {
		if by > e.Seq {
			r.Erased = append(r.Erased, Erased{Seq: e.Seq, By: by})
			return
		}
	}
	r.Missing = append(r.Missing, e.Seq)
}

// ask evaluates a committed input. No answer is a refusal, as it was then.
func ask(ctx context.Context, p *policy.Policy, e *audit.Entry, input []byte) (Verdict, []byte, error) {
	result, err := p.Replay(ctx, policy.Point(e.Decision.Path), input)
	switch {
	case errors.Is(err, policy.ErrFailed) && ctx.Err() == nil:
		return Verdict{Reasons: []string{policy.ReasonPolicyFailed}}, nil, nil
	case err != nil:
		return Verdict{}, nil, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	v, err := verdict(result)
	return v, result, err
}

func verdict(result []byte) (Verdict, error) {
	var v Verdict
	if err := json.Unmarshal(result, &v); err != nil {
		return Verdict{}, fmt.Errorf("a decision's result is not one: %w", err)
	}
	return v, nil
}

// policy loads the bundle of this revision, once.
func (r *replay) policy(revision string) (*policy.Policy, error) {
	if p, ok := r.policies[revision]; ok {
		return p, nil
	}
	_, sum, _ := strings.Cut(revision, ":")
	raw, err := fs.ReadFile(r.fsys, path.Join(audit.BundlesDir, sum+".tar.gz"))
	if err != nil {
		return nil, fmt.Errorf("read the policy that it names: %w", err)
	}
	p, err := policy.Load(raw, revision)
	if err != nil {
		return nil, err
	}
	r.policies[revision] = p
	return p, nil
}

// openings reads the openings of entries that are asked for in ascending order.
type openings struct {
	next  func() (audit.Opening, error, bool)
	ahead *audit.Opening
	ended bool
}

// of returns the openings of an entry, by field.
func (o *openings) of(seq int64) (map[string][]byte, error) {
	found := map[string][]byte{}
	for {
		if o.ahead == nil && !o.ended {
			opening, err, more := o.next()
			if err != nil {
				return nil, err
			}
			if o.ended = !more; more {
				o.ahead = &opening
			}
		}
		if o.ahead == nil || o.ahead.Seq > seq {
			return found, nil
		}
		if o.ahead.Seq == seq {
			found[o.ahead.Field] = o.ahead.Value
		}
		o.ahead = nil
	}
}
