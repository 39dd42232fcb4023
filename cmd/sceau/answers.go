package main

import (
	"context"
	"log/slog"
	"time"

	"github.com/sceau-project/sceau/audit/pglog"
)

// pruneEvery is how often a process forgets what it answered more than
// [pglog.KeepAnswers] ago. That an answer stays a little longer harms nobody.
const pruneEvery = time.Hour

// pruneAnswers forgets old answers until ctx ends, from the start on: a process that
// is restarted every half hour forgets too. A failure is logged when it begins.
func pruneAnswers(ctx context.Context, log *pglog.Log, logger *slog.Logger) error {
	tick := time.NewTicker(pruneEvery)
	defer tick.Stop()
	failing := false
	for {
		_, err := log.PruneAnswers(ctx, pglog.KeepAnswers)
		if err != nil && !failing && ctx.Err() == nil {
			logger.Warn("forgetting old answers", "error", err.Error())
		}
		failing = err != nil
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
