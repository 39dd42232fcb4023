package custodian_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sceau-project/sceau/custodian"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// Vault is asked in time and answers too late: the process stood still.
func TestALateAnswerOfVaultIsNotUsed(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32 // how often the clock was read since the intent; below 0 it is right
	asked.Store(-1 << 30)
	w := newWorldOn(t, pgtest.New(t), func(c *custodian.Config) {
		c.Now = func() time.Time {
			if asked.Add(1) > 1 {
				return time.Now().Add(5100 * time.Millisecond)
			}
			return time.Now()
		}
		c.Reached = func(s custodian.Step) {
			if s == custodian.StepIntentDurable && asked.Load() > -1<<29 {
				asked.Store(0)
			}
		}
	})
	agent, _, _, r := w.granted("name")
	asked.Store(-1 << 28)
	got, err := w.release(agent.caller(), r.ID, "name")
	w.refused("a key that came late", err, order.CodeTooLate)
	if len(got.Keys) != 0 {
		t.Error("keys were answered")
	}
}

// One role per session: neither the order nor an old session gives another.
func TestARoleIsTheTokensAndTheSessions(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	_, supervisor, k, r := w.granted("name")
	roles := func(all ...string) order.Caller {
		return w.changed(supervisor, func(c map[string]any) { c["groups"] = all })
	}
	// The session was a supervisor's; whoever signs tokens has taken that away.
	_, err := w.client.Evidence(ctx, order.ReadEvidence{Caller: roles("agent"), Escalation: r.ID})
	w.refused("a role that the token has no more", err, order.CodeRoleInvalid)
	// The token allows both; this session is a supervisor's.
	both := roles("agent", "supervisor")
	both.Role = "agent"
	_, err = w.client.OpenSession(ctx, order.OpenSession{Caller: both, Case: k.id})
	w.refused("another role than the session's", err, order.CodeRoleInvalid)
}

// Deadlines cannot be trusted while the clock stands behind the log.
func TestATrailingClockReleasesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	w.full()
	w.tamper(`UPDATE sceau.log_head SET at = clock_timestamp() + interval '30 seconds';`)
	before := len(w.vaultReads(k))
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("a release", err, order.CodeClock)
	if len(w.vaultReads(k)) != before {
		t.Error("Vault was read")
	}
}

// A message that came after the session began, and was recorded, is held to what
// was recorded.
func TestLaterMessagesAreHeldToTheLog(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal := w.hire("amal", "P-A", "agent")
	k := w.open("un")
	w.join(amal, k)
	_, session, err := w.read(amal.caller(), k)
	w.must(err)
	_, err = w.public.WriteAsMinor(ctx, k.id, key(), "deux")
	w.must(err)
	_, _, err = w.read(amal.caller(), k) // the custodian records the head
	w.must(err)
	w.exec(`UPDATE sceau.messages m SET ciphertext = o.ciphertext FROM sceau.messages o
		WHERE m.case_id = $1 AND o.case_id = $1 AND m.position = 2 AND o.position = 1`, k.id)
	_, err = w.client.Unwrap(ctx, session.Session, order.Unwrap{Caller: amal.caller(), From: 2, To: 3})
	w.refused("another message", err, order.CodeAltered)
}

// A supervisor sees the messages of the request, or none.
func TestAlteredEvidenceIsNotShown(t *testing.T) {
	t.Parallel()
	for name, sql := range map[string]string{
		"the cited one": `UPDATE sceau.messages m SET ciphertext = o.ciphertext FROM sceau.messages o
			WHERE m.case_id = $1 AND o.case_id = $1 AND m.position = 1 AND o.position = 2`,
		"another one": `UPDATE sceau.messages m SET ciphertext = o.ciphertext FROM sceau.messages o
			WHERE m.case_id = $1 AND o.case_id = $1 AND m.position = 2 AND o.position = 1`,
		"the last is gone": `DELETE FROM sceau.messages WHERE case_id = $1 AND position = 2`,
		"all are gone":     `DELETE FROM sceau.messages WHERE case_id = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			amal, diane := w.hire("amal", "P-A", "agent"), w.hire("diane", "P-D", "supervisor")
			k := w.open("un", "deux")
			w.join(amal, k)
			r := w.request(amal, k, "name")
			w.exec(sql, k.id)
			before := len(w.vaultReads(k))
			_, err := w.client.Evidence(context.Background(), order.ReadEvidence{Caller: diane.caller(), Escalation: r.ID})
			w.refused("evidence", err, order.CodeAltered)
			if len(w.vaultReads(k)) != before {
				t.Error("the key was read all the same")
			}
		})
	}
}
