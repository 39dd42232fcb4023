package pgstore_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/sceau-project/sceau/notice/pgstore"
)

// queued is what the queue was told to call people for, by id.
func (w *world) queued() map[string][]string {
	w.t.Helper()
	rows, err := w.Super.Query(w.t.Context(), `SELECT args #>> '{notice,kind}', args #>> '{notice,id}' FROM sceau_queue.river_job WHERE kind = 'call' ORDER BY 1`)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string][]string{}
	var kind, id string
	if _, err := pgx.ForEachRow(rows, []any{&kind, &id}, func() error {
		all[id] = append(all[id], kind)
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) sweep(q *pgstore.Queue) int {
	w.t.Helper()
	n, err := q.Sweep(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	return n
}

// What the rows say, and what follows from it.
func TestSweep(t *testing.T) {
	t.Parallel()
	const escalation = `INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, requested_at, last_seq, ground, state, deadline, break_glass_from, review_by, review, tell_by)
		VALUES ($1, gen_random_uuid(), 's-1', 'p-1', now() - interval '1 hour', 1, `
	const erasure = `INSERT INTO sceau.erasures (erasure_id, case_id, requested_at, requested_seq, verdict, decided_at, decided_seq)
		VALUES ($1, gen_random_uuid(), now() - `
	tests := []struct {
		name, row string
		want      []string
	}{
		{"a request that waits", escalation + `'imminent_danger', 'requested', now() + interval '9 min', NULL, NULL, NULL, NULL)`, []string{"request_waiting"}},
		{"one whose glass may be broken", escalation + `'imminent_danger', 'requested', now() + interval '4 min', now(), NULL, NULL, NULL)`, []string{"confirmation_wanted", "request_waiting"}},
		{"one whose glass may be broken later", escalation + `'imminent_danger', 'requested', now() + interval '4 min', now() + interval '1 min', NULL, NULL, NULL)`, []string{"request_waiting"}},
		{"one on a magistrate's order", escalation + `'judicial_requisition', 'requested', now() + interval '9 h', NULL, NULL, NULL, NULL)`, []string{"request_waiting", "requisition_waiting"}},
		{"one that nobody answered in time", escalation + `'imminent_danger', 'requested', now() - interval '1 s', now(), NULL, NULL, NULL)`, nil},
		{"one that was answered", escalation + `'imminent_danger', 'approved', now() + interval '9 min', now(), NULL, NULL, NULL)`, nil},
		{"a glass just broken", escalation + `'imminent_danger', 'closed', NULL, NULL, now() + interval '72 h', NULL, NULL)`, nil},
		{"a review due within a day", escalation + `'imminent_danger', 'closed', NULL, NULL, now() + interval '23 h', NULL, NULL)`, []string{"review_due"}},
		{"a review overdue", escalation + `'imminent_danger', 'closed', NULL, NULL, now() - interval '1 h', NULL, NULL)`, []string{"review_overdue"}},
		{"overdue for a month", escalation + `'imminent_danger', 'closed', NULL, NULL, now() - interval '30 days 1 h', NULL, NULL)`, []string{"review_overdue"}},
		{"a review done, late", escalation + `'imminent_danger', 'closed', NULL, NULL, now() - interval '1 h', 'abusive', NULL)`, nil},
		{"a minor to be told", escalation + `'consent', 'closed', NULL, NULL, NULL, NULL, now() - interval '1 s')`, []string{"telling_due"}},
		{"a minor to be told later", escalation + `'consent', 'closed', NULL, NULL, NULL, NULL, now() + interval '1 min')`, nil},
		{"a minor out of reach", `WITH gone AS (INSERT INTO sceau.cases (case_id, transcript_recipient, identity_recipient, transcript_seq, identity_seq, opened,
				transcript_destroyed_seq, identity_destroyed_seq) VALUES (gen_random_uuid(), '', '', 1, 2, true, 3, 4) RETURNING case_id)
			INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, requested_at, last_seq, ground, state, tell_by)
			SELECT $1, case_id, 's-1', 'p-1', now(), 1, 'consent', 'closed', now() - interval '1 s' FROM gone`, nil},
		{"a request for erasure", erasure + `interval '1 s', 1, NULL, NULL, NULL)`, []string{"erasure_waiting"}},
		{"one of last year", erasure + `interval '370 days', 1, NULL, NULL, NULL)`, []string{"erasure_waiting"}},
		{"one that was decided", erasure + `interval '1 s', 1, 'refused', now(), 2)`, nil},
	}
	w := newWorld(t)
	q := w.queue()
	ids := make([]string, len(tests))
	for i, tt := range tests {
		ids[i] = uuid.NewString()
		w.row(tt.row, ids[i])
	}
	w.sweep(q)
	queued := w.queued()
	for i, tt := range tests {
		if got := queued[ids[i]]; !slices.Equal(got, tt.want) {
			t.Errorf("%s: called for %v, want %v", tt.name, got, tt.want)
		}
	}
	if again := w.sweep(q); again != 0 {
		t.Errorf("called again for %d", again)
	}
	// Finished is known to have been, until it is removed.
	if _, err := w.Super.Exec(t.Context(), `UPDATE sceau_queue.river_job SET state = 'cancelled', finalized_at = now()`); err != nil {
		t.Fatal(err)
	}
	if again := w.sweep(q); again != 0 {
		t.Errorf("called again for %d that are finished", again)
	}
}

// Overdue things call again, a day later; the notices of two days are two.
func TestOverdueCallsAgainEveryDay(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.queue()
	w.row(`INSERT INTO sceau.erasures (erasure_id, case_id, requested_at, requested_seq) VALUES (gen_random_uuid(), gen_random_uuid(), now() - interval '23 h 59 min', 1)`)
	first := w.sweep(q)
	w.row(`UPDATE sceau.erasures SET requested_at = requested_at - interval '2 min'`)
	if second := w.sweep(q); first != 1 || second != 1 {
		t.Errorf("called %d times, then %d", first, second)
	}
}

// Several staff processes sweep at once: people are called once.
func TestSweepersDoNotDouble(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const requests = 60 // and two notices at once lock each other out only in different orders
	for range requests {
		w.pending()
	}
	var wg sync.WaitGroup
	start := make(chan struct{})
	for range 4 {
		q := w.queue()
		wg.Go(func() {
			<-start
			for range 3 {
				if _, err := q.Sweep(context.Background()); err != nil {
					t.Errorf("sweep: %v", err)
				}
			}
		})
	}
	close(start)
	wg.Wait()
	if got := w.queued(); len(got) != requests {
		t.Errorf("%d notices of %d requests", len(got), requests)
	}
}

// The queue is the staff face's alone, and no process may change its tables.
func TestWhoReachesTheQueue(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, role := range []string{"sceau_public", "sceau_custodian", "sceau_operator"} {
		for _, sql := range []string{
			`SELECT * FROM sceau_queue.river_job`, `INSERT INTO sceau_queue.river_job (kind, args, max_attempts) VALUES ('call', '{}', 1)`,
			`DELETE FROM sceau_queue.river_job`, `SELECT nextval('sceau_queue.river_job_id_seq')`,
		} {
			if _, err := w.Pool(t, role).Exec(t.Context(), sql); err == nil || !strings.Contains(err.Error(), "permission denied") {
				t.Errorf("%s: %s: %v", role, sql, err)
			}
		}
	}
	for _, sql := range []string{
		`DROP TABLE sceau_queue.river_job`, `CREATE TABLE sceau_queue.mine ()`, `TRUNCATE sceau_queue.river_job`,
		`ALTER TABLE sceau_queue.river_job DISABLE TRIGGER ALL`, `DELETE FROM sceau_queue.river_migration`,
	} {
		if _, err := w.staff.Exec(t.Context(), sql); err == nil {
			t.Errorf("sceau_staff: went through: %s", sql)
		}
	}
}
