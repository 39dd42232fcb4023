// Package bench measures what the project promises figures for, each beside a
// baseline on the same machine in the same minute: ratios can be compared
// between machines, absolute figures cannot.
package bench

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
)

// A Figure is one comparison. Ours and Baseline are medians over the rounds,
// Ratio the median of each round's ratio, Spread half the range of those ratios
// over their median.
type Figure struct {
	Name     string  `json:"name"`
	Unit     string  `json:"unit"`
	Ours     float64 `json:"ours"`
	Baseline float64 `json:"baseline"`
	Ratio    float64 `json:"ratio"`
	Spread   float64 `json:"spread"`
}

// AppendConfig says where and how long to measure appends.
type AppendConfig struct {
	StaffURL string        // sceau_staff, on a database whose log has an origin
	OwnerURL string        // sceau_owner, who may make the baseline's table
	Callers  []int         // default 1, 16, 64, 256
	Rounds   int           // default 5; each measures all three ways in turn
	Each     time.Duration // default 1.5 s
	Progress func(string)  // told each step; may be nil
}

// leafSize is the size of the entries that are measured, in bytes.
const leafSize = 400

// baselineConns bounds the connections of the one-row-per-transaction
// baseline, below PostgreSQL's default of 100 for a server: more callers share
// them, as they would in any service.
const baselineConns = 80

// Appends measures durable appends per second beside (a) the same rows
// un-chained, one per transaction, and (b) the same rows un-chained, in COPYs of
// the same batch sizes. The baselines' table has the columns, constraints and
// indexes of the log, and none of its triggers.
func Appends(ctx context.Context, cfg AppendConfig) ([]Figure, error) {
	if cfg.Callers == nil {
		cfg.Callers = []int{1, 16, 64, 256}
	}
	if cfg.Rounds == 0 {
		cfg.Rounds = 5
	}
	if cfg.Each == 0 {
		cfg.Each = 1500 * time.Millisecond
	}
	if cfg.Progress == nil {
		cfg.Progress = func(string) {}
	}
	base, err := newBaseline(ctx, cfg.OwnerURL)
	if err != nil {
		return nil, fmt.Errorf("measure appends: %w", err)
	}
	defer base.close()
	staff, err := pgxpool.New(ctx, cfg.StaffURL)
	if err != nil {
		return nil, fmt.Errorf("measure appends: %w", err)
	}
	defer staff.Close()
	log, err := pglog.Open(ctx, pglog.Config{Pool: staff, Via: audit.ViaStaff})
	if err != nil {
		return nil, fmt.Errorf("measure appends: %w", err)
	}
	defer log.Close()

	drafts := drafts()
	var figures []Figure
	for _, callers := range cfg.Callers {
		var ours, single, copied series
		for round := range cfg.Rounds {
			cfg.Progress(fmt.Sprintf("appends, %d callers, round %d of %d", callers, round+1, cfg.Rounds))
			before, err := pglog.ReadHead(ctx, staff)
			if err != nil {
				return nil, err
			}
			rate, err := measure(callers, cfg.Each, func(n int64) error {
				_, err := log.Append(ctx, drafts[n%int64(len(drafts))])
				return err
			})
			if err != nil {
				return nil, fmt.Errorf("measure appends: %w", err)
			}
			ours = append(ours, rate)
			sizes, err := batchSizes(ctx, staff, before.Next)
			if err != nil {
				return nil, err
			}
			if rate, err = base.single(ctx, callers, cfg.Each); err != nil {
				return nil, fmt.Errorf("measure single inserts: %w", err)
			}
			single = append(single, rate)
			if rate, err = base.copies(ctx, sizes, cfg.Each); err != nil {
				return nil, fmt.Errorf("measure copies: %w", err)
			}
			copied = append(copied, rate)
		}
		figures = append(figures,
			Compare(fmt.Sprintf("appends, %d callers, beside one row per transaction", callers), "entries/s", ours, single),
			Compare(fmt.Sprintf("appends, %d callers, beside COPY of the same batches", callers), "entries/s", ours, copied))
	}
	return figures, nil
}

type series []float64

func (s series) median() float64 {
	s = slices.Clone(s)
	slices.Sort(s)
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}

// Compare makes a figure of the rounds of both.
func Compare(name, unit string, ours, baseline []float64) Figure {
	ratios := make(series, len(ours))
	for i := range ours {
		ratios[i] = ours[i] / baseline[i]
	}
	return Figure{
		Name: name, Unit: unit, Ours: series(ours).median(), Baseline: series(baseline).median(), Ratio: ratios.median(),
		Spread: (slices.Max(ratios) - slices.Min(ratios)) / 2 / ratios.median(),
	}
}

// measure lets callers do work again and again for about d, and returns how
// often a second it was done.
func measure(callers int, d time.Duration, work func(n int64) error) (float64, error) {
	var n, done atomic.Int64
	var mu sync.Mutex
	var failed error
	var wg sync.WaitGroup
	start := time.Now()
	for range callers {
		wg.Go(func() {
			for time.Since(start) < d {
				if err := work(n.Add(1)); err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
					return
				}
				done.Add(1)
			}
		})
	}
	wg.Wait()
	return float64(done.Load()) / time.Since(start).Seconds(), failed
}

// drafts are entries of leafSize bytes, of 70 agents in 1,000 cases.
func drafts() []pglog.Draft {
	out := make([]pglog.Draft, 1000)
	for i := range out {
		agent := i % 70
		d := pglog.Draft{
			Actor: audit.Actor{
				ID: fmt.Sprintf("s-%016x", agent), Person: fmt.Sprintf("p-%016x", agent),
				Role: "agent", Session: fmt.Sprintf("x-%016x", agent),
			},
			Action:  audit.ActionConversationJoined,
			Case:    uuid.NewString(),
			Details: audit.Details{"pad": ""},
		}
		leaf, err := audit.Marshal(audit.Entry{
			V: audit.Version, Seq: 100000, At: time.Unix(0, 0), Via: audit.ViaStaff, Actor: d.Actor,
			Action: d.Action, Case: d.Case, Details: d.Details,
		})
		if err != nil {
			panic(err) // the draft above is wrong
		}
		d.Details["pad"] = strings.Repeat("x", leafSize-len(leaf))
		out[i] = d
	}
	return out
}

// batchSizes are those of the entries from seq on, in order: what one
// transaction wrote is one batch.
func batchSizes(ctx context.Context, q pglog.Querier, seq int64) ([]int, error) {
	rows, err := q.Query(ctx, `SELECT count(*) FROM sceau.entries WHERE seq >= $1 GROUP BY xmin::text ORDER BY min(seq)`, seq)
	if err != nil {
		return nil, fmt.Errorf("read batch sizes: %w", err)
	}
	return pgx.CollectRows(rows, pgx.RowTo[int])
}
