package pgstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/sceau-project/sceau/notice"
)

// callLane is the lane of notices that have not become deliveries yet: what
// hangs elsewhere does not delay it.
const callLane = "calls"

// stored is what the queue's tables hold of a notice: ids, codes and a time.
type stored struct {
	Kind notice.Kind `json:"kind"`
	ID   string      `json:"id"`
	At   time.Time   `json:"at"`
	Unit string      `json:"unit,omitempty"`
}

func (s stored) notice() notice.Notice {
	return notice.Notice{Kind: s.Kind, ID: s.ID, At: s.At, Unit: s.Unit}
}

// A call is a notice whose channels are not determined yet.
type call struct {
	Key    string `json:"key" river:"unique"`
	Notice stored `json:"notice"`
}

func (call) Kind() string { return "call" }

func callOf(n notice.Notice) call {
	return call{Key: n.Key(), Notice: stored{Kind: n.Kind, ID: n.ID, At: n.At.UTC(), Unit: n.Unit}}
}

// A delivery is a notice on one channel.
type delivery struct {
	Key     string `json:"key" river:"unique"`
	Channel string `json:"channel"`
	Notice  stored `json:"notice"`
}

func (delivery) Kind() string { return "delivery" }

// errMoot ends a job: nobody needs to look any more.
var errMoot = errors.New("nothing waits any more")

// caller turns a call into deliveries.
type caller struct {
	river.WorkerDefaults[call]
	queue *Queue
}

func (w *caller) Work(ctx context.Context, job *river.Job[call]) error {
	q, n := w.queue, job.Args.Notice.notice()
	if err := q.still(ctx, n); err != nil {
		return err
	}
	var params []river.InsertManyParams
	for _, c := range q.cfg.Channels {
		if !slices.ContainsFunc(n.Kind.Roles(), func(role string) bool { return slices.Contains(c.Roles, role) }) {
			continue
		}
		params = append(params, river.InsertManyParams{
			Args:       delivery{Key: n.Key() + " " + c.Name, Channel: c.Name, Notice: job.Args.Notice},
			InsertOpts: &river.InsertOpts{Queue: c.Lane, UniqueOpts: onceEver},
		})
	}
	if len(params) == 0 {
		return nil
	}
	// Not one transaction with the end of this job: done again after a crash, it
	// finds the deliveries that are there.
	if _, err := q.client.InsertMany(ctx, params); err != nil {
		return &notice.Failure{Code: "database"}
	}
	return nil
}

// deliverer hands a notice to its channel.
type deliverer struct {
	river.WorkerDefaults[delivery]
	queue *Queue
}

func (w *deliverer) Work(ctx context.Context, job *river.Job[delivery]) error {
	q, n := w.queue, job.Args.Notice.notice()
	if err := q.still(ctx, n); err != nil {
		return err
	}
	at := slices.IndexFunc(q.cfg.Channels, func(c Channel) bool { return c.Name == job.Args.Channel })
	if at < 0 {
		// Another process of another configuration may know it: tried again, not dropped.
		return q.failed(n, job.Args.Channel, &notice.Failure{Code: "channel_unknown"})
	}
	if err := q.cfg.Channels[at].Sender.Send(ctx, n); err != nil {
		return q.failed(n, job.Args.Channel, err)
	}
	q.cfg.Count(n.Kind, Delivered)
	q.recovered(job.Args.Channel)
	return nil
}

// still returns nil while somebody has to look at what n names.
func (q *Queue) still(ctx context.Context, n notice.Notice) error {
	waits, err := matters(ctx, q.cfg.Pool, n)
	if err != nil {
		return &notice.Failure{Code: "database"}
	}
	if !waits {
		q.cfg.Count(n.Kind, Dropped)
		return river.JobCancel(errMoot)
	}
	return nil
}

// failed counts a failure, logs it when it is the channel's first in a row, and
// returns what may be stored of it: an error of another kind could hold what the
// other side answered.
func (q *Queue) failed(n notice.Notice, channel string, err error) error {
	var failure *notice.Failure
	if !errors.As(err, &failure) {
		failure = &notice.Failure{Code: "failed"}
	}
	q.cfg.Count(n.Kind, Failed)
	if _, before := q.failing.LoadOrStore(channel, true); !before {
		q.cfg.Logger.Warn("a notice could not be delivered; it is tried again", "channel", channel, "kind", string(n.Kind), "error", failure.Error())
	}
	return failure
}

func (q *Queue) recovered(channel string) {
	if _, before := q.failing.LoadAndDelete(channel); before {
		q.cfg.Logger.Info("notices are delivered again", "channel", channel)
	}
}

// patience doubles the wait after each try, from a second to five minutes.
type patience struct{}

const longestWait = 5 * time.Minute

func (patience) NextRetry(job *rivertype.JobRow) time.Time {
	wait := longestWait
	if doubled := job.Attempt - 1; doubled >= 0 && doubled < 8 {
		wait = time.Second << doubled
	}
	// Spread by the job's number, so that a receiver that comes back is not met by all at once.
	spread := wait / 8 * time.Duration(job.ID%8) / 8
	return time.Now().Add(wait + spread)
}
