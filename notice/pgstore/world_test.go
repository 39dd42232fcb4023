package pgstore_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/sceau-project/sceau/internal/pgtest"
	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/pgstore"
	"github.com/sceau-project/sceau/notice/webhook"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"

// receiver is a pager: it verifies what it gets with the standard's own library.
type receiver struct {
	*httptest.Server
	t *testing.T

	mu     sync.Mutex
	answer func(http.ResponseWriter, *http.Request)
	got    []received
	came   chan struct{}
}

type received struct{ id, body string }

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{t: t, came: make(chan struct{}, 1000)}
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(request.Body)
		if err != nil {
			return // the sender was killed meanwhile
		}
		if err := verifier.Verify(body, request.Header); err != nil {
			t.Errorf("the signature does not hold: %v", err)
		}
		r.mu.Lock()
		r.got = append(r.got, received{request.Header.Get("webhook-id"), string(body)})
		answer := r.answer
		r.mu.Unlock()
		r.came <- struct{}{}
		if answer != nil {
			answer(w, request)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(f func(http.ResponseWriter, *http.Request)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

// next waits for one delivery more.
func (r *receiver) next() received {
	r.t.Helper()
	select {
	case <-r.came:
	case <-time.After(90 * time.Second):
		r.t.Fatal("nothing was delivered")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[len(r.got)-1]
}

// world is a database with its queue's process, or processes.
type world struct {
	*pgtest.DB
	t       *testing.T
	staff   *pgxpool.Pool
	printed bytes.Buffer
	mu      sync.Mutex
	counts  map[string]int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	db := pgtest.New(t)
	return &world{DB: db, t: t, staff: db.Pool(t, "sceau_staff"), counts: map[string]int{}}
}

func (w *world) Write(b []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.printed.Write(b)
}

func (w *world) count(k notice.Kind, outcome string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counts[string(k)+" "+outcome]++
}

func (w *world) counted(what string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counts[what]
}

// queue is one process's, not running yet.
func (w *world) queue(channels ...pgstore.Channel) *pgstore.Queue {
	w.t.Helper()
	q, err := pgstore.New(pgstore.Config{Pool: w.staff, Logger: slog.New(slog.NewTextHandler(w, nil)), Channels: channels, Count: w.count})
	if err != nil {
		w.t.Fatal(err)
	}
	return q
}

// run runs q until the test ends, or stop is called.
func (w *world) run(q *pgstore.Queue) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := q.Run(ctx); err != nil {
			w.t.Errorf("run the queue: %v", err)
		}
	}()
	stop = func() { cancel(); <-done }
	w.t.Cleanup(stop)
	return stop
}

func (w *world) call(q *pgstore.Queue, notices ...notice.Notice) {
	w.t.Helper()
	if err := pgx.BeginFunc(w.t.Context(), w.staff, func(tx pgx.Tx) error { return q.Call(w.t.Context(), tx, notices...) }); err != nil {
		w.t.Fatal(err)
	}
}

// row puts a projection in place without its entry: the queue reads rows alone.
func (w *world) row(sql string, args ...any) {
	w.t.Helper()
	err := pgx.BeginFunc(w.t.Context(), w.Super, func(tx pgx.Tx) error {
		if _, err := tx.Exec(w.t.Context(), `SET LOCAL session_replication_role = replica`); err != nil {
			return err
		}
		_, err := tx.Exec(w.t.Context(), sql, args...)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

// pending is a request that waits for an answer, and its notice.
func (w *world) pending() notice.Notice {
	w.t.Helper()
	n := notice.Notice{Kind: notice.RequestWaiting, ID: uuid.NewString(), At: time.Now().Truncate(time.Microsecond), Unit: "u-09"}
	w.row(`INSERT INTO sceau.escalations (escalation_id, case_id, requester_id, requester_person, ground, state, requested_at, deadline, last_seq)
		VALUES ($1, gen_random_uuid(), 's-1', 'p-1', 'imminent_danger', 'requested', $2::timestamptz, $2::timestamptz + interval '10 minutes', 1)`, n.ID, n.At)
	return n
}

// table is everything the queue's tables hold, as text.
func (w *world) table() (all string) {
	w.t.Helper()
	if err := w.Super.QueryRow(w.t.Context(), `SELECT coalesce(string_agg(j::text, E'\n'), '') FROM sceau_queue.river_job j`).Scan(&all); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *world) number(sql string, args ...any) (n int) {
	w.t.Helper()
	if err := w.Super.QueryRow(w.t.Context(), sql, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// eventually waits for what the queue writes down after the fact.
func (w *world) eventually(what string, is func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for !is() {
		if time.Now().After(deadline) {
			w.t.Fatalf("%s did not come about; the queue holds\n%s", what, w.table())
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func hook(t *testing.T, name, url string, roles ...string) pgstore.Channel {
	t.Helper()
	sender, err := webhook.New(webhook.Config{URL: url, Secret: secret})
	if err != nil {
		t.Fatal(err)
	}
	return pgstore.Channel{Name: name, Roles: roles, Lane: "webhooks", Sender: sender}
}
