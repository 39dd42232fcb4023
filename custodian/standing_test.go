package custodian_test

import (
	"bytes"
	"context"
	"fmt"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/custodian/order"
	"github.com/sceau-project/sceau/policy"
	staffstore "github.com/sceau-project/sceau/staff/pgstore"
)

// everyOrder gives each order that a member of staff can give, and fails the test
// unless each is refused with this code.
func (w *world) everyOrder(what string, p person, k talk, r string, code string) {
	w.t.Helper()
	ctx := context.Background()
	_, err := w.client.OpenSession(ctx, order.OpenSession{Caller: p.caller(), Case: k.id})
	w.refused(what+": reading", err, code)
	_, err = w.client.Evidence(ctx, order.ReadEvidence{Caller: p.caller(), Escalation: r})
	w.refused(what+": evidence", err, code)
	_, err = w.release(p.caller(), r, "name")
	w.refused(what+": a release", err, code)
	_, err = w.client.Confirm(ctx, order.Confirm{Caller: p.caller(), Escalation: r, Request: audit.Hash{}.String()})
	w.refused(what+": a confirmation", err, code)
}

// A suspended human orders nothing, under any account, whatever whoever owns
// PostgreSQL makes of the rows.
func TestASuspendedPersonOrdersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	agent, _, k, r := w.granted("name")
	other := w.hire("amal-bis", "P-A", "supervisor") // the same human
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	_, err = staffstore.Suspend(ctx, w.log(audit.ViaOperator), agent.Person, "misconduct")
	w.must(err)
	before := len(w.vaultReads(k))
	w.everyOrder("suspended", agent, k, r.ID, policy.ReasonStaffSuspended)
	_, err = w.unwrap(agent.caller(), k, session.Session, 0, 1)
	if refusalCode(err) != policy.ReasonStaffSuspended && refusalCode(err) != order.CodeSession {
		t.Errorf("the open session: %v", err)
	}

	w.exec(`DELETE FROM sceau.suspensions`)
	w.exec(`UPDATE sceau.staff_sessions SET ended_at = NULL`)
	w.everyOrder("the row is gone", agent, k, r.ID, policy.ReasonStaffSuspended)
	w.everyOrder("another account", other, k, r.ID, policy.ReasonStaffSuspended)
	w.restart()
	w.everyOrder("after a restart", agent, k, r.ID, policy.ReasonStaffSuspended)
	if reads := w.vaultReads(k); len(reads) != before {
		t.Errorf("Vault was read: %q", reads)
	}

	// Restored, by an entry too: they may work again. What they were granted stays
	// ended, though no sweeper was there to say so.
	w.exec(`INSERT INTO sceau.suspensions (person_id, suspended_seq)
		SELECT subject_id, seq FROM sceau.entries WHERE action = 'staff.suspended'`)
	_, err = staffstore.Restore(ctx, w.log(audit.ViaOperator), agent.Person)
	w.must(err)
	w.exec(`UPDATE sceau.staff_sessions SET ended_at = NULL`)
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("what was granted before", err, policy.ReasonWrongState)
	w.restart()
	_, err = w.release(agent.caller(), r.ID, "name")
	w.refused("after another restart", err, policy.ReasonWrongState)
	_, _, err = w.read(agent.caller(), k)
	w.must(err)
}

// The key of a reading session is forgotten though nobody asks for an unwrap.
func TestASuspensionForgetsKeysAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	agent, _, k, _ := w.granted("name")
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	_, err = staffstore.Suspend(ctx, w.log(audit.ViaOperator), agent.Person, "left")
	w.must(err)
	w.eventually("no session is open", func() bool { return w.metric("sceau_custodian_reading_sessions") == 0 })
	w.exec(`DELETE FROM sceau.suspensions`)
	w.exec(`UPDATE sceau.staff_sessions SET ended_at = NULL`)
	_, err = w.unwrap(agent.caller(), k, session.Session, 0, 1)
	w.refused("the session", err, order.CodeSession)
}

