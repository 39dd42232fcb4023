package pglog_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// A cutter breaks the log's connection at a COMMIT.
type cutter struct {
	mode atomic.Int32
	cuts atomic.Int32
}

const (
	whole       = iota
	beforeSend  // COMMIT never reaches the server: not persisted
	afterAnswer // the server has answered, the answer is lost: persisted
)

// commitStatement is the name under which pgx has prepared COMMIT: in the
// messages of all but the first, the name stands for the text.
var commitStatement = func() []byte {
	sum := sha256.Sum256([]byte("COMMIT"))
	return []byte("stmtcache_" + hex.EncodeToString(sum[:24]))
}()

func (c *cutter) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	conn, err := new(net.Dialer).DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &cutConn{Conn: conn, c: c}, nil
}

type cutConn struct {
	net.Conn
	c    *cutter
	lose atomic.Bool
}

func (c *cutConn) Write(p []byte) (int, error) {
	if bytes.Contains(p, commitStatement) && !bytes.Contains(p, []byte("COMMIT")) {
		switch c.c.mode.Swap(whole) {
		case beforeSend:
			c.c.cuts.Add(1)
			c.Conn.Close()
			return 0, errors.New("cut")
		case afterAnswer:
			c.c.cuts.Add(1)
			c.lose.Store(true)
		}
	}
	return c.Conn.Write(p)
}

func (c *cutConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.lose.Load() && err == nil {
		c.Conn.Close()
		return 0, errors.New("cut")
	}
	return n, err
}

// on puts the log's connections under the knife: it makes them as its pool
// would.
func (c *cutter) on(t *testing.T) func(*pglog.Config) {
	return func(cfg *pglog.Config) {
		pc := cfg.Pool.Config()
		pc.ConnConfig.DialFunc = c.dial
		pool, err := pgxpool.NewWithConfig(t.Context(), pc)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		cfg.Pool = pool
	}
}

// Both sides of the crash point: whether or not the COMMIT came through, each
// caller is told the truth, and each entry is in the log once.
func TestCommitWhoseAnswerIsLost(t *testing.T) {
	for name, mode := range map[string]int32{"not persisted": beforeSend, "persisted, but the answer was lost": afterAnswer} {
		t.Run(name, func(t *testing.T) {
			db := pgtest.New(t)
			c := new(cutter)
			l := open(t, db, audit.ViaStaff, c.on(t))
			if _, err := l.Append(t.Context(), signedIn(0)); err != nil { // prepares COMMIT
				t.Fatal(err)
			}
			for round := range 5 {
				c.mode.Store(mode)
				var wg sync.WaitGroup
				for n := range 10 {
					wg.Go(func() {
						ref, err := l.Append(t.Context(), signedIn(n))
						if err != nil {
							t.Error(err)
							return
						}
						r, err := pglog.At(t.Context(), db.Super, ref.Seq)
						if err != nil || r.Hash != ref.Hash || r.Actor.ID != signedIn(n).Actor.ID {
							t.Errorf("entry %d is not the one its caller was told of: %v", ref.Seq, err)
						}
					})
				}
				wg.Go(func() {
					who := fmt.Sprintf("round %d", round)
					_, err := l.Do(t.Context(), pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
						if err := note(ctx, turn, who); err != nil {
							return nil, err
						}
						_, err := turn.Append(signedIn(round))
						return nil, err
					})
					if err != nil || !noted(t, db, who) {
						t.Errorf("the effect: %v, its state is there: %v", err, noted(t, db, who))
					}
				})
				wg.Wait()
			}
			if n := entries(t, db); n != 1+5*11 {
				t.Errorf("%d entries, want %d: some lost or doubled", n, 1+5*11)
			}
			if n := c.cuts.Load(); n != 5 {
				t.Errorf("%d connections were cut: this test has lost its knife", n)
			}
		})
	}
}

