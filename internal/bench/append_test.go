package bench_test

import (
	"testing"
	"time"

	"github.com/sceau-project/sceau/internal/bench"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// The measuring itself must not rot; its figures are judged by make bench.
func TestAppends(t *testing.T) {
	db := pgtest.New(t)
	figures, err := bench.Appends(t.Context(), bench.AppendConfig{
		StaffURL: db.URL("sceau_staff"), OwnerURL: db.URL("sceau_owner"),
		Callers: []int{1, 16}, Rounds: 1, Each: 50 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(figures) != 4 {
		t.Fatalf("%d figures for two numbers of callers", len(figures))
	}
	for _, f := range figures {
		if f.Ours <= 0 || f.Baseline <= 0 || f.Ratio <= 0 {
			t.Errorf("%+v", f)
		}
	}
}

func BenchmarkAppends(b *testing.B) {
	db := pgtest.New(b)
	figures, err := bench.Appends(b.Context(), bench.AppendConfig{
		StaffURL: db.URL("sceau_staff"), OwnerURL: db.URL("sceau_owner"), Progress: func(s string) { b.Log(s) },
	})
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range figures {
		b.Logf("%-60s %8.0f %8.0f  %5.2f ± %2.0f %%", f.Name, f.Ours, f.Baseline, f.Ratio, 100*f.Spread)
	}
}
