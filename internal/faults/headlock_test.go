package faults_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/devstack"
)

// refusedWithin bounds how long an entry may wait for a head that somebody holds:
// the 5 s of [pglog.Config], and one for a busy machine. The report has the longest.
const refusedWithin = 6 * time.Second

// TestForeignLockOnTheHead: a session that is none of the service's holds the
// head of the log. What needs an entry is refused in time; chat, which needs none,
// goes on; the custodian says what is the matter; and when the lock is gone so is
// all of it.
func TestForeignLockOnTheHead(t *testing.T) {
	needServers(t)
	r := begin(t)
	w := newWorld(r, func(*devstack.PostgresConfig) {}, nil)
	c := newCrowd(w, 2)
	f := c.faces[0]
	talk, err := c.granted(f)
	r.must(err)
	hold := 6 * time.Second
	if r.long > 0 {
		hold = time.Minute
	}
	r.rounds(1, func(round int) {
		if round == 0 {
			c.come(3, 2)
		}
		c.wait(time.Duration(r.rng.IntN(700)) * time.Millisecond)
		conn, err := pgx.Connect(r.Context(), w.url(devstack.Superuser))
		r.must(err)
		defer conn.Close(context.Background())
		_, err = conn.Exec(r.Context(), `SET idle_in_transaction_session_timeout = 0`)
		r.must(err)
		_, err = conn.Exec(r.Context(), `BEGIN`)
		r.must(err)
		_, err = conn.Exec(r.Context(), `SELECT 1 FROM sceau.log_head FOR UPDATE`)
		r.must(err)
		for end := time.Now().Add(hold); time.Now().Before(end); {
			began := time.Now()
			_, err := c.faces[1].log.Append(r.Context(), pglog.Draft{Actor: w.staff["bruno"].Actor, Action: audit.ActionStaffSignedIn})
			if took := time.Since(began); !errors.Is(err, pglog.ErrUnavailable) || took > refusedWithin {
				r.Errorf("an entry while the head is held: %v after %v", err, took)
			}
			r.most("refused_ms_max", time.Since(began).Milliseconds())
			began = time.Now()
			r.must(c.say(f, talk, nil, "Vous êtes toujours là ?"))
			if took := time.Since(began); took > 2*time.Second {
				r.Errorf("a message while the head is held took %v", took)
			}
			r.most("message_ms_max", time.Since(began).Milliseconds())
			if down := w.gate.down(); down != "log" {
				r.Errorf("while the head is held the custodian waits for %q, want log", down)
			}
		}
		before := w.keyReads(talk)
		began := time.Now()
		_, err = w.gate.client.Release(r.Context(), order.Release{Caller: w.staff["amal"].caller, Escalation: talk.esc,
			Facets: []string{"connection"}, IdempotencyKey: order.Secret(key())})
		if took := time.Since(began); reason(err) != order.CodePostgresDown || took > refusedWithin {
			r.Errorf("a release while the head is held: %v after %v", err, took)
		}
		if w.keyReads(talk) != before {
			r.Error("Vault was asked for a key under no entry")
		}
		_, err = conn.Exec(r.Context(), `ROLLBACK`)
		r.must(err)
		c.recovers(f)
		if _, ok := r.until(recovery, func() bool { return w.gate.down() == "" }); !ok {
			r.Errorf("the custodian still waits for %q", w.gate.down())
		}
	})
	c.check()
}