// Backends die at any moment, under load.
func TestBackendsKilledUnderLoad(t *testing.T) {
	db := pgtest.New(t)
	a, b := open(t, db, audit.ViaStaff), open(t, db, audit.ViaStaff)
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()

	type told struct {
		ref pglog.Ref
		err error
	}
	var mu sync.Mutex
	answers := make(map[string]told)
	var wg sync.WaitGroup
	for n := range 24 {
		wg.Go(func() {
			l := a
			if n%2 == 1 {
				l = b
			}
			for i := 0; ctx.Err() == nil; i++ {
				mark := fmt.Sprintf("%d-%d", n, i)
				d := signedIn(n)
				d.Details = audit.Details{"mark": mark}
				ref, err := l.Append(context.WithoutCancel(ctx), d)
				mu.Lock()
				answers[mark] = told{ref, err}
				mu.Unlock()
			}
		})
	}
	killed, enough := 0, time.Now().Add(2*time.Second)
	for ctx.Err() == nil {
		// On a busy machine nothing comes through between two deaths so close to each other.
		if killed >= 10 && time.Now().After(enough) && entries(t, db) >= 100 {
			stop()
			break
		}
		var n int
		err := db.Super.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE usename = 'sceau_staff' AND datname = current_database()`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		killed += n
		select {
		case <-ctx.Done():
		case <-time.After(time.Duration(30+killed%8*40) * time.Millisecond):
		}
	}
	wg.Wait()

	stored := make(map[string]pglog.Record)
	for r, err := range pglog.Entries(t.Context(), db.Super, pglog.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		mark, _ := r.Details["mark"].(string)
		if _, twice := stored[mark]; twice {
			t.Errorf("%s is in the log twice", mark)
		}
		stored[mark] = r
	}
	failed := 0
	for mark, a := range answers {
		r, there := stored[mark]
		switch {
		case a.err == nil && (!there || r.Hash != a.ref.Hash || r.Seq != a.ref.Seq):
			t.Errorf("%s was acknowledged as %d and is not there", mark, a.ref.Seq)
		case a.err != nil && !errors.Is(a.err, pglog.ErrUnavailable):
			t.Errorf("%s: %v", mark, a.err)
		case a.err != nil && !errors.Is(a.err, pglog.ErrUnknownOutcome) && there:
			t.Errorf("%s was refused (%v) and is there", mark, a.err)
		case a.err != nil:
			failed++
		}
	}
	t.Logf("%d backends killed, %d entries, %d refused", killed, len(stored), failed)
	if killed < 10 || len(stored) < 100 {
		t.Errorf("%d backends killed, %d entries: too few to mean anything", killed, len(stored))
	}
}

// The server dies with all its buffers: what was acknowledged is there when it
// is back, and the log goes on without a restart of ours.
func TestServerKilledUnderLoad(t *testing.T) {
	srv := pgtest.NewServer(t)
	l := open(t, srv.DB, audit.ViaStaff, func(cfg *pglog.Config) { cfg.ResolveTimeout = 2 * time.Second })
	ctx, stop := context.WithCancel(t.Context())
	var mu sync.Mutex
	var refs []pglog.Ref
	var wg sync.WaitGroup
	enough := make(chan struct{})
	var once sync.Once
	for n := range 16 {
		wg.Go(func() {
			for ctx.Err() == nil {
				ref, err := l.Append(ctx, signedIn(n))
				if err != nil {
					if ctx.Err() == nil && !errors.Is(err, pglog.ErrUnavailable) {
						t.Error(err)
					}
					return
				}
				mu.Lock()
				if refs = append(refs, ref); len(refs) == 200 {
					once.Do(func() { close(enough) })
				}
				mu.Unlock()
			}
		})
	}
	<-enough
	srv.Postgres.Kill()
	if _, err := l.Append(t.Context(), signedIn(1)); !errors.Is(err, pglog.ErrUnavailable) {
		t.Errorf("without a server: %v", err)
	}
	stop()
	wg.Wait()
	if err := srv.Postgres.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Errorf("after the restart: %v", err)
	}
	for _, ref := range refs {
		r, err := pglog.At(t.Context(), srv.Super, ref.Seq)
		if err != nil || r.Hash != ref.Hash {
			t.Fatalf("acknowledged entry %d is not there: %v", ref.Seq, err)
		}
	}
}
