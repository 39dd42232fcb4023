package policy

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/metrics"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/topdown"
)

// Engine names what evaluates rules, with its version: a replay needs the same.
// A test holds it to the version that is linked.
const Engine = "opa/1.22.2"

// evalTimeout bounds one decision. It takes a tenth of a millisecond; a bundle
// that makes it take long must not hold the log's lock. A machine that is short
// of processors must still answer, so the bound is generous.
const evalTimeout = time.Second

// ErrFailed is in the chain of every error of a decision: policy gave no answer,
// which is a refusal. Its code is [ReasonPolicyFailed].
var ErrFailed = errors.New("policy gave no answer")

// A Policy is a loaded bundle, ready to decide. It is safe for concurrent use.
type Policy struct {
	revision     string
	variant      string
	silent       []Point
	onDutySeen   time.Duration
	onCallAtMost time.Duration
	periods      Periods
	queries      map[Point]rego.PreparedEvalQuery
}

// Load prepares the bundle of this revision. The bytes are held to the name, and
// the name is what must be trusted: two people have signed it (see
// [Verification]), or a decision of the log was made under it.
func Load(raw []byte, revision string) (*Policy, error) {
	if got := Revision(raw); got != revision {
		return nil, fmt.Errorf("loading policy %s: the bundle is %s", revision, got)
	}
	p := &Policy{revision: revision, queries: map[Point]rego.PreparedEvalQuery{}}
	b, err := unpack(raw)
	if err != nil {
		return nil, fmt.Errorf("loading policy %s: %w", revision, err)
	}
	p.variant, _ = b.Manifest.Metadata["variant"].(string)
	p.onDutySeen, p.onCallAtMost = seconds(b.Data, "on_duty_seen_s"), seconds(b.Data, "on_call_at_most_s")
	p.periods = periods(b.Data)
	caps, err := capabilities()
	if err != nil {
		return nil, err
	}
	compiler := ast.NewCompiler().WithCapabilities(caps).WithStrict(true)
	compiler.Compile(b.ParsedModules(""))
	if compiler.Failed() {
		return nil, fmt.Errorf("compiling policy %s: %w", p.revision, compiler.Errors)
	}
	store := inmem.NewFromObjectWithOpts(b.Data, inmem.OptReturnASTValuesOnRead(true))
	for _, point := range Points {
		if len(compiler.GetRulesExact(ast.MustParseRef("data."+root+"."+string(point)+".decision"))) == 0 {
			p.silent = append(p.silent, point)
		}
		q, err := rego.New(
			rego.Query("data."+root+"."+string(point)+".decision"),
			rego.Compiler(compiler), rego.Store(store), rego.StoreReadAST(true),
			rego.StrictBuiltinErrors(true),
		).PrepareForEval(context.Background())
		if err != nil {
			return nil, fmt.Errorf("preparing %s of policy %s: %w", point, p.revision, err)
		}
		p.queries[point] = q
	}
	return p, nil
}

// Revision is "sha256:" and the hex of the bundle's exact bytes.
func (p *Policy) Revision() string { return p.revision }

// Variant is what the bundle says of its numbers: [Production], [Demonstration], or
// nothing.
func (p *Policy) Variant() Variant { return Variant(p.variant) }

// Silent are the points at which the bundle has no rule: an older one, before a
// newer version asked there. Everything is refused at them.
func (p *Policy) Silent() []Point { return p.silent }

// Decide asks policy. Whatever goes wrong is an error that wraps [ErrFailed] and
// a Decision that allows nothing.
func (p *Policy) Decide(ctx context.Context, in Input) (Decision, error) {
	point := in.Point()
	d, err := p.decide(ctx, point, in)
	if err != nil {
		return Decision{}, fmt.Errorf("%w: %s: %w", ErrFailed, point, err)
	}
	return d, nil
}

func (p *Policy) decide(ctx context.Context, point Point, in Input) (Decision, error) {
	input, err := json.Marshal(in)
	if err != nil {
		return Decision{}, fmt.Errorf("writing the input: %w", err)
	}
	if bytes.Contains(input, []byte(`\ufffd`)) {
		// encoding/json replaces what is not UTF-8: a replay would see other text
		// than the engine was given.
		return Decision{}, errors.New("the input is not UTF-8")
	}
	value, result, err := p.evaluate(ctx, point, in.value())
	if err != nil {
		return Decision{}, err
	}
	d := Decision{Point: point, Policy: p.revision, Engine: Engine, Input: input, Result: result}
	if err := d.read(value); err != nil {
		return Decision{}, fmt.Errorf("reading the result: %w", err)
	}
	return d, nil
}

// evaluate returns a decision as the rules gave it, and its JSON.
func (p *Policy) evaluate(ctx context.Context, point Point, input ast.Value) (any, []byte, error) {
	q, ok := p.queries[point]
	if !ok {
		return nil, nil, errors.New("no such decision point")
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	// A timer of our own: left to itself, the engine starts a goroutine for each
	// evaluation to watch ctx, and an evaluation is shorter than its start.
	tooLong := topdown.NewCancel()
	timer := time.AfterFunc(evalTimeout, tooLong.Cancel)
	defer timer.Stop()
	rs, err := q.Eval(ctx, rego.EvalParsedInput(input), rego.EvalSortSets(true),
		rego.EvalExternalCancel(tooLong), rego.EvalMetrics(metrics.NoOp()))
	if err != nil {
		return nil, nil, err
	}
	if len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return nil, nil, errors.New("the decision is undefined")
	}
	value := rs[0].Expressions[0].Value
	result, err := json.Marshal(value)
	return value, result, err
}

// Replay evaluates a recorded input again, by this bundle, and returns the result:
// byte for byte what the decision's was, when the bundle is the decision's. The error
// wraps [ErrFailed] when the rules give no answer.
func (p *Policy) Replay(ctx context.Context, point Point, input []byte) ([]byte, error) {
	value, err := ast.ValueFromReader(bytes.NewReader(input))
	if err != nil {
		return nil, fmt.Errorf("reading the recorded input: %w", err)
	}
	_, result, err := p.evaluate(ctx, point, value)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrFailed, point, err)
	}
	return result, nil
}
