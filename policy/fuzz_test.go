package policy

import (
	"bytes"
	"context"
	"path/filepath"
	"testing"
)

// FuzzInput: whatever an export claims to be a decision's input, replaying it
// ends, in an error or in a result that is the same every time; and what is no
// whole input is allowed by no rule.
func FuzzInput(f *testing.F) {
	if seeds, err := filepath.Glob(filepath.Join("testdata", "fuzz", "FuzzInput", "*")); err != nil || len(seeds) == 0 {
		f.Fatalf("no seed corpus: %v", err)
	}
	sources, err := Embedded(Production)
	if err != nil {
		f.Fatal(err)
	}
	raw, err := Build(sources)
	if err != nil {
		f.Fatal(err)
	}
	p := load(f, raw)
	points := []Point{PointConversationRead, PointEscalationRequest, PointEscalationApprove, PointEscalationRevoke, PointEscalationConfirm,
		PointEscalationBreakGlass, PointEscalationReview, PointIdentityRelease, PointEvidenceRead, PointMinorTell, PointMinorReceipt,
		PointErasureDecide, PointHoldSet, PointHoldLift, PointKeyDestroy, PointOpeningsErase, PointLogRead}
	f.Fuzz(func(t *testing.T, point uint8, input []byte) {
		at := points[int(point)%len(points)]
		result, err := p.Replay(context.Background(), at, input)
		again, errAgain := p.Replay(context.Background(), at, input)
		if (err == nil) != (errAgain == nil) || !bytes.Equal(result, again) {
			t.Fatalf("%s %q: %s, %v and then %s, %v", at, input, result, err, again, errAgain)
		}
		if len(input) < 64 && bytes.Contains(result, []byte(`"allow":true`)) {
			t.Errorf("%s allows %q: %s", at, input, result)
		}
	})
}
