// Package pgstore keeps notices in PostgreSQL until they are delivered: a queue
// in the schema sceau_queue, written in the transaction of the entry that a
// notice is about, and emptied by whichever staff process is up.
//
// A notice is one job. When its time has come it becomes one delivery for each
// channel that calls its roles, so that a pager that is down delays no mail. Both
// ask the database, each time, whether anybody still has to look: a request that
// was answered calls nobody. Failed deliveries are tried again, at first after a
// second, at most every five minutes, for about three hours.
//
// The tables hold ids, codes and times. Where notices go to is the
// configuration's, and is not stored.
package pgstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivertype"

	"github.com/sceau-project/sceau/notice"
)

// Schema holds the queue's tables; migrations makes it.
const Schema = "sceau_queue"

const (
	// deliveryTime bounds one try, a hanging receiver's included.
	deliveryTime = 12 * time.Second
	// rescueAfter is when a try whose process died is taken over. It must be
	// longer than any try can last.
	rescueAfter = 15 * time.Second
	// tries, with the waits of patience, make about three hours.
	tries = 45
	// keepFinished is how long finished jobs are kept, to tell repetitions. It
	// must be longer than horizon, or a sweep would repeat what was removed.
	keepFinished = 7 * 24 * time.Hour
)

// A Channel carries notices out of the service.
type Channel struct {
	// Name tells channels apart in the queue, and stays the same when the
	// process starts again. It is stored: no address, no URL.
	Name string
	// Roles are those whose people it reaches.
	Roles []string
	// Lane names a group of channels that may wait for each other.
	Lane   string
	Sender Sender
}

// A Sender hands one notice over. It may be called again with the same notice,
// from several goroutines, and returns a *[notice.Failure].
type Sender interface {
	Send(ctx context.Context, n notice.Notice) error
}

// A Config names what a Queue needs.
type Config struct {
	// Pool signs in as sceau_staff. Run keeps two of its connections.
	Pool *pgxpool.Pool
	// Logger is told of failures, by codes.
	Logger *slog.Logger
	// Channels may be empty: then notices call nobody.
	Channels []Channel
	// Count is told what became of each try, one of Outcomes. It may be nil.
	Count func(k notice.Kind, outcome string)
}

// What becomes of a try.
const (
	Delivered = "delivered"
	Failed    = "failed"
	Dropped   = "dropped" // nobody has to look any more
)

// Outcomes lists what can become of a try.
var Outcomes = []string{Delivered, Failed, Dropped}

// A Queue takes notices, keeps them, and delivers them.
type Queue struct {
	cfg     Config
	client  *river.Client[pgx.Tx]
	failing sync.Map // names of channels whose last try failed
}

// New refuses to work without a database. It connects to nothing.
func New(cfg Config) (*Queue, error) {
	if cfg.Pool == nil || cfg.Logger == nil {
		return nil, errors.New("the queue of notices needs a database and a logger")
	}
	if cfg.Count == nil {
		cfg.Count = func(notice.Kind, string) {}
	}
	q := &Queue{cfg: cfg}
	lanes, err := lanesOf(cfg.Channels)
	if err != nil {
		return nil, err
	}
	workers := river.NewWorkers()
	river.AddWorker(workers, &caller{queue: q})
	river.AddWorker(workers, &deliverer{queue: q})
	q.client, err = river.NewClient(riverpgxv5.New(cfg.Pool), &river.Config{
		Schema:                      Schema,
		ID:                          "staff-" + uuid.NewString(), // else the machine's name, stored with each try
		Queues:                      lanes,
		Workers:                     workers,
		MaxAttempts:                 tries,
		RetryPolicy:                 patience{},
		JobTimeout:                  deliveryTime,
		RescueStuckJobsAfter:        rescueAfter,
		CompletedJobRetentionPeriod: keepFinished,
		CancelledJobRetentionPeriod: keepFinished,
		DiscardedJobRetentionPeriod: keepFinished,
		// Only a table's owner may reindex it, and no process of the service is.
		ReindexerIndexNames: []string{},
		SoftStopTimeout:     stopTime,
		Logger:              slog.New(quiet{cfg.Logger.Handler()}),
	})
	if err != nil {
		return nil, fmt.Errorf("make the queue of notices: %w", err)
	}
	return q, nil
}

// lanesOf gives each lane its workers, and refuses two channels of one name.
func lanesOf(channels []Channel) (map[string]river.QueueConfig, error) {
	lanes := map[string]river.QueueConfig{callLane: {MaxWorkers: 2}}
	names := map[string]bool{}
	for _, c := range channels {
		if c.Name == "" || c.Lane == "" || c.Lane == callLane || c.Sender == nil || names[c.Name] {
			return nil, fmt.Errorf("channel %q has no name of its own, no lane or no sender", c.Name)
		}
		names[c.Name] = true
		lanes[c.Lane] = river.QueueConfig{MaxWorkers: 4}
	}
	return lanes, nil
}

// Call adds notices to the queue in the transaction tx, of an entry's turn for
// instance: they exist exactly if it commits. A notice that is there already, or
// was in the past days, is not added again.
func (q *Queue) Call(ctx context.Context, tx pgx.Tx, notices ...notice.Notice) error {
	// Two transactions that add the same notices wait for each other's: in one
	// order, or they wait for ever.
	notices = slices.SortedFunc(slices.Values(notices), func(a, b notice.Notice) int { return strings.Compare(a.Key(), b.Key()) })
	params := make([]river.InsertManyParams, 0, len(notices))
	keys := map[string]bool{} // one statement cannot meet its own rows
	for _, n := range notices {
		if err := n.Check(); err != nil {
			return err
		}
		if keys[n.Key()] {
			continue
		}
		keys[n.Key()] = true
		options := &river.InsertOpts{Queue: callLane, UniqueOpts: onceEver}
		if n.At.After(time.Now()) {
			options.ScheduledAt = n.At
		}
		params = append(params, river.InsertManyParams{Args: callOf(n), InsertOpts: options})
	}
	if len(params) == 0 {
		return nil
	}
	if _, err := q.client.InsertManyTx(ctx, tx, params); err != nil {
		return fmt.Errorf("queue a notice: %w", err)
	}
	return nil
}

// onceEver: by the key, whatever has become of the first.
var onceEver = river.UniqueOpts{ByArgs: true, ByState: rivertype.JobStates()}
