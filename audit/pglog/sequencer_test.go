package pglog_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// Each face, the custodian and the operator append to one chain; pgtest verifies
// it when the test ends.
func TestSeveralProcessesOnOneChain(t *testing.T) {
	db := pgtest.New(t)
	drafts := map[audit.Via]pglog.Draft{
		audit.ViaPublic:    {Actor: audit.Actor{ID: "minor", Role: "minor"}, Action: audit.ActionConsentGiven, Case: caseA},
		audit.ViaStaff:     signedIn(1),
		audit.ViaCustodian: {Actor: audit.Actor{ID: "custodian"}, Action: audit.ActionConversationRead, Case: caseB},
		audit.ViaOperator:  {Actor: audit.Actor{ID: "operator"}, Action: audit.ActionPolicyActivated, Subject: audit.Subject{Type: "policy", ID: "sha256:00"}},
	}
	const callers, each = 5, 20
	var wg sync.WaitGroup
	for via, draft := range drafts {
		for range 2 { // two processes of each
			l := open(t, db, via)
			for range callers {
				wg.Go(func() {
					var last pglog.Ref
					for range each {
						ref, err := l.Append(t.Context(), draft)
						if err != nil {
							t.Errorf("%s: %v", via, err)
							return
						}
						if ref.Seq <= last.Seq && last.Seq > 0 || ref.At.Before(last.At) {
							t.Errorf("%s: entry %d at %v after %d at %v", via, ref.Seq, ref.At, last.Seq, last.At)
						}
						last = ref
					}
				})
			}
		}
	}
	wg.Wait()
	if n, want := entries(t, db), int64(4*2*callers*each); n != want {
		t.Errorf("%d entries, want %d", n, want)
	}
}

