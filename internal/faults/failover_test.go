package faults_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	conversationstore "github.com/sceau-project/sceau/conversation/pgstore"
	"github.com/sceau-project/sceau/internal/devstack"
)

// followed starts a world with a standby that everybody's connection string names.
func followed(r *trial) (*world, *standby) {
	r.Helper()
	w := newWorld(r, func(*devstack.PostgresConfig) {}, func(w *world) {
		w.hosts = []string{w.server.Postgres.SocketDir, w.standbySocket("standby")}
	})
	w.allowReplication()
	return w, w.follow("standby")
}

// TestFailover: the server dies in the middle of what people do, its synchronous
// standby is promoted, and everybody goes on with it by themselves: nothing that
// was acknowledged is lost, the log has one continuation, and the custodian takes
// the new server for the old.
func TestFailover(t *testing.T) {
	needServers(t)
	begin(t).anew(func(r *trial) {
		w, s := followed(r)
		w.setting("synchronous_standby_names", "standby")
		s.inSync("sync")
		c := newCrowd(w, 2)
		c.come(5, 4)
		c.until(30*time.Second, func() bool { return c.acked.Load() > 150 })
		r.wait(time.Duration(r.rng.IntN(1500)) * time.Millisecond)

		before := c.acked.Load()
		w.server.Postgres.Kill()
		s.promote()
		c.recovers(c.faces[0])
		if down := w.gate.down(); down != "" {
			r.Errorf("after the failover the custodian waits for %s", down)
		}
		c.until(5*time.Second, func() bool { return c.acked.Load() > before+50 })
		c.check()
		w.db.Tampered() // the first server is dead, and what is compared is the second
		r.count("acknowledged_before", before)
	})
}

// TestAStandbyThatLostEntries: an asynchronous standby that was behind is
// promoted. Whatever is opened then rests on a log that misses entries: the
// custodian refuses, and says why.
func TestAStandbyThatLostEntries(t *testing.T) {
	needServers(t)
	begin(t).anew(standbyThatLostEntries)
}

func standbyThatLostEntries(r *trial) {
	w, s := followed(r)
	s.inSync("async")
	c := newCrowd(w, 1)
	f := c.faces[0]
	story, err := c.granted(f)
	r.must(err)
	head := w.super(`SELECT seq FROM sceau.log_head`)[0].(int64)
	if _, ok := r.until(recovery, func() bool { seq, err := s.head(); return err == nil && seq >= head }); !ok {
		r.Fatal("the standby does not follow")
	}
	// The standby is cut off while the grant is used and closed.
	s.cutOff()
	r.must(c.release(story, w.staff["amal"], "connection"))
	lost := w.super(`SELECT seq FROM sceau.log_head`)[0].(int64) - head
	if lost < 2 {
		r.Fatalf("%d entries to lose", lost)
	}
	w.server.Postgres.Kill()
	s.promote()
	w.refusesALogThatLostEntries(c, story)
	r.count("entries_lost", lost)
	w.db.Tampered()
}

// TestACommitThatNoStandbyHas: the standby does not answer, so commits wait, and
// those waits are cut short: the connection is ended, the wait is cancelled, a
// time is up. What was written is then on the first server only, where everybody
// can see it. Whoever is told that it is written must not lose it when the standby
// takes over.
func TestACommitThatNoStandbyHas(t *testing.T) {
	needServers(t)
	begin(t).anew(commitThatNoStandbyHas)
}

func commitThatNoStandbyHas(r *trial) {
	w, s := followed(r)
	w.setting("synchronous_standby_names", "standby")
	s.inSync("sync")
	c := newCrowd(w, 2)
	story, err := c.begun(c.faces[0], w.staff["amal"])
	r.must(err)

	// Nothing reaches the standby from here on.
	s.cutOff()
	var waiting sync.WaitGroup
	once := pglog.Idempotency{Actor: "somebody", Key: key(), Body: []byte("once")}
	var said conversationstore.Written
	waiting.Go(func() {
		k := key()
		if err := c.act("write", func(ctx context.Context) (err error) {
			said, err = c.faces[0].public.WriteAsMinor(ctx, story.id, k, "Vous êtes là ?")
			return err
		}); err != nil {
			r.Error(err)
		}
	})
	draft := func(name string) pglog.Draft {
		return pglog.Draft{Actor: w.staff["amal"].Actor, Action: audit.ActionStaffSignedIn, Details: audit.Details{"mark": name}}
	}
	for i, f := range c.faces {
		waiting.Go(func() {
			name := fmt.Sprint("plain ", i)
			ref, err := f.log.Append(c.ctx, draft(name))
			c.mark(name, ref, err)
		})
		// The same request through both, as when a client comes again elsewhere.
		waiting.Go(func() {
			err := c.act("repeat", func(ctx context.Context) error {
				answer, err := f.log.Do(ctx, once, func(_ context.Context, turn *pglog.Turn) (any, error) {
					return turn.Append(draft("once"))
				})
				if err != nil {
					return err
				}
				var ref pglog.Ref
				if err := answer.Decode(&ref); err != nil {
					return err
				}
				c.mark("once", ref, nil)
				return nil
			})
			if err != nil {
				r.Error(err)
			}
		})
	}
	// Those who wait are cut short, in turns, messages among them.
	cut := int64(0)
	for i := range 5 {
		r.wait(1300 * time.Millisecond)
		how := []string{"pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
			"pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'"}[i%2]
		row := w.super(`SELECT count(` + how)
		cut += row[0].(int64)
	}
	w.server.Postgres.Kill()
	s.promote()
	waiting.Wait()
	if r.count("cut", cut); cut < 3 {
		r.Errorf("%d waits were cut short: this test has lost its knife", cut)
	}
	story.said[said.Position] = "Vous êtes là ?"
	c.check()
	w.db.Tampered()
}

// mark remembers what was said of an entry that carries a name.
func (c *crowd) mark(name string, ref pglog.Ref, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.marks[name] = mark{ref, err}
}
