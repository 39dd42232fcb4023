package pglog_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/sceau-project/sceau/audit"
	"github.com/sceau-project/sceau/audit/pglog"
	"github.com/sceau-project/sceau/internal/pgtest"
)

// open hands a test a log that writes as via.
func open(t testing.TB, db *pgtest.DB, via audit.Via, change ...func(*pglog.Config)) *pglog.Log {
	t.Helper()
	cfg := pglog.Config{Pool: db.Pool(t, "sceau_"+string(via)), Via: via}
	for _, c := range change {
		c(&cfg)
	}
	l, err := pglog.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

const (
	caseA = "0b7b4b44-7a3b-4b43-9d2f-0f1b1f6b3a01"
	caseB = "0b7b4b44-7a3b-4b43-9d2f-0f1b1f6b3a02"
)

func signedIn(n int) pglog.Draft {
	return pglog.Draft{
		Actor:  audit.Actor{ID: fmt.Sprintf("s-%04d", n), Person: fmt.Sprintf("p-%04d", n), Role: "agent", Unit: "u-1", Session: "x-1"},
		Action: audit.ActionStaffSignedIn,
	}
}

func TestManyCallersShareBatches(t *testing.T) {
	db := pgtest.New(t)
	l := open(t, db, audit.ViaStaff)
	const callers, each = 50, 20
	var mu sync.Mutex
	seen := make(map[int64]audit.Hash)
	var wg sync.WaitGroup
	for n := range callers {
		wg.Go(func() {
			for range each {
				ref, err := l.Append(t.Context(), signedIn(n))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				if _, twice := seen[ref.Seq]; twice {
					t.Errorf("two callers were told %d", ref.Seq)
				}
				seen[ref.Seq] = ref.Hash
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	for seq := range int64(callers * each) {
		var hash []byte
		if err := db.Super.QueryRow(t.Context(), `SELECT hash FROM sceau.entries WHERE seq = $1`, seq).Scan(&hash); err != nil {
			t.Fatal(err)
		}
		if h := seen[seq]; string(hash) != string(h[:]) {
			t.Errorf("entry %d is not the one its caller was told", seq)
		}
	}
	var transactions int
	if err := db.Super.QueryRow(t.Context(), `SELECT count(DISTINCT xmin::text) FROM sceau.entries`).Scan(&transactions); err != nil {
		t.Fatal(err)
	}
	if transactions > callers*each/4 {
		t.Errorf("%d entries took %d transactions: they did not share", callers*each, transactions)
	}
}