// Somebody sits on the head: callers are refused in good time, not hung, and
// served when it is free.
func TestAForeignLockOnTheHead(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff, impatient)
	conn, err := pgx.Connect(t.Context(), db.URL("sceau_public"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(t.Context(), `BEGIN; SELECT sceau.lock_head()`); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	var wg sync.WaitGroup
	for n := range 20 {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), signedIn(n)); !errors.Is(err, pglog.ErrUnavailable) {
				t.Errorf("answered %v", err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(start); took > 4*time.Second {
		t.Errorf("twenty callers waited %v for a lock of half a second", took)
	}
	if _, err := conn.Exec(t.Context(), `ROLLBACK`); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Append(t.Context(), signedIn(1)); err != nil {
		t.Errorf("after the head was free: %v", err)
	}
}

// A process that died with the head in its hands is thrown out by its role's
// idle-in-transaction timeout.
func TestRolesCannotHoldTheHeadForEver(t *testing.T) {
	db := pgtest.New(t)
	for _, role := range services {
		var idle string
		if err := db.Pool(t, role).QueryRow(t.Context(), `SHOW idle_in_transaction_session_timeout`).Scan(&idle); err != nil || idle != "10s" {
			t.Errorf("%s: %s, %v", role, idle, err)
		}
	}
}

// Who gives up while queueing was not served, and who is being served waits.
func TestCallersWhoGiveUp(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := l.Append(gone, signedIn(1)); !errors.Is(err, context.Canceled) && err != nil {
		t.Errorf("answered %v", err)
	}
	before := entries(t, db)

	ctx, cancel := context.WithCancel(t.Context())
	_, err := l.Do(ctx, pglog.Idempotency{}, func(_ context.Context, turn *pglog.Turn) (any, error) {
		cancel() // from here on the caller's context is done, which the effect wrongly uses
		if err := note(ctx, turn, "kept"); err != nil {
			return nil, err
		}
		_, err := turn.Append(signedIn(2))
		return nil, err
	})
	if err != nil || !noted(t, db, "kept") {
		t.Errorf("a batch under way was cancelled by a caller: %v", err)
	}
	if n := entries(t, db) - before; n != 1 {
		t.Errorf("%d entries", n)
	}
}

func TestOpenRefuses(t *testing.T) {
	db := pgtest.New(t)
	ctx := t.Context()
	if _, err := pglog.Open(ctx, pglog.Config{Via: audit.ViaStaff}); err == nil {
		t.Error("a log without a pool")
	}
	if _, err := pglog.Open(ctx, pglog.Config{Pool: db.Pool(t, "sceau_staff"), Via: audit.ViaCustodian}); err == nil || !strings.Contains(err.Error(), "may not write as custodian") {
		t.Errorf("staff as custodian: %v", err)
	}
	if _, err := pglog.Open(ctx, pglog.Config{Pool: db.Super, Via: audit.ViaStaff}); err == nil {
		t.Error("the superuser as staff")
	}
	attack(t, db.Super, `ALTER TABLE sceau.log_head DISABLE TRIGGER ALL`)
	attack(t, db.Super, `DELETE FROM sceau.log_head`)
	db.Tampered()
	if _, err := pglog.Open(ctx, pglog.Config{Pool: db.Pool(t, "sceau_staff"), Via: audit.ViaStaff}); err == nil || !strings.Contains(err.Error(), "no origin") {
		t.Errorf("a log without an origin: %v", err)
	}
}

func TestClosing(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	var wg sync.WaitGroup
	for n := range 50 {
		wg.Go(func() {
			if _, err := l.Append(t.Context(), signedIn(n)); err != nil && !errors.Is(err, pglog.ErrClosed) {
				t.Error(err)
			}
		})
	}
	l.Close()
	l.Close()
	wg.Wait()
	if _, err := l.Append(t.Context(), signedIn(1)); !errors.Is(err, pglog.ErrClosed) || !errors.Is(err, pglog.ErrUnavailable) {
		t.Errorf("after Close: %v", err)
	}
}

// What can never be an entry is refused to its caller, before it queues.
func TestWhatIsNoEntry(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	long := signedIn(1)
	long.Details = audit.Details{"a": strings.Repeat("x", audit.MaxLeaf)}
	if _, err := l.Append(t.Context(), long); !errors.Is(err, audit.ErrTooLong) {
		t.Errorf("an entry of more than %d bytes: %v", audit.MaxLeaf, err)
	}
	nobody := signedIn(1)
	nobody.Actor.ID = ""
	if _, err := l.Append(t.Context(), nobody); err == nil {
		t.Error("an entry of nobody")
	}
	half := signedIn(1)
	half.Subject.Type = "escalation"
	if _, err := l.Append(t.Context(), half); err == nil {
		t.Error("an entry with half a subject")
	}
	if n := entries(t, db); n != 0 {
		t.Errorf("%d entries", n)
	}
}

// The longest leaf that can be is taken, whole.
func TestTheLongestEntry(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	d := signedIn(1)
	d.Details = audit.Details{"a": ""}
	ref, err := l.Append(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	r, err := pglog.At(t.Context(), db.Super, ref.Seq)
	if err != nil {
		t.Fatal(err)
	}
	room := audit.MaxLeaf - len(r.Leaf)
	d.Details = audit.Details{"a": strings.Repeat("x", room)}
	if ref, err = l.Append(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	if r, err = pglog.At(t.Context(), db.Super, ref.Seq); err != nil || len(r.Leaf) != audit.MaxLeaf {
		t.Errorf("%d bytes, %v", len(r.Leaf), err)
	}
}

// Partitions are there before they are needed, whoever appends.
func TestCrossingIntoTheNextPartition(t *testing.T) {
	db := pgtest.New(t)
	db.Tampered() // the log is made to begin just before the end of a partition
	const size = 1 << 20
	attack(t, db.Super, `ALTER TABLE sceau.log_head DISABLE TRIGGER ALL`)
	attack(t, db.Super, `UPDATE sceau.log_head SET seq = $1`, size-3)
	attack(t, db.Super, `ALTER TABLE sceau.log_head ENABLE TRIGGER ALL`)
	l := open(t, db, audit.ViaStaff)
	for n := range 6 {
		if _, err := l.Append(t.Context(), signedIn(n)); err != nil {
			t.Fatal(err)
		}
	}
	l.Close()
	owner := db.Pool(t, "sceau_owner")
	for _, c := range []struct {
		partition string
		entries   int
	}{{"entries_0000000", 3}, {"entries_0000001", 3}, {"entries_0000002", 0}} {
		var n int
		if err := db.Super.QueryRow(t.Context(), `SELECT count(*) FROM sceau.`+c.partition).Scan(&n); err != nil || n != c.entries {
			t.Errorf("%s has %d entries, %v", c.partition, n, err)
		}
		for _, sql := range []string{"TRUNCATE sceau.%s", "DELETE FROM sceau.%s", "UPDATE sceau.%s SET leaf = leaf"} {
			sql = fmt.Sprintf(sql, c.partition)
			if _, err := owner.Exec(t.Context(), sql); code(err) != refused {
				t.Errorf("the owner, %s: %v", sql, err)
			}
		}
	}
}
