package pgstore_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/sceau-project/sceau/notice"
	"github.com/sceau-project/sceau/notice/pgstore"
)

func TestDelivered(t *testing.T) {
	t.Parallel()
	w, r, inspectors := newWorld(t), newReceiver(t), newReceiver(t)
	q := w.queue(hook(t, "pager", r.URL, "supervisor"), hook(t, "inspection", inspectors.URL, "inspector"))
	w.run(q)
	n := w.pending()
	w.call(q, n)
	got := r.next()
	want := fmt.Sprintf(`{"type":"request_waiting","id":"%s","at":"%s","roles":["supervisor"],"unit":"u-09"}`,
		n.ID, n.At.UTC().Format("2006-01-02T15:04:05.000000Z"))
	if got.body != want || got.id != n.MessageID() {
		t.Errorf("got %s %s\nwant %s %s", got.id, got.body, n.MessageID(), want)
	}
	w.eventually("the end of both jobs", func() bool {
		return w.number(`SELECT count(*) FROM sceau_queue.river_job WHERE state = 'completed'`) == 2
	})
	if len(inspectors.got) != 0 {
		t.Errorf("whoever is not called was told %v", inspectors.got)
	}
	// The same notice again, whoever queues it: nobody is called twice.
	w.call(q, n)
	if jobs := w.number(`SELECT count(*) FROM sceau_queue.river_job`); jobs != 2 {
		t.Errorf("%d jobs of one notice on one channel", jobs)
	}
}

// A receiver that is down, that answers nonsense, that sends elsewhere: the
// notice comes when it is back, under the same id, and nothing of what it said
// is kept.
func TestAReceiverThatIsDownComesBack(t *testing.T) {
	t.Parallel()
	const planted = "PLANTED-chez-ma-tante"
	w, r, elsewhere := newWorld(t), newReceiver(t), newReceiver(t)
	path := "/hooks/s3cr3t-path"
	q := w.queue(hook(t, "pager", r.URL+path, "supervisor"))
	tries := 0
	r.answers(func(rw http.ResponseWriter, request *http.Request) {
		switch tries++; tries {
		case 1:
			rw.Header().Set("X-Said", planted)
			http.Error(rw, planted, http.StatusServiceUnavailable)
		case 2:
			http.Redirect(rw, request, elsewhere.URL+"/"+planted, http.StatusTemporaryRedirect)
		case 3: // no answer at all
			panic(http.ErrAbortHandler)
		}
	})
	w.run(q)
	n := w.pending()
	w.call(q, n)
	for range 4 {
		if got := r.next(); got.id != n.MessageID() {
			t.Fatalf("delivered as %s, want %s", got.id, n.MessageID())
		}
	}
	w.eventually("the delivery", func() bool { return w.counted("request_waiting delivered") == 1 })
	if failed := w.counted("request_waiting failed"); failed != 3 {
		t.Errorf("%d tries failed, want 3", failed)
	}
	if len(elsewhere.got) != 0 {
		t.Error("a redirect was followed")
	}
	w.mu.Lock()
	printed := w.printed.String()
	w.mu.Unlock()
	for where, text := range map[string]string{"the queue": w.table(), "the log": printed} {
		for _, secret := range []string{planted, "s3cr3t-path", r.Listener.Addr().String(), strings.TrimPrefix(secret, "whsec_")} {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q:\n%s", where, secret, text)
			}
		}
	}
	for _, code := range []string{"refused 503", "redirected 307", "unreachable"} {
		if !strings.Contains(w.table(), code) {
			t.Errorf("the queue does not say %q:\n%s", code, w.table())
		}
	}
	if strings.Count(printed, "level=WARN") != 1 || !strings.Contains(printed, "notices are delivered again") {
		t.Errorf("one failure and its end are logged once each, not:\n%s", printed)
	}
}

// Answered before anybody was reached, the request calls nobody.
func TestWhatIsAnsweredCallsNobody(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), newReceiver(t)
	q := w.queue(hook(t, "pager", r.URL, "supervisor"))
	answered, late := w.pending(), w.pending()
	w.call(q, answered, late)
	w.row(`UPDATE sceau.escalations SET state = 'approved' WHERE escalation_id = $1`, answered.ID)
	w.run(q)
	if got := r.next(); got.id != late.MessageID() {
		t.Errorf("called for %s", got.body)
	}
	w.eventually("the end of the other", func() bool { return w.counted("request_waiting dropped") == 1 })
	if len(r.got) != 1 {
		t.Errorf("called %d times", len(r.got))
	}
}

