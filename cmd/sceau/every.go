package main

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// every does something at once and then again each period, until ctx ends. A failure
// is logged when it begins, and stops nothing: the next time may go well.
func every(ctx context.Context, period time.Duration, logger *slog.Logger, what string, do func(context.Context) error) error {
	tick := time.NewTicker(period)
	defer tick.Stop()
	failing := false
	for {
		err := do(ctx)
		if err != nil && !failing && ctx.Err() == nil {
			logger.Warn(what, "error", err.Error())
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// A lastGood remembers when something went well. A sweep that fails, or hangs, is one
// line of a log that nobody may read; its age is a figure, for an alarm.
type lastGood struct{ at atomic.Pointer[time.Time] }

// of wraps what is done. Before the first success, it counts from here.
func (g *lastGood) of(do func(context.Context) error) func(context.Context) error {
	now := time.Now()
	g.at.Store(&now)
	return func(ctx context.Context) error {
		err := do(ctx)
		if err == nil {
			now := time.Now()
			g.at.Store(&now)
		}
		return err
	}
}

// gauge publishes for how long it has not gone well.
func (g *lastGood) gauge(of string) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sceau_sweep_age_seconds", Help: "For how long the last sweep without a failure is past.",
		ConstLabels: prometheus.Labels{"of": of},
	}, func() float64 { return time.Since(*g.at.Load()).Seconds() })
}

// watched is [every], with the age of the last success among the process's metrics.
func (p *parts) watched(period time.Duration, of, what string, do func(context.Context) error) func(context.Context) error {
	var good lastGood
	do = good.of(do)
	p.metrics.MustRegister(good.gauge(of))
	return func(ctx context.Context) error { return every(ctx, period, p.logger, what, do) }
}
