package pgstore_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/pgstore"
)

// A notice is queued in the turn of its entry: neither exists without the other.
func TestANoticeCommitsWithItsEntry(t *testing.T) {
	ctx := t.Context()
	db := pgtest.New(t)
	staff := db.Pool(t, "sceau_staff")
	log, err := pglog.Open(ctx, pglog.Config{Pool: staff, Via: audit.ViaStaff})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(log.Close)
	queue, err := pgstore.New(pgstore.Config{Pool: staff, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	id := uuid.NewString()
	turn := func(fail bool) error {
		_, err := log.Do(ctx, pglog.Idempotency{}, func(ctx context.Context, turn *pglog.Turn) (any, error) {
			if _, err := turn.Append(pglog.Draft{Actor: audit.Actor{ID: "s-1"}, Action: "staff.signed_in"}); err != nil {
				return nil, err
			}
			now := notice.Notice{Kind: notice.RequestWaiting, ID: id, At: turn.At}
			later := notice.Notice{Kind: notice.RequestReminder, ID: id, At: turn.At.Add(time.Hour)}
			if err := queue.Call(ctx, turn.Tx, now, later, now); err != nil {
				return nil, err
			}
			if fail {
				return nil, context.Canceled
			}
			return nil, nil
		})
		return err
	}
	if err := turn(true); err == nil {
		t.Fatal("a failing turn succeeded")
	}
	count := func() (n int) {
		t.Helper()
		if err := db.Super.QueryRow(ctx, `SELECT count(*) FROM sceau_queue.river_job`).Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	if n := count(); n != 0 {
		t.Fatalf("%d notices of a turn that was undone", n)
	}
	if err := turn(false); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != 2 {
		t.Fatalf("%d notices, want one now and one later", n)
	}
}
