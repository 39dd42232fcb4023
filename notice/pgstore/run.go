package pgstore

import (
	"context"
	"log/slog"
	"time"
)

// stopTime is how long deliveries under way may go on when the process ends.
// What is cut off is delivered again by whoever starts next.
const stopTime = 5 * time.Second

// Run delivers until ctx ends. A database that is away, at the start or later,
// is waited for.
func (q *Queue) Run(ctx context.Context) error {
	for waiting := false; ; waiting = true {
		err := q.client.Start(ctx)
		if err == nil {
			break
		}
		if !waiting && ctx.Err() == nil {
			q.cfg.Logger.Warn("the queue of notices waits for the database")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
	<-q.client.Stopped()
	return nil
}

// quiet passes on what is worth an operator's look; the library tells of every
// try on lower levels.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
