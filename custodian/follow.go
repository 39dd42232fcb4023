package custodian

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/policy"
)

const (
	// followPage is how many entries one query brings: some 5 ms of work.
	followPage = 1024
	// followInTurn is how many entries may be left to follow while the head is
	// locked, when everybody waits. They were followed just before: only what was
	// appended since is left.
	followInTurn = 2 * followPage
	// followEvery is how often the log is followed when nobody orders anything:
	// what is seen cannot be taken back later without being noticed.
	followEvery = time.Second
	// followTell is how often the operator is told of a long way.
	followTell = 5 * time.Second
)

// errBehindLog means that the log is still being read from its beginning.
var errBehindLog = errors.New("the custodian still follows the log")

// A follower keeps the trail of the log in PostgreSQL, in step with it.
type follower struct {
	memory *memory
	logger *slog.Logger
	reader chan struct{} // holds one token: outside of turns, one reads on at a time

	mu    sync.Mutex // never held while PostgreSQL is asked
	trail *trail
	end   int64 // where PostgreSQL last said that the log ends
}

func newFollower(origin string, pinned policy.Verification, m *memory, l *slog.Logger) *follower {
	f := &follower{memory: m, logger: l, reader: make(chan struct{}, 1), trail: newTrail(origin, pinned)}
	f.reader <- struct{}{}
	return f
}

// position is where the trail stands: the number of the next entry, and the
// hash of the last.
func (f *follower) position() (next int64, head audit.Hash) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trail.next, f.trail.head
}

// of is the digest of a case's entries below next.
func (f *follower) of(caseID string) (digest audit.Hash, next int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trail.of(caseID), f.trail.next
}

// keepUp follows the log to its end, outside of turns, and tells its time. In
// the usual case that is one query.
func (f *follower) keepUp(ctx context.Context, q querier) (at time.Time, err error) {
	end, err := f.look(ctx, q)
	if err != nil || !end.further {
		return end.at, err
	}
	select {
	case <-f.reader:
		defer func() { f.reader <- struct{}{} }()
	case <-ctx.Done():
		return end.at, fmt.Errorf("%w: %w", errBehindLog, ctx.Err())
	}
	told := time.Now()
	for ctx.Err() == nil {
		done, err := f.readPage(ctx, q, end)
		if err != nil || done {
			return end.at, err
		}
		if time.Since(told) > followTell {
			told = time.Now()
			next, _ := f.position()
			f.logger.Info("following the log", "entry", next, "of", end.next)
		}
	}
	return end.at, fmt.Errorf("%w: %w", errBehindLog, ctx.Err())
}

// keepUpInTurn follows the log to its end while the head is locked: after it,
// the trail is the log, but for what the turn's own batch is about to write.
func (f *follower) keepUpInTurn(ctx context.Context, q querier) error {
	end, err := f.look(ctx, q)
	if err != nil || !end.further {
		return err
	}
	if next, _ := f.position(); end.next-next > followInTurn {
		return fmt.Errorf("%w: from %d to %d", errBehindLog, next, end.next)
	}
	for {
		done, err := f.readPage(ctx, q, end)
		if err != nil || done {
			return err
		}
	}
}

// An ending is where PostgreSQL says that the log ends.
type ending struct {
	next    int64  // number of the next entry
	hash    []byte // of the last
	at      time.Time
	further bool  // than the trail was followed
	was     *seen // remembered when PostgreSQL was asked
}

// look checks, in one round trip, that the log still holds the end of the trail
// and what is remembered, and says where it ends.
func (f *follower) look(ctx context.Context, q querier) (ending, error) {
	// Before PostgreSQL is asked: both may move meanwhile.
	next, head := f.position()
	e := ending{was: f.memory.recall()}
	var stored []byte
	err := q.QueryRow(ctx, `
		SELECT h.seq, h.hash, e.hash, greatest(clock_timestamp(), h.at)
		FROM sceau.log_head h LEFT JOIN sceau.entries e ON e.seq = $1`, next-1).Scan(&e.next, &e.hash, &stored, &e.at)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return e, fmt.Errorf("%w: it has no head", errRolledBack)
	case err != nil:
		return e, fmt.Errorf("%w: looking at the head of the log: %w", errDatabase, err)
	case e.was != nil && e.next <= e.was.Seq:
		return e, fmt.Errorf("%w: entry %d was seen and is missing", errRolledBack, e.was.Seq)
	case e.next < next, next > 0 && !bytes.Equal(stored, head[:]), e.next == next && !bytes.Equal(e.hash, head[:]):
		return e, fmt.Errorf("%w: entry %d was followed and is missing or another", errRolledBack, next-1)
	}
	e.further = e.next > next
	f.mu.Lock()
	f.end = max(f.end, e.next)
	f.mu.Unlock()
	return e, nil
}

