package main

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	noticestore "github.com/sceau-project/sceau/notice/pgstore"
)

// figures are the samples of a collector, by name.
func figures(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	r.MustRegister(c)
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		all[f.GetName()] = f.GetMetric()[0].GetGauge().GetValue()
	}
	return all
}

func TestEveryGoesOnAndSaysWhenAFailureBegins(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	var log bytes.Buffer
	outcomes := []error{errors.New("no"), errors.New("no"), nil, nil, errors.New("again"), errors.New("again")}
	done := 0
	err := every(ctx, time.Microsecond, slog.New(slog.NewTextHandler(&log, nil)), "trying", func(context.Context) error {
		err := outcomes[done]
		if done++; done == len(outcomes) {
			stop()
		}
		return err
	})
	if err != nil || done != len(outcomes) {
		t.Errorf("%v after %d", err, done)
	}
	if said := strings.Count(log.String(), "trying"); said != 2 {
		t.Errorf("it said %d times:\n%s", said, &log)
	}
}

// A sweep that fails grows older; one that succeeds is young again.
func TestTheAgeOfASweep(t *testing.T) {
	var good lastGood
	var outcome error
	do := good.of(func(context.Context) error { return outcome })
	age := func() float64 { return figures(t, good.gauge("test"))["sceau_sweep_age_seconds"] }
	long := time.Now().Add(-time.Hour)
	good.at.Store(&long)
	outcome = errors.New("no")
	if err := do(t.Context()); !errors.Is(err, outcome) || age() < 3600 {
		t.Errorf("after a failure: %v, %v s", err, age())
	}
	outcome = nil
	if err := do(t.Context()); err != nil || age() > 60 {
		t.Errorf("after a success: %v, %v s", err, age())
	}
}

// Each queue is asked once a scrape, and one that cannot be read hides no other.
func TestAScrapeAsksEachQueueOnce(t *testing.T) {
	asked := map[string]int{}
	q := queues{
		waiting: func(context.Context) (time.Duration, int, error) {
			asked["waiting"]++
			return 90 * time.Second, 2, nil
		},
		pending: func(context.Context) (time.Duration, int, error) {
			asked["pending"]++
			return 0, 0, errors.New("the database is down")
		},
		notices: func(context.Context) (noticestore.Backlog, error) {
			asked["notices"]++
			return noticestore.Backlog{Undelivered: 3, Oldest: time.Minute, GivenUp: 4}, nil
		},
		overdue: func(context.Context) (int, error) {
			asked["reviews"]++
			return 5, nil
		},
	}
	got := figures(t, q)
	for name, want := range map[string]float64{
		"sceau_conversations_waiting": 2, "sceau_conversations_waiting_oldest_seconds": 90,
		"sceau_escalations_pending": math.NaN(), "sceau_escalations_pending_oldest_seconds": math.NaN(),
		"sceau_notices_undelivered": 3, "sceau_notices_undelivered_oldest_seconds": 60, "sceau_notices_given_up": 4, "sceau_reviews_overdue": 5,
	} {
		if is, ok := got[name]; !ok || is != want && !(math.IsNaN(is) && math.IsNaN(want)) {
			t.Errorf("%s is %v, want %v", name, is, want)
		}
	}
	for queue, n := range asked {
		if n != 1 {
			t.Errorf("%s was asked %d times", queue, n)
		}
	}
}