// A session that was signed out orders nothing, though its token has hours to live
// and its row says that it goes on.
func TestASignedOutSessionOrdersNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, k, r := w.granted("name")
	_, session, err := w.read(agent.caller(), k)
	w.must(err)
	_, err = w.staffLog.Append(context.Background(), pglog.Draft{Actor: agent.Actor, Action: audit.ActionStaffSignedOut})
	w.must(err)
	w.everyOrder("signed out", agent, k, r.ID, order.CodeTokenExpired)
	_, err = w.unwrap(agent.caller(), k, session.Session, 0, 1)
	if refusalCode(err) != order.CodeTokenExpired && refusalCode(err) != order.CodeSession {
		t.Errorf("the open session: %v", err)
	}
}

// The newest activation holds though whoever owns PostgreSQL hides it.
func TestAHiddenActivationHolds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	agent, _, _, r := w.granted("name")
	stricter := w.activateChanged(func(s policy.Sources) { numbers(s)["read_for_s"] = 1800 })
	_, err := w.release(agent.caller(), r.ID, "name")
	w.refused("under the stricter policy", err, policy.ReasonGrantBeyondPolicy)
	w.full()
	for what, sql := range map[string]string{
		"another action beside it": `UPDATE sceau.entries SET action = 'log.exported' WHERE subject_id = '` + stricter + `';`,
		"without its bundle":       `DELETE FROM sceau.policy_bundles WHERE revision = '` + stricter + `';`,
	} {
		w.tamper(sql)
		got, err := w.release(agent.caller(), r.ID, "name")
		if err == nil || len(got.Keys) != 0 {
			t.Errorf("%s: released %d keys", what, len(got.Keys))
		}
	}
	w.restart()
	got, err := w.release(agent.caller(), r.ID, "name")
	if err == nil || len(got.Keys) != 0 {
		t.Errorf("after a restart: released %d keys", len(got.Keys))
	}
}

// Whoever owns PostgreSQL has a suspended human sign in as another: rows, and the entry
// of signing in too, name a person whom nobody suspended. The chain was followed.
func TestASuspendedPersonIsNobodyElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := context.Background()
	amal, k := w.hire("amal", "P-A", "agent"), w.open("Secret")
	w.join(amal, k)
	_, err := staffstore.Suspend(ctx, w.log(audit.ViaOperator), amal.Person, "misconduct")
	w.must(err)
	_, _, err = w.read(amal.caller(), k)
	w.refused("suspended", err, policy.ReasonStaffSuspended)

	var seq int64
	var leaf []byte
	w.must(w.Super.QueryRow(ctx, `SELECT seq, leaf FROM sceau.entries WHERE action = 'staff.signed_in' AND actor_id = $1`, amal.ID).Scan(&seq, &leaf))
	leaf = bytes.ReplaceAll(leaf, []byte(`"person":"`+amal.Person+`"`), []byte(`"person":"p-P-X"`))
	hash := audit.LeafHash(leaf)
	w.tamper(fmt.Sprintf(`UPDATE sceau.entries SET leaf = '\x%x', hash = '\x%x' WHERE seq = %d;`, leaf, hash[:], seq))
	w.exec(`UPDATE sceau.persons SET claim = 'P-A-was' WHERE person_id = $1`, amal.Person)
	w.exec(`INSERT INTO sceau.persons SELECT 'p-P-X', issuer, 'P-A' FROM sceau.persons WHERE person_id = $1`, amal.Person)
	w.exec(`UPDATE sceau.staff SET person_id = 'p-P-X' WHERE staff_id = $1`, amal.ID)
	w.exec(`UPDATE sceau.staff_sessions SET ended_at = NULL`)
	_, _, err = w.read(amal.caller(), k)
	w.refused("suspended, by another name", err, order.CodeAltered)
}
