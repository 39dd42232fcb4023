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
// is restarted every half hour forgets too.
func pruneAnswers(ctx context.Context, log *pglog.Log, logger *slog.Logger) error {
	return every(ctx, pruneEvery, logger, "forgetting old answers", func(ctx context.Context) error {
		_, err := log.PruneAnswers(ctx, pglog.KeepAnswers)
		return err
	})
}
