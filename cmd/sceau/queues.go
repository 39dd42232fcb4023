package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	escalationstore "github.com/sceau-project/sceau/escalation/pgstore"
	noticestore "github.com/sceau-project/sceau/notice/pgstore"
)

// watchQueues publishes what waits as metrics, for alarms: a child without an
// answer, a request to lift anonymity that nobody looks at, a review that nobody
// did, a notice that reached nobody. The queues are read at every scrape; when
// they cannot be, the figure is NaN.
func (p *parts) watchQueues(escalations *escalationstore.Store, notices *noticestore.Queue) {
	waiting := func(ctx context.Context) (oldest time.Duration, count int, err error) {
		queue, err := p.conversations.Queue(ctx)
		for _, w := range queue {
			oldest = max(oldest, w.Age)
		}
		return oldest, len(queue), err
	}
	undelivered := func(ctx context.Context) (oldest time.Duration, count int, err error) {
		b, err := notices.Backlog(ctx)
		return b.Oldest, b.Undelivered, err
	}
	for name, queue := range map[string]func(context.Context) (time.Duration, int, error){
		"conversations_waiting": waiting, "escalations_pending": escalations.Oldest, "notices_undelivered": undelivered,
	} {
		ask := func(figure func(oldest time.Duration, count int) float64) func() float64 {
			return func() float64 {
				ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
				defer cancel()
				oldest, count, err := queue(ctx)
				if err != nil {
					return math.NaN()
				}
				return figure(oldest, count)
			}
		}
		p.metrics.MustRegister(
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_" + name, Help: "How many there are."},
				ask(func(_ time.Duration, count int) float64 { return float64(count) })),
			prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_" + name + "_oldest_seconds", Help: "For how long the oldest has been there."},
				ask(func(oldest time.Duration, _ int) float64 { return oldest.Seconds() })),
		)
	}
	for name, gauge := range map[string]struct {
		help  string
		count func(context.Context) (int, error)
	}{
		"reviews_overdue": {"Broken glasses that nobody reviewed in time.", notices.ReviewsOverdue},
		"notices_given_up": {"Deliveries of the last week that were tried for hours and given up.", func(ctx context.Context) (int, error) {
			b, err := notices.Backlog(ctx)
			return b.GivenUp, err
		}},
	} {
		p.metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "sceau_" + name, Help: gauge.help}, func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			count, err := gauge.count(ctx)
			if err != nil {
				return math.NaN()
			}
			return float64(count)
		}))
	}
}