const (
	childURL      = "SCEAU_TEST_CHILD_URL"
	childReceiver = "SCEAU_TEST_CHILD_RECEIVER"
)

// child is a staff process's part that delivers, until it is killed.
func child(url, receiver string) {
	pool, err := pgxpool.New(context.Background(), url)
	if err == nil {
		var q *pgstore.Queue
		if q, err = pgstore.New(pgstore.Config{Pool: pool, Logger: slog.Default(),
			Channels: []pgstore.Channel{hook(&testing.T{}, "pager", receiver, "supervisor")}}); err == nil {
			err = q.Run(context.Background())
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// Killed between the commit and the delivery, or in the middle of it: whoever
// starts next delivers, under the same id.
func TestKilled(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), newReceiver(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	release := make(chan struct{})
	r.answers(func(http.ResponseWriter, *http.Request) { <-release })
	process := exec.Command(self)
	process.Env = append(os.Environ(), childURL+"="+w.URL("sceau_staff"), childReceiver+"="+r.URL)
	process.Stderr = os.Stderr
	process.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // whatever ends this test
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = process.Process.Kill() })
	q := w.queue(hook(t, "pager", r.URL, "supervisor"))
	n := w.pending()
	w.call(q, n)
	first := r.next() // it has been handed over, and the process does not know yet
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait()
	r.answers(nil)
	close(release)
	after := w.pending()
	w.call(q, after) // committed while no process is there
	started := time.Now()
	w.run(q)
	if got := r.next(); got.id != after.MessageID() {
		t.Fatalf("delivered %s first", got.body)
	}
	if took := time.Since(started); took > 5*time.Second {
		t.Errorf("what waited was delivered %v after the start", took)
	}
	if again := r.next(); again != first || again.id != n.MessageID() {
		t.Errorf("delivered again as %+v, want %+v", again, first)
	}
	t.Logf("taken over after %v", time.Since(started))
	w.eventually("the end", func() bool {
		return w.number(`SELECT count(*) FROM sceau_queue.river_job WHERE state = 'completed'`) == 4
	})
}

// Answered between two tries, the request calls nobody any more; whoever was
// away is not called to what is over.
func TestAnsweredBetweenTries(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), newReceiver(t)
	q := w.queue(hook(t, "pager", r.URL, "supervisor"))
	r.answers(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
	n := w.pending()
	w.call(q, n)
	w.run(q)
	r.next()
	w.row(`UPDATE sceau.escalations SET state = 'denied', deadline = NULL WHERE escalation_id = $1`, n.ID)
	w.eventually("the drop", func() bool {
		left, err := q.Backlog(t.Context())
		return err == nil && left == (pgstore.Backlog{}) && w.counted("request_waiting dropped") == 1
	})
}

// A process that does not know a channel leaves its deliveries to those that do.
func TestAChannelThatIsConfiguredElsewhere(t *testing.T) {
	t.Parallel()
	w, r := newWorld(t), newReceiver(t)
	r.answers(func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusBadGateway) })
	n := w.pending()
	knows := w.queue(hook(t, "pager", r.URL, "supervisor"))
	w.call(knows, n)
	stop := w.run(knows)
	r.next()
	stop()
	other := hook(t, "another", r.URL, "inspector")
	stop = w.run(w.queue(other))
	w.eventually("a try", func() bool { return strings.Contains(w.table(), "channel_unknown") })
	if left, err := knows.Backlog(t.Context()); err != nil || left.Undelivered != 1 || left.Oldest < 100*time.Millisecond || left.Oldest > time.Minute {
		t.Errorf("left: %+v, %v", left, err)
	}
	stop()
	r.answers(nil)
	w.run(w.queue(hook(t, "pager", r.URL, "supervisor")))
	if got := r.next(); got.id != n.MessageID() {
		t.Errorf("delivered %+v", got)
	}
}

type talker struct{}

func (talker) Send(context.Context, notice.Notice) error {
	return errors.New("they said PLANTED-chez-ma-tante")
}

// An error that is no code of ours is neither stored nor logged.
func TestOnlyCodesAreKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := w.queue(pgstore.Channel{Name: "talker", Roles: []string{"supervisor"}, Lane: "talk", Sender: talker{}})
	w.call(q, w.pending())
	w.run(q)
	w.eventually("the failure", func() bool { return strings.Contains(w.table(), "failed") })
	w.mu.Lock()
	defer w.mu.Unlock()
	if all := w.table() + w.printed.String(); strings.Contains(all, "PLANTED") {
		t.Errorf("kept: %s", all)
	}
}
