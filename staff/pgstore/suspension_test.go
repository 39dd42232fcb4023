package pgstore_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
)

func operatorLog(t *testing.T, db *pgtest.DB) *pglog.Log {
	t.Helper()
	log, err := pglog.Open(context.Background(), pglog.Config{Pool: db.Pool(t, "sceau_operator"), Via: audit.ViaOperator})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return log
}

func TestSignedOutIsOut(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	s, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	if err := sessions.SignOut(ctx, s.Actor); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Of(ctx, amal("one"), "agent"); !errors.Is(err, pgstore.ErrEnded) {
		t.Errorf("a session that was ended: %v", err)
	}
	if err := sessions.SignOut(ctx, s.Actor); !errors.Is(err, pgstore.ErrEnded) {
		t.Errorf("signing out twice: %v", err)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.entries WHERE action = 'staff.signed_out'`); n != 1 {
		t.Errorf("%d entries for one signing out", n)
	}
	// The account is not suspended: it may sign in again.
	if _, err := sessions.Of(ctx, amal("two"), "agent"); err != nil {
		t.Error(err)
	}
}

// Suspending is of the human: every account loses its sessions, and gets none.
func TestASuspendedPersonIsOutEverywhere(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	log := operatorLog(t, db)
	agent, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	twin := staff.Claims{Issuer: "https://id.example", Subject: "amal-superviseur", Session: "three", Person: "P-A", Roles: []string{"supervisor"}}
	if _, err := sessions.Of(ctx, twin, ""); err != nil {
		t.Fatal(err)
	}
	if err := sessions.BeOnCall(ctx, agent.Actor, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}

	if _, err := pgstore.Suspend(ctx, log, "p-nobody", "left"); !errors.Is(err, pgstore.ErrNoPerson) {
		t.Errorf("a person who does not exist: %v", err)
	}
	if _, err := pgstore.Suspend(ctx, log, agent.Actor.Person, "did something"); !errors.Is(err, pgstore.ErrNotCoded) {
		t.Errorf("free text as a reason: %v", err)
	}
	if _, err := pgstore.Suspend(ctx, log, agent.Actor.Person, "misconduct"); err != nil {
		t.Fatal(err)
	}
	for name, claims := range map[string]staff.Claims{"the same session": amal("one"), "the other account": twin} {
		if _, err := sessions.Of(ctx, claims, ""); !errors.Is(err, pgstore.ErrSuspended) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := sessions.Of(ctx, amal("four"), "agent"); !errors.Is(err, pgstore.ErrSuspended) {
		t.Errorf("a new session: %v", err)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.staff_sessions WHERE ended_at IS NULL`); n != 0 {
		t.Errorf("%d sessions go on", n)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.on_call`); n != 0 {
		t.Errorf("%d on call though suspended", n)
	}
	if err := sessions.BeOnCall(ctx, agent.Actor, time.Now().Add(time.Hour)); err == nil {
		t.Error("on call though suspended")
	}
	if _, err := pgstore.Suspend(ctx, log, agent.Actor.Person, "left"); !errors.Is(err, pgstore.ErrSuspended) {
		t.Errorf("suspending twice: %v", err)
	}

	colleagues, err := pgstore.Colleagues(ctx, db.Pool(t, "sceau_operator"))
	if err != nil || len(colleagues) != 2 || !colleagues[0].Suspended || colleagues[0].Sessions != 0 {
		t.Errorf("the operator sees %+v, %v", colleagues, err)
	}

	if _, err := pgstore.Restore(ctx, log, agent.Actor.Person); err != nil {
		t.Fatal(err)
	}
	if _, err := pgstore.Restore(ctx, log, agent.Actor.Person); !errors.Is(err, pgstore.ErrNotSuspended) {
		t.Errorf("restoring twice: %v", err)
	}
	if _, err := sessions.Of(ctx, amal("one"), "agent"); !errors.Is(err, pgstore.ErrEnded) {
		t.Errorf("a session of before: %v", err)
	}
	if _, err := sessions.Of(ctx, amal("five"), "agent"); err != nil {
		t.Errorf("signing in again: %v", err)
	}
}

// A staff face that somebody controls cannot suspend a colleague, nor end a
// suspension: neither the entry nor the row is its to write.
func TestNoFaceSuspendsOrRestores(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	log := operatorLog(t, db)
	s, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pgstore.Suspend(ctx, log, s.Actor.Person, "left"); err != nil {
		t.Fatal(err)
	}
	pool := db.Pool(t, "sceau_staff")
	for _, sql := range []string{
		`UPDATE sceau.suspensions SET restored_seq = suspended_seq + 1`,
		`DELETE FROM sceau.suspensions`,
		`INSERT INTO sceau.suspensions (person_id, suspended_seq) SELECT person_id, 1 FROM sceau.persons`,
		`UPDATE sceau.staff_sessions SET ended_at = NULL`,
		`INSERT INTO sceau.staff_sessions (session_id, issuer, sid_sha256, staff_id, role, signed_in_seq)
			SELECT 'x-new', issuer, sha256('new'), staff_id, 'supervisor', 1 FROM sceau.staff`,
	} {
		if _, err := pool.Exec(ctx, sql); err == nil {
			t.Errorf("the staff face may: %s", sql)
		}
	}
	// Nor does the operator's role point a row at an entry of something else.
	if _, err := db.Pool(t, "sceau_operator").Exec(ctx, `UPDATE sceau.suspensions SET restored_seq = suspended_seq + 1`); err == nil {
		t.Error("restored without an entry")
	}
}

// Nobody signs out at the end of a night: an operator sees the sessions in use.
func TestSessionsOfLongAgoAreNotCounted(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	for _, name := range []string{"last week", "now"} {
		if _, err := sessions.Of(ctx, amal(name), "agent"); err != nil {
			t.Fatal(err)
		}
		if name == "last week" {
			if _, err := db.Super.Exec(ctx, `UPDATE sceau.staff_sessions SET last_seen_at = now() - interval '7 days'`); err != nil {
				t.Fatal(err)
			}
		}
	}
	colleagues, err := pgstore.Colleagues(ctx, db.Pool(t, "sceau_operator"))
	if err != nil || len(colleagues) != 1 || colleagues[0].Sessions != 1 {
		t.Errorf("the operator sees %+v, %v", colleagues, err)
	}
}
