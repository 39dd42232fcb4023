package bench_test

import (
	"testing"

	"github.com/sceau-project/sceau/internal/bench"
)

func TestFiguresWithoutAServer(t *testing.T) {
	verify, err := bench.Verify(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	sealing, err := bench.Seal(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	decisions, err := bench.Decide(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(sealing) != 2 || len(decisions) != 4 {
		t.Errorf("%d and %d figures", len(sealing), len(decisions))
	}
	for _, f := range append(append(sealing, decisions...), verify) {
		t.Logf("%-60s %10.1f %10.1f %s  %5.2f", f.Name, f.Ours, f.Baseline, f.Unit, f.Ratio)
		if f.Ours <= 0 || f.Baseline <= 0 || f.Ratio <= 0 {
			t.Errorf("%+v", f)
		}
	}
}