// way is how many entries were followed, of how many there are.
func (f *follower) way() (done, of int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.trail.next, f.end
}

// readPage follows what one query brings, and says whether the trail has
// reached the end. Others may follow the same entries at the same time.
func (f *follower) readPage(ctx context.Context, q querier, end ending) (done bool, err error) {
	next, _ := f.position()
	if next >= end.next {
		return true, nil // while this one waited, another went further
	}
	rows, err := q.Query(ctx, `
		SELECT seq, leaf FROM sceau.entries WHERE seq >= $1 AND seq < $2 ORDER BY seq LIMIT $3`, next, end.next, followPage)
	if err != nil {
		return false, fmt.Errorf("%w: following the log: %w", errDatabase, err)
	}
	type entry struct {
		seq  int64
		leaf []byte
	}
	page, err := pgx.AppendRows(make([]entry, 0, min(end.next-next, followPage)), rows, func(row pgx.CollectableRow) (e entry, err error) {
		return e, row.Scan(&e.seq, &e.leaf)
	})
	if err != nil {
		return false, fmt.Errorf("%w: following the log: %w", errDatabase, err)
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	t := f.trail
	for _, e := range page {
		if e.seq < t.next && e.seq >= next {
			continue // another was quicker
		}
		if err := t.extend(e.seq, e.leaf, end.was); err != nil {
			return false, err
		}
	}
	switch {
	case t.next < end.next && t.next == next:
		return false, fmt.Errorf("%w: entry %d is missing", errLogAltered, next)
	case t.next < end.next:
		return false, nil
	case t.next == end.next && !bytes.Equal(end.hash, t.head[:]):
		return false, fmt.Errorf("%w: the head is not the last entry's", errLogAltered)
	}
	f.memory.note(seen{Seq: t.next - 1, Hash: t.head})
	return true, nil
}

// follow keeps up with the log for as long as the process lives, and tells the
// operator when the log stops being the one that was seen.
func (c *Custodian) follow(ctx context.Context) {
	var said string
	if c.memory.recall() == nil {
		c.logger.Warn("no head of the log is remembered: the log is taken as it is found", "origin", c.log.Origin())
	}
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	for {
		_, err := c.lookAround(ctx)
		if err == nil {
			err = c.memory.keep()
		}
		c.forgetEnded()
		c.destroyer.poke()
		if ctx.Err() != nil {
			return
		}
		now := ""
		if err != nil {
			now = refusal(err).Code
		}
		switch {
		case now == said:
		case errors.Is(err, errRolledBack), errors.Is(err, errLogAltered):
			c.logger.Error("PostgreSQL lost or replaced entries: every order is refused until you have found out why; "+
				"to go on with the log as it is now, remove the file and restart", "file", c.memory.path, "cause", err)
		case err != nil:
			c.logger.Warn("following the log failed", "code", now, "error", err)
		case said != "":
			c.logger.Info("the log is followed again")
		}
		said = now
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// held reads the entries of a case as far as the log was followed, and holds
// them to what they were when they were followed.
func (c *Custodian) held(ctx context.Context, q querier, caseID string) ([]pglog.Record, error) {
	want, next := c.followed.of(caseID)
	records, err := pglog.ByCase(ctx, q, caseID, 0)
	if err != nil {
		return nil, err
	}
	var digest audit.Hash
	for i, r := range records {
		if r.Seq >= next {
			// Outside of a turn, what came after the order looked around; in one,
			// nothing, unless somebody put a row beyond the head.
			records = records[:i]
			break
		}
		digest = digestNext(digest, r.Hash)
	}
	if digest != want {
		return nil, fmt.Errorf("%w: the entries of a case are not those that were followed", errLogAltered)
	}
	return records, nil
}
