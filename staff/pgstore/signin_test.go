package pgstore_test

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"sync"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/policy"
	"github.com/sceau-project/sceau/staff"
	"github.com/sceau-project/sceau/staff/pgstore"
)

func newSessions(t *testing.T) (*pgstore.Sessions, *pgtest.DB) {
	t.Helper()
	db := pgtest.New(t)
	pool := db.Pool(t, "sceau_staff")
	log, err := pglog.Open(context.Background(), pglog.Config{Pool: pool, Via: audit.ViaStaff})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	return pgstore.NewSessions(pool, log), db
}

func amal(session string) staff.Claims {
	return staff.Claims{
		Issuer: "https://id.example", Subject: "amal", Session: session, Person: "P-A", Unit: "rennes", Name: "Amal H.",
		Roles: []string{"agent", "supervisor"},
	}
}

// count answers a question of one number as a superuser.
func count(t *testing.T, db *pgtest.DB, question string) (n int) {
	t.Helper()
	if err := db.Super.QueryRow(context.Background(), question).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

const signedIn = `SELECT count(*) FROM sceau.entries WHERE action = 'staff.signed_in'`

func TestOneEntryForASession(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	first, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	again, err := sessions.Of(ctx, amal("one"), "")
	if err != nil || again != first {
		t.Fatalf("got %+v, %v, want %+v", again, err, first)
	}
	if n := count(t, db, signedIn); n != 1 {
		t.Errorf("%d entries for one session", n)
	}
	other, err := sessions.Of(ctx, amal("two"), "supervisor")
	if err != nil {
		t.Fatal(err)
	}
	if other.Actor.ID != first.Actor.ID || other.Actor.Person != first.Actor.Person || other.Actor.Session == first.Actor.Session {
		t.Errorf("the same account is %+v and %+v", first.Actor, other.Actor)
	}
	// The names are in these tables; no leaf holds one.
	if n := count(t, db, `SELECT count(*) FROM sceau.entries WHERE position('amal' in lower(encode(leaf, 'escape'))) > 0 OR position('P-A' in encode(leaf, 'escape')) > 0`); n != 0 {
		t.Errorf("%d leaves name somebody", n)
	}
	names, err := sessions.Names(ctx, []string{first.Actor.ID, "s-nobody"})
	if err != nil || len(names) != 1 || names[first.Actor.ID] != "Amal H." {
		t.Errorf("names: %v, %v", names, err)
	}
}

// TestSamePersonUnderAnotherAccount: two accounts, one person id: what four
// eyes count.
func TestSamePersonUnderAnotherAccount(t *testing.T) {
	ctx := context.Background()
	sessions, _ := newSessions(t)
	one, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	twin := amal("two")
	twin.Subject = "amal-superviseur"
	two, err := sessions.Of(ctx, twin, "supervisor")
	if err != nil {
		t.Fatal(err)
	}
	if one.Actor.Person != two.Actor.Person || one.Actor.ID == two.Actor.ID {
		t.Errorf("got %+v and %+v", one.Actor, two.Actor)
	}
	foreign := amal("three")
	foreign.Issuer = "https://other.example"
	three, err := sessions.Of(ctx, foreign, "agent")
	if err != nil {
		t.Fatal(err)
	}
	if three.Actor.Person == one.Actor.Person || three.Actor.ID == one.Actor.ID {
		t.Error("another issuer's claim names the same person")
	}
}

func TestRefusals(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	if _, err := sessions.Of(ctx, amal("one"), "agent"); err != nil {
		t.Fatal(err)
	}
	change := func(f func(*staff.Claims)) staff.Claims { c := amal("one"); f(&c); return c }
	tests := []struct {
		name   string
		claims staff.Claims
		asked  string
		want   error
	}{
		{"another role in the same session", amal("one"), "supervisor", pgstore.ErrRole},
		{"a role that the account lost", change(func(c *staff.Claims) { c.Roles = []string{"supervisor"} }), "", pgstore.ErrRole},
		{"another account in the same session", change(func(c *staff.Claims) { c.Subject = "bruno" }), "", pgstore.ErrChanged},
		{"another person in the same session", change(func(c *staff.Claims) { c.Person = "P-B" }), "", pgstore.ErrChanged},
		{"another person behind a known account", change(func(c *staff.Claims) { c.Person, c.Session = "P-B", "new" }), "supervisor", pgstore.ErrChanged},
		{"no role chosen", amal("new"), "", staff.ErrRoleAmbiguous},
		{"a role that the account has not", amal("new"), "inspector", staff.ErrNoRole},
	}
	before := count(t, db, signedIn)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if _, err := sessions.Of(ctx, tt.claims, tt.asked); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if after := count(t, db, signedIn); after != before {
		t.Errorf("%d entries of refused sessions", after-before)
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.persons`); n != 1 {
		t.Errorf("%d persons are known", n)
	}
	if _, err := db.Super.Exec(ctx, `UPDATE sceau.staff_sessions SET ended_at = clock_timestamp()`); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Of(ctx, amal("one"), ""); !errors.Is(err, pgstore.ErrEnded) {
		t.Errorf("an ended session: got %v", err)
	}
}

// TestFirstUseRaces: the first requests of a browser come together; the session
// is bound once, to the role of one of them.
func TestFirstUseRaces(t *testing.T) {
	sessions, db := newSessions(t)
	var wait sync.WaitGroup
	var mu sync.Mutex
	bound := map[string]bool{}
	for i := range 20 {
		role := []string{"agent", "supervisor"}[i%2]
		wait.Go(func() {
			session, err := sessions.Of(context.Background(), amal("one"), role)
			if err != nil && !errors.Is(err, pgstore.ErrRole) {
				t.Errorf("as %s: %v", role, err)
			}
			if err == nil {
				mu.Lock()
				bound[session.Actor.Session+" "+session.Actor.Role] = true
				mu.Unlock()
			}
		})
	}
	wait.Wait()
	if len(bound) != 1 || count(t, db, signedIn) != 1 {
		t.Errorf("one session became %v", bound)
	}
}

// TestPostgreSQLKnowsEveryRole: the CHECK of a session's role lists the roles
// of staff, no more and no fewer.
func TestPostgreSQLKnowsEveryRole(t *testing.T) {
	_, db := newSessions(t)
	var check string
	if err := db.Super.QueryRow(context.Background(), `SELECT pg_get_constraintdef(oid) FROM pg_constraint
		WHERE conrelid = 'sceau.staff_sessions'::regclass AND conname = 'role_known'`).Scan(&check); err != nil {
		t.Fatal(err)
	}
	var listed []string
	for _, quoted := range regexp.MustCompile(`'([a-z_]+)'`).FindAllStringSubmatch(check, -1) {
		listed = append(listed, quoted[1])
	}
	if !slices.Equal(listed, policy.StaffRoles) {
		t.Errorf("PostgreSQL lists %v, policy %v", listed, policy.StaffRoles)
	}
}

// TestRowsThatDisagreeWithTheLog: whoever can write the rows of a session, but
// not the log, does not become somebody else.
func TestRowsThatDisagreeWithTheLog(t *testing.T) {
	ctx := context.Background()
	for name, change := range map[string]string{
		"another role":    `UPDATE sceau.staff_sessions SET role = 'supervisor'`,
		"another account": `UPDATE sceau.staff SET subject = subject || ' before'; INSERT INTO sceau.staff SELECT 's-else', issuer, 'amal', person_id, unit_id, name FROM sceau.staff; UPDATE sceau.staff_sessions SET staff_id = 's-else'`,
		"another entry":   `UPDATE sceau.staff_sessions SET signed_in_seq = (SELECT max(seq) FROM sceau.entries)`,
		"no entry":        `UPDATE sceau.staff_sessions SET signed_in_seq = 1000000`,
	} {
		t.Run(name, func(t *testing.T) {
			sessions, db := newSessions(t)
			if _, err := sessions.Of(ctx, amal("one"), "agent"); err != nil {
				t.Fatal(err)
			}
			if _, err := sessions.Of(ctx, amal("two"), "supervisor"); err != nil {
				t.Fatal(err)
			}
			if _, err := db.Super.Exec(ctx, change+` WHERE sid_sha256 = sha256('one')`); err != nil {
				t.Fatal(err)
			}
			if _, err := sessions.Of(ctx, amal("one"), ""); !errors.Is(err, pgstore.ErrAltered) {
				t.Errorf("got %v, want %v", err, pgstore.ErrAltered)
			}
		})
	}
}

// That somebody is here cannot be noted: they are let in all the same, and it is
// counted.
func TestPresenceThatCannotBeNotedStopsNobody(t *testing.T) {
	ctx := context.Background()
	sessions, db := newSessions(t)
	first, err := sessions.Of(ctx, amal("one"), "agent")
	if err != nil {
		t.Fatal(err)
	}
	for _, sql := range []string{
		`UPDATE sceau.staff_sessions SET last_seen_at = now() - interval '5 minutes'`,
		`REVOKE UPDATE (last_seen_at) ON sceau.staff_sessions FROM sceau_staff`,
	} {
		if _, err := db.Super.Exec(ctx, sql); err != nil {
			t.Fatal(err)
		}
	}
	again, err := sessions.Of(ctx, amal("one"), "")
	if err != nil || again.Actor != first.Actor {
		t.Errorf("got %+v, %v", again, err)
	}
	if n := sessions.Unnoted(); n != 1 {
		t.Errorf("%d were counted", n)
	}
	if _, err := db.Super.Exec(ctx, `GRANT UPDATE (last_seen_at) ON sceau.staff_sessions TO sceau_staff`); err != nil {
		t.Fatal(err)
	}
	if _, err := sessions.Of(ctx, amal("one"), ""); err != nil || sessions.Unnoted() != 1 {
		t.Errorf("afterwards: %v, %d", err, sessions.Unnoted())
	}
	if n := count(t, db, `SELECT count(*) FROM sceau.staff_sessions WHERE last_seen_at > now() - interval '1 minute'`); n != 1 {
		t.Error("nobody was seen afterwards")
	}
}
