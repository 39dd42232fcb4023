package pgstore_test

import (
	"sync/atomic"
	"testing"
)

// BenchmarkWrite measures durable messages, each in a conversation of its own as
// children write them, the notice included.
func BenchmarkWrite(b *testing.B) {
	w := newWorld(b)
	cases := make([]string, 32)
	for i := range cases {
		cases[i] = w.open().Case
	}
	var next atomic.Int64
	b.SetParallelism(8)
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			caseID := cases[next.Add(1)%int64(len(cases))]
			if _, err := w.public.WriteAsMinor(b.Context(), caseID, clientKey(), "Je ne sais pas comment le dire."); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "messages/s")
}
