package main

import (
	"context"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	noticestore "github.com/sceau-project/sceau/notice/pgstore"
)

// scrapeTime bounds how long one scrape waits for all queues together.
const scrapeTime = 3 * time.Second

// queues publish what waits as metrics, for alarms: a child without an answer, a
// request to open an identity that nobody looks at, a review that nobody did, a
// notice that reached nobody. Each queue is asked once a scrape; what cannot be read
// is NaN.
type queues struct {
	waiting func(context.Context) (oldest time.Duration, count int, err error)
	pending func(context.Context) (oldest time.Duration, count int, err error)
	notices func(context.Context) (noticestore.Backlog, error)
	overdue func(context.Context) (int, error)
}

func queueDesc(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("sceau_"+name, help, nil, nil)
}

const oldestHelp = "For how long the oldest has been there; 0 without any."

var (
	conversationsWaiting       = queueDesc("conversations_waiting", "Conversations without an agent.")
	conversationsWaitingOldest = queueDesc("conversations_waiting_oldest_seconds", oldestHelp)
	escalationsPending         = queueDesc("escalations_pending", "Requests that wait for an answer.")
	escalationsPendingOldest   = queueDesc("escalations_pending_oldest_seconds", oldestHelp)
	noticesUndelivered         = queueDesc("notices_undelivered", "Notices and deliveries that have not succeeded yet.")
	noticesUndeliveredOldest   = queueDesc("notices_undelivered_oldest_seconds", oldestHelp)
	noticesGivenUp             = queueDesc("notices_given_up", "Deliveries of the last week that were tried for hours and given up.")
	reviewsOverdue             = queueDesc("reviews_overdue", "Broken glasses that nobody reviewed in time.")
)

// Describe implements [prometheus.Collector].
func (q queues) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{conversationsWaiting, conversationsWaitingOldest, escalationsPending, escalationsPendingOldest,
		noticesUndelivered, noticesUndeliveredOldest, noticesGivenUp, reviewsOverdue} {
		to <- d
	}
}

// Collect implements [prometheus.Collector].
func (q queues) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, value float64, err error) {
		if err != nil {
			value = math.NaN()
		}
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value)
	}
	oldest, count, err := q.waiting(ctx)
	gauge(conversationsWaiting, float64(count), err)
	gauge(conversationsWaitingOldest, oldest.Seconds(), err)
	oldest, count, err = q.pending(ctx)
	gauge(escalationsPending, float64(count), err)
	gauge(escalationsPendingOldest, oldest.Seconds(), err)
	backlog, err := q.notices(ctx)
	gauge(noticesUndelivered, float64(backlog.Undelivered), err)
	gauge(noticesUndeliveredOldest, backlog.Oldest.Seconds(), err)
	gauge(noticesGivenUp, float64(backlog.GivenUp), err)
	count, err = q.overdue(ctx)
	gauge(reviewsOverdue, float64(count), err)
}

// oldestWaiting says how many conversations have no agent, and for how long the
// oldest of them.
func (p *parts) oldestWaiting(ctx context.Context) (oldest time.Duration, count int, err error) {
	queue, err := p.conversations.Queue(ctx)
	for _, w := range queue {
		oldest = max(oldest, w.Age)
	}
	return oldest, len(queue), err
}
